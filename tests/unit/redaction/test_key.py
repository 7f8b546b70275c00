from __future__ import annotations

import base64

import pytest

from redaction.key import KeyRing, new_key_line, parse_keys

_ONE = base64.b64encode(b"1" * 32).decode()
_TWO = base64.b64encode(b"2" * 32).decode()


def _derived(ring: KeyRing, key_id: str, *, purpose: str = "hash", workspace_id: int = 1) -> bytes:
    return ring.derived(key_id, purpose=purpose, workspace_id=workspace_id, size=32)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        pytest.param(f"a1:{_ONE}", ("a1",), id="one"),
        pytest.param(f"b2:{_TWO}\na1:{_ONE}\n", ("b2", "a1"), id="the first is in use"),
        pytest.param(f"# head\n\n  a1:{_ONE}  # why\r\n#b2:{_TWO}\n", ("a1",), id="comments and space"),
    ],
)
def test_a_key_file_has_a_key_a_line(text: str, ids: tuple[str, ...]) -> None:
    ring = parse_keys(text)
    assert ring.ids == ids
    assert ring.active == ids[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "there is no key", id="empty"),
        pytest.param("# nothing\n", "there is no key", id="comments only"),
        pytest.param(f"# head\na-1:{_ONE}", "line 2: an id is 1 to 16 letters and digits", id="sign in an id"),
        pytest.param(f":{_ONE}", "line 1: an id", id="no id"),
        pytest.param(f"{'a' * 17}:{_ONE}", "line 1: an id", id="long id"),
        pytest.param(f"é:{_ONE}", "line 1: an id", id="id beyond ASCII"),
        pytest.param("a1", "line 1: a key has 32 bytes, not 0", id="no key"),
        pytest.param(f"a1:{_ONE}\nb2:???", "line 2: the key is not base64", id="no base64"),
        pytest.param("a1:é", "line 1: the key is not base64", id="no ASCII"),
        pytest.param(
            f"a1:{base64.b64encode(b'x' * 31).decode()}", "line 1: a key has 32 bytes, not 31", id="too short"
        ),
        pytest.param(f"a1:{_ONE}\na1:{_TWO}", "two keys have the same id", id="an id twice"),
    ],
)
def test_what_is_no_key_file_is_told_by_line(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        parse_keys(text)
    assert _ONE not in str(caught.value)


def test_a_new_key_on_top_is_used_and_the_older_ones_stay() -> None:
    before = parse_keys(new_key_line())
    line = new_key_line()
    after = parse_keys(line + f"{before.active}:{_ONE}\n")
    assert after.active == line.split(":")[0] != before.active
    assert _derived(after, before.active) == _derived(KeyRing([("x", b"1" * 32)]), "x")


def test_new_keys_are_new() -> None:
    assert len({new_key_line().split(":")[1] for _ in range(10)}) == 10


def test_keys_are_derived_for_a_workspace_and_a_purpose() -> None:
    ring = parse_keys(f"a1:{_ONE}\nb2:{_TWO}")
    keys = [
        _derived(ring, "a1"),
        _derived(ring, "b2"),
        _derived(ring, "a1", purpose="encrypt"),
        _derived(ring, "a1", workspace_id=2),
        b"1" * 32,
    ]
    assert len(set(keys)) == len(keys)
    assert _derived(ring, "a1") == keys[0]
    with pytest.raises(KeyError):
        _derived(ring, "c3")


def test_a_key_ring_shows_no_key() -> None:
    ring = KeyRing([("a1", b"secretsecretsecretsecretsecretse")])
    assert repr(ring) == str(ring) == "KeyRing(a1)"
