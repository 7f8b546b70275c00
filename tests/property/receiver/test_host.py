"""No header makes the rule fail, and verdicts that are remembered are those of a rule that has seen nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from receiver.host import HostRule

_PIECE = st.sampled_from(
    [b"localhost", b"evil", b"example", b".", b":", b"80", b"[", b"]", b"::1", b"%eth0", b"http://", b"null", b"\xff"]
)
_VALUE = st.binary(max_size=400) | st.lists(_PIECE, max_size=8).map(b"".join)
_REMEMBERING = HostRule(["app.example", "*.corp.example"])


@given(
    hosts=st.lists(_VALUE, max_size=2),
    origins=st.lists(_VALUE, max_size=2),
    method=st.sampled_from(["GET", "POST"]),
    version=st.sampled_from(["1.0", "1.1"]),
)
def test_every_request_has_a_verdict(hosts: list[bytes], origins: list[bytes], method: str, version: str) -> None:
    headers = [*((b"host", host) for host in hosts), *((b"origin", origin) for origin in origins)]
    scope = {"type": "http", "method": method, "headers": headers, "http_version": version}

    refusal = _REMEMBERING.refusal(scope)

    assert refusal is None or refusal.status in {400, 403, 421}
    assert refusal == HostRule(["app.example", "*.corp.example"]).refusal(scope)


@given(name=st.from_regex(r"[a-z0-9-]{1,20}(\.[a-z0-9-]{1,20}){0,3}\.[a-z]{2,10}", fullmatch=True))
def test_public_names_are_served_only_when_allowed(name: str) -> None:
    scope = {"type": "http", "method": "GET", "headers": [(b"host", name.encode())], "http_version": "1.1"}
    is_private = name.endswith((".localhost", ".internal", ".home.arpa", ".test", ".svc", ".cluster.local"))

    assert (HostRule().refusal(scope) is None) == is_private
    assert HostRule([name]).refusal(scope) is None
