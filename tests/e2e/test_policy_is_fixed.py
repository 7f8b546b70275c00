"""No endpoint weakens the policy: everything is called that a system serves, with all that could look like an override."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import httpx
import pytest
from starlette.routing import BaseRoute, Route

from relayscope.api.app import create_app
from relayscope.effective_policy import EffectivePolicy
from storage.postgres.audit import PostgresAudit
from tests.support.factory import span, trace_id
from tests.support.memory_store import MemoryStore
from tests.support.otlp import export_request
from tests.support.system import System

_METHODS = ("POST", "PUT", "PATCH", "DELETE")
_WEAKER: Mapping[str, Any] = {
    "enabled": False,
    "redaction": "off",
    "redact": "false",
    "policy": "off",
    "policyHash": "off",
    "entities": {"EMAIL_ADDRESS": {"operator": "keep"}},
    "allow": [{"keys": "*"}],
    "secrets": False,
    "threshold": 1,
    "raw": "true",
    "reveal": "true",
    "unredacted": "1",
}
_HEADERS = {
    "x-redaction": "off",
    "x-relayscope-redaction": "off",
    "x-relayscope-policy": "off",
    "x-http-method-override": "PUT",
    "x-workspace": "2",
}
_MAIL = "override-{}@example.com"


def _paths() -> set[str]:
    """Every path that is served, with something in the place of its parameters."""
    policy = EffectivePolicy(is_enabled=True, policy_hash="", tree={})
    app = create_app(MemoryStore(), redacted=(PostgresAudit("unused"), lambda _: policy))
    known = set(_paths_of(app.routes))
    assert known >= {"/api/v1/redaction/policy", "/api/v1/redaction/stats", "/api/v1/audit", "/api/v1/traces"}
    settings = {"/api/v1/redaction", "/api/v1/redaction/settings", "/api/v1/settings", "/api/v1/config"}
    return {re.sub(r"\{[^}]*\}", "1", path) for path in known | settings} | {"/metrics"}


def _paths_of(routes: Iterable[BaseRoute]) -> Iterator[str]:
    for route in routes:
        # FastAPI keeps a router that was included as it is.
        included = getattr(route, "original_router", None)
        if included is not None:
            yield from _paths_of(included.routes)
        elif isinstance(route, Route):
            yield route.path


def _policy(client: httpx.Client) -> tuple[Any, Any]:
    """The policy, and what the audit log says of policies."""
    changes = client.get("/api/v1/audit", params={"action": "redaction_policy"}).json()["items"]
    return client.get("/api/v1/redaction/policy").json(), changes


@pytest.fixture
def client(system: System) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=system.url, trust_env=False, timeout=30) as client:
        yield client


def _is_redacted(system: System, client: httpx.Client, number: int, *, path: str = "/v1/traces") -> bool:
    """Whether a span that is sent now, with the same overrides, is stored without its address."""
    mail, trace = _MAIL.format(number), trace_id()
    sent = span(
        trace_id=trace, name=f"to {mail}", attributes={"redaction": "off", "relayscope.redact": False, "to": mail}
    )
    response = httpx.post(
        f"http://127.0.0.1:{system.ready.otlp_http}{path}",
        content=export_request([sent]).SerializeToString(),
        headers={"content-type": "application/x-protobuf", **_HEADERS},
        trust_env=False,
    )
    assert response.status_code == 200
    stored = client.get(f"/api/v1/traces/{trace.hex()}", params={}).text
    assert "<EMAIL_ADDRESS>" in stored
    return mail not in stored


def test_no_endpoint_changes_the_policy(system: System, client: httpx.Client) -> None:
    before = _policy(client)
    assert before[0]["enabled"] is True
    body = json.dumps(_WEAKER).encode()
    answers = {}
    for path in sorted(_paths()):
        for method in _METHODS:
            for kind in ("application/json", "application/yaml"):
                response = client.request(
                    method, path, content=body, params=_plain(), headers={**_HEADERS, "content-type": kind}
                )
                answers[method, path] = response.status_code
    assert {call: status for call, status in answers.items() if status not in (404, 405)} == {}
    assert _policy(client) == before
    assert _is_redacted(system, client, 1)


def test_no_question_changes_the_policy(system: System, client: httpx.Client) -> None:
    before = _policy(client)
    for path in sorted(_paths()):
        for method in ("GET", "HEAD", "OPTIONS"):
            response = client.request(method, path, params=_plain(), headers=_HEADERS)
            assert response.status_code < 500, (method, path)
    assert _policy(client) == before
    assert _is_redacted(system, client, 2)


@pytest.mark.parametrize("path", ["/v1/traces", "/v1/traces?redaction=off&raw=true", "/v1/traces?policy=off"])
def test_no_sender_is_left_out(system: System, client: httpx.Client, path: str) -> None:
    assert _is_redacted(system, client, 3, path=path)


def test_what_was_redacted_cannot_be_asked_for(system: System, client: httpx.Client) -> None:
    trace = trace_id()
    sent = span(trace_id=trace, name=f"to {_MAIL.format(4)}")
    httpx.post(
        f"http://127.0.0.1:{system.ready.otlp_http}/v1/traces",
        content=export_request([sent]).SerializeToString(),
        headers={"content-type": "application/x-protobuf"},
        trust_env=False,
    ).raise_for_status()
    for name, value in _plain().items():
        for path in (f"/api/v1/traces/{trace.hex()}", f"/api/traces/{trace.hex()}"):
            assert _MAIL.format(4) not in client.get(path, params={name: value}, headers=_HEADERS).text


def _plain() -> dict[str, str]:
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in _WEAKER.items()}
