from __future__ import annotations

import pytest

from relayscope.api.rest.decision_submission import AcceptedTrace, read_trace
from relayscope.api.rest.submission import read_item
from relayscope.api.rest.submitted import Refusal, read_items


def _trace(levels: int) -> bytes:
    value = b"[" * levels + b"]" * levels
    return (
        b'{"requestId": "r", "timestamp": "2026-01-01T00:00:00Z",'
        b' "decisions": [{"type": "other", "component": "c", "input": ' + value + b"}]}"
    )


# The item, its list of decisions and the decision are three levels of the 64.
@pytest.mark.parametrize(("levels", "kind"), [(61, AcceptedTrace), (62, Refusal), (500, Refusal)])
def test_what_is_nested_too_deeply_is_refused_without_its_neighbours(levels: int, kind: type) -> None:
    found, _ = read_items(b"[" + _trace(levels) + b"," + _trace(1) + b"]", read_trace)

    assert [type(one) for one in found] == [kind, AcceptedTrace]


def test_an_interaction_that_is_nested_too_deeply_says_so() -> None:
    found, _ = read_items(b'{"messages": ' + b"[" * 500 + b"]" * 500 + b"}", read_item)

    assert isinstance(found[0], Refusal)
    assert [error.detail for error in found[0].errors] == ["is nested deeper than 64 levels"]
