from __future__ import annotations

import pytest

from redaction.policy import default_policy
from redaction.redactor import Redactor


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    return Redactor(default_policy())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("SSN\u53f7536-22-1234\u53f7", "SSN\u53f7<US_SSN>\u53f7", id="ssn in Chinese"),
        pytest.param("\u0628536-22-1234\u0628", "\u0628<US_SSN>\u0628", id="ssn in Arabic"),
        pytest.param("__536-22-1234__", "__<US_SSN>__", id="ssn between underlines"),
        pytest.param(
            "IBAN\u306fGB29NWBK60161331926819\u3067\u3059",
            "IBAN\u306f<IBAN_CODE>\u3067\u3059",
            id="iban in Japanese",
        ),
        pytest.param(
            "\u5730\u57401BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2\u7684", "\u5730\u5740<CRYPTO>\u7684", id="crypto in Chinese"
        ),
        pytest.param(
            r"a \nbc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", r"a \n<CRYPTO>", id="crypto behind an escape"
        ),
    ],
)  # fmt: skip
def test_a_value_ends_where_letters_and_digits_of_ascii_do(redactor: Redactor, text: str, expected: str) -> None:
    assert redactor.redact_text(text).text == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("_bob@example.com_", "{}_", id="Markdown"),
        pytest.param("bob@example.com_deleted", "{}_deleted", id="underline"),
        pytest.param("bob@example.com-deleted", "{}-deleted", id="dash"),
        pytest.param("bob@example.com_2024", "{}_2024", id="underline and year"),
        pytest.param("bob@example.com1", "{}1", id="digit"),
        pytest.param("bob@example.com-", "{}-", id="dash at the end"),
        pytest.param("bob@example.com-x.org", "{}", id="dash in the domain"),
        pytest.param('"john doe"@example.com', "{}", id="quoted mailbox"),
        pytest.param("\u90ae\u7bb1bob@example.com\u3002", "\u90ae\u7bb1{}\u3002", id="Chinese"),
        pytest.param("\u90ae\u7bb1bob@example.com\u5417", "\u90ae\u7bb1{}\u5417", id="Chinese letter behind it"),
        pytest.param("\u90ae" * 80 + "bob@example.com", "\u90ae" * 80 + "{}", id="a long Chinese sentence"),
        pytest.param("j\u00fcrgen@b\u00fccher.example", "{}", id="letters of Latin"),
        pytest.param("\u7528\u6237@\u4f8b\u5b50.\u5e7f\u544a", "{}", id="all of it Chinese"),
        pytest.param("git@github.com:foo/bar.git", "git@github.com:foo/bar.git", id="path of version control"),
        pytest.param("git@github.com: hello", "{}: hello", id="the address of that user"),
        pytest.param("pkg@3.11.rc1", "pkg@3.11.rc1", id="version"),
        pytest.param("https://bob@example.com/", "https://{}/", id="user of a URL"),
    ],
)
def test_an_address_ends_with_the_letters_of_its_domain(redactor: Redactor, text: str, expected: str) -> None:
    assert redactor.redact_text(text).text == expected.replace("{}", "<EMAIL_ADDRESS>")


@pytest.mark.parametrize(
    ("before", "behind"),
    [
        pytest.param("postgres://u:", "@db.example.com/x", id="database"),
        pytest.param("redis://:", "@cache.internal:6379", id="without a user"),
        pytest.param("https://u:", "@h.example", id="web"),
        pytest.param("mysql://root:", "@localhost/", id="this machine"),
        pytest.param("see postgres://u:", "@db.example.com/x and more", id="in a sentence"),
    ],
)
@pytest.mark.parametrize("password", ["s3cretpass", "pw1234", "a:b.c-d", "p!w#x"])
def test_a_password_in_a_url_is_no_mailbox(redactor: Redactor, before: str, behind: str, password: str) -> None:
    redacted = redactor.redact_text(before + password + behind)
    assert redacted.text == f"{before}<SECRET_URL_PASSWORD>{behind}"


@pytest.mark.parametrize("text", ["https://u:it's@h.example/", "https://u:a/b@h.example/"])
def test_what_is_not_taken_for_a_password_is_a_mailbox(redactor: Redactor, text: str) -> None:
    assert "EMAIL_ADDRESS" in redactor.redact_text(text).entities


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("10.1.2.3-10.1.2.9", "{}-{}", id="range"),
        pytest.param("1.2.3.4-1.2.3.9", "{}-{}", id="range of small ones"),
        pytest.param("203.0.113.7- - [10/Oct/2000]", "{}- - [10/Oct/2000]", id="log line"),
        pytest.param("ip-10.1.2.3", "ip-{}", id="behind a word"),
        pytest.param("ip-1.2.3.4", "ip-{}", id="small behind a word for it"),
        pytest.param("-203.0.113.7", "-{}", id="behind a dash"),
        pytest.param("10.1.2.3-db", "{}-db", id="before a word"),
        pytest.param("_10.1.2.3_", "_{}_", id="underlines"),
        pytest.param("\u5730\u574010.1.2.3\u7684", "\u5730\u5740{}\u7684", id="Chinese"),
        pytest.param("\u5730\u57402001:db8::1\u7684", "\u5730\u5740{}\u7684", id="version 6 in Chinese"),
        pytest.param("connect to 2001:db8::1: connection refused", "connect to {}: connection refused", id="colon"),
        pytest.param("peer ::ffff:10.1.2.3 ok", "peer {} ok", id="version 4 in version 6"),
        pytest.param("peer 64:ff9b::10.1.2.3 ok", "peer {} ok", id="translated"),
        pytest.param("peer ::ffff:127.0.0.1", "peer ::ffff:127.0.0.1", id="this machine in version 6"),
        pytest.param("fe80::1%eth0", "{}%eth0", id="zone"),
        pytest.param("[2001:db8::1]:443", "[{}]:443", id="port"),
        pytest.param("nginx-1.25.3.1", "nginx-1.25.3.1", id="package"),
        pytest.param("numpy==1.26.4.0", "numpy==1.26.4.0", id="requirement"),
        pytest.param("120.0.0.1-rc1", "120.0.0.1-rc1", id="before a release"),
        pytest.param("app 1.2.3.4-2ubuntu1", "app 1.2.3.4-2ubuntu1", id="revision"),
        pytest.param("version_10.1.2.3", "version_10.1.2.3", id="version behind an underline"),
        pytest.param("time 12:34::56", "time 12:34::56", id="time"),
        pytest.param("fe::dc1", "fe::dc1", id="name with colons"),
        pytest.param("1.2.3.4.5", "1.2.3.4.5", id="five numbers"),
        pytest.param("a.10.1.2.3", "a.10.1.2.3", id="part of a name"),
    ],
)
def test_an_address_of_a_machine_ends_where_its_digits_do(redactor: Redactor, text: str, expected: str) -> None:
    assert redactor.redact_text(text).text == expected.replace("{}", "<IP_ADDRESS>")
