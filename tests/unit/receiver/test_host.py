from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from receiver.host import HostRule, Refusal

OPEN = [
    "127.0.0.1",
    "127.0.0.1:8000",
    "10.244.3.17:8000",
    "127.1:8000",
    "0.0.0.0",  # noqa: S104 - a header
    "[::1]",
    "[::1]:4318",
    "[FD00::5]:4318",
    "[::ffff:127.0.0.1]:80",
    "[fe80::1%25eth0]:8000",
    "[fe80::1%eth0]",
    "localhost",
    "localhost:8000",
    "LocalHost.:8000",
    "localhost:",
    "relayscope:4318",
    "relayscope_api_1:16686",
    "traces.localhost:8000",
    "host.docker.internal:8000",
    "vm.europe-west1-b.c.project.INTERNAL",
    "nas.home.arpa",
    "relayscope.observability.svc:4318",
    "relayscope.observability.svc.cluster.local.:4318",
]
FOREIGN = [
    ("evil.example", "evil.example"),
    ("evil.example:8000", "evil.example"),
    ("EVIL.example.:8000", "evil.example"),
    ("127.0.0.1.evil.example", "127.0.0.1.evil.example"),
    ("7f000001.rebind.example:4318", "7f000001.rebind.example"),
    ("localhost.evil.example", "localhost.evil.example"),
    ("evil-localhost.example", "evil-localhost.example"),
    ("notinternal.evilinternal", "notinternal.evilinternal"),
    ("printer.local", "printer.local"),
    ("relayscope.observability:4318", "relayscope.observability"),
    ("a" * 63 + ".example", "a" * 63 + ".example"),
]
MALFORMED = [
    "",
    ":8000",
    ".",
    "a..internal",
    ".localhost",
    "::1",
    "[::1",
    "[::g]",
    "[1.2.3.4]",
    "[]",
    "[::1]x",
    "localhost:80000000",
    "localhost:http",
    "localhost, evil.example",
    "localhost evil.example",
    "evil.example/localhost",
    "user@localhost",
    "localhost\n",
    "münchen.example",
    "*",
    "a" * 400 + ".internal",
]


def judged(
    rule: HostRule,
    *hosts: str | bytes,
    method: str = "GET",
    origins: Sequence[str | bytes] = (),
    version: str = "1.1",
) -> Refusal | None:
    """What the rule says of a request with these headers, among others."""
    headers = [(b"accept", b"*/*")]
    for name, values in ((b"host", hosts), (b"origin", origins)):
        headers += [(name, value.encode() if isinstance(value, str) else value) for value in values]
    # ``Any``: what an ASGI scope holds.
    scope: dict[str, Any] = {"type": "http", "method": method, "headers": headers, "http_version": version}
    return rule.refusal(scope)


def status(refusal: Refusal | None) -> int | None:
    return None if refusal is None else refusal.status


@pytest.mark.parametrize("host", OPEN)
def test_names_that_nobody_else_can_own_are_served(host: str) -> None:
    assert judged(HostRule(), host) is None


@pytest.mark.parametrize(("host", "name"), FOREIGN)
def test_other_names_are_told_how_to_be_allowed(host: str, name: str) -> None:
    refusal = judged(HostRule(), host)
    assert refusal is not None
    assert refusal.status == 421
    assert f"add {name} to service.http.allowed_hosts" in refusal.message
    assert judged(HostRule([name]), host) is None
    assert judged(HostRule(bound=[name.upper()]), host) is None
    assert judged(HostRule(["*"]), host) is None


@pytest.mark.parametrize("host", MALFORMED)
def test_what_is_no_host_is_malformed(host: str) -> None:
    assert status(judged(HostRule(["evil.example"]), host)) == 400


@pytest.mark.parametrize(
    ("host", "is_served"),
    [
        ("a.example.com", True),
        ("A.B.Example.Com.:443", True),
        ("example.com", False),
        ("notexample.com", False),
        ("example.com.evil.example", False),
    ],
)
def test_a_pattern_means_all_names_below(host: str, *, is_served: bool) -> None:
    assert (judged(HostRule(["*.example.com"]), host) is None) == is_served


@pytest.mark.parametrize(
    ("hosts", "version", "expected"),
    [
        ((), "1.0", None),
        ((), "1.1", 400),
        (("localhost", "localhost"), "1.1", 400),
        (("localhost", "evil.example"), "1.0", 400),
        (("evil.example",), "1.0", 421),
    ],
    ids=["none in HTTP/1.0", "none in HTTP/1.1", "twice the same", "two", "foreign in HTTP/1.0"],
)
def test_a_request_has_one_host(hosts: Sequence[str], version: str, expected: int | None) -> None:
    assert status(judged(HostRule(), *hosts, version=version)) == expected


ORIGINS = {
    "of the same host and port": ("localhost:8000", ["http://localhost:8000"], None),
    "in other letters": ("localhost:8000", ["HTTP://LOCALHOST.:8000"], None),
    "behind TLS": ("nas.internal", ["https://nas.internal"], None),
    "behind TLS, with the port": ("nas.internal:443", ["https://nas.internal"], None),
    "IPv6": ("[::1]:8000", ["http://[0:0::1]:8000"], None),
    "none": ("localhost:8000", [], None),
    "of another site": ("localhost:8000", ["https://evil.example"], 403),
    "of another site of this machine": ("localhost:8000", ["http://localhost:3000"], 403),
    "of another name of this machine": ("127.0.0.1:8000", ["http://localhost:8000"], 403),
    "of another port that is left out": ("localhost:8000", ["http://localhost"], 403),
    "that begins alike": ("localhost:8000", ["http://localhost:8000.evil.example"], 403),
    "hidden": ("localhost:8000", ["null"], 403),
    "empty": ("localhost:8000", [""], 403),
    "no URL": ("localhost:8000", ["localhost:8000"], 403),
    "two": ("localhost:8000", ["http://localhost:8000", "http://localhost:8000"], 403),
    "long": ("localhost:8000", ["http://" + "a" * 400], 403),
    "of an extension": ("localhost:8000", ["chrome-extension://abcdefghij"], 403),
}


@pytest.mark.parametrize(("host", "origins", "expected"), ORIGINS.values(), ids=ORIGINS.keys())
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "BREW"])
def test_pages_of_other_origins_change_nothing(
    method: str, host: str, origins: Sequence[str], expected: int | None
) -> None:
    assert status(judged(HostRule(), host, method=method, origins=origins)) == expected


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_reading_has_any_origin(method: str) -> None:
    assert judged(HostRule(), "localhost", method=method, origins=["https://evil.example"]) is None


@pytest.mark.parametrize(
    ("allowed", "origin", "expected"),
    [
        ("app.example", "https://app.example:8443", None),
        ("*.example", "https://app.example", None),
        ("localhost", "http://localhost:3000", None),
        ("abcdefghij", "chrome-extension://abcdefghij", None),
        ("*", "https://evil.example", None),
        ("*", "null", None),
        ("app.example", "https://evil.example", 403),
        ("app.example", "null", 403),
    ],
)
def test_origins_can_be_allowed(allowed: str, origin: str, expected: int | None) -> None:
    assert status(judged(HostRule([allowed]), "localhost:4318", method="POST", origins=[origin])) == expected


def test_a_foreign_origin_is_told_how_to_be_allowed() -> None:
    refusal = judged(HostRule(), "localhost", method="POST", origins=["https://App.example:8443"])
    assert refusal is not None
    assert "add app.example to service.http.allowed_hosts" in refusal.message


def test_a_foreign_host_is_told_before_its_origin() -> None:
    # A page that rebinds is of one origin with its host.
    assert status(judged(HostRule(), "evil.example", method="POST", origins=["http://evil.example"])) == 421


def test_programs_send_under_any_name_where_nothing_can_be_read() -> None:
    rule = HostRule(judges_pages_only=True)
    assert judged(rule, "traces.corp.example", method="POST") is None
    assert judged(rule, "traces.corp.example", "other", method="POST") is None
    assert status(judged(rule, "evil.example", method="POST", origins=["http://evil.example"])) == 421
    assert status(judged(rule, "localhost", method="POST", origins=["http://evil.example"])) == 403
    assert judged(rule, "localhost", method="POST", origins=["http://localhost"]) is None
