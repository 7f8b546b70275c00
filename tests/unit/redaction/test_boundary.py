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
