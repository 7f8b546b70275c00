"""Keys of the operators that hash and encrypt. They are never stored beside the data: not in PostgreSQL, not in a receipt."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Mapping, Sequence

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_KEY_BYTES = 32
_ID_CHARS = 8


class KeyRing:
    """Secret keys by id, the active one first; older ones stay so that what they encrypted can still be read.

    Keys of each workspace and purpose are derived from them with HKDF-SHA-256 (RFC 5869).
    """

    def __init__(self, keys: Sequence[tuple[str, bytes]]) -> None:
        if not keys:
            raise ValueError("there is no key")
        self._keys: Mapping[str, bytes] = dict(keys)
        self.active: str = keys[0][0]

    def __repr__(self) -> str:
        """Names the keys, and never shows one."""
        return f"KeyRing({', '.join(self._keys)})"

    @property
    def ids(self) -> Sequence[str]:
        return tuple(self._keys)

    def derived(self, key_id: str, *, purpose: str, workspace_id: int, size: int) -> bytes:
        """The key of a workspace for a purpose, of ``size`` bytes.

        Raises:
            KeyError: the ring has no key of that id.
        """
        info = f"relayscope/{purpose}/{workspace_id}".encode()
        return HKDF(algorithm=hashes.SHA256(), length=size, salt=None, info=info).derive(self._keys[key_id])


def parse_keys(text: str) -> KeyRing:
    """A key ring from its file: a line ``id:base64`` for each key, the active one first; ``#`` begins a comment.

    Raises:
        ValueError: a line is something else; the message gives its number.
    """
    keys: list[tuple[str, bytes]] = []
    for number, line in enumerate(text.splitlines(), 1):
        content = line.split("#", 1)[0].strip()
        if not content:
            continue
        key_id, _, encoded = content.partition(":")
        keys.append((_checked_id(key_id, number), _checked_key(encoded, number)))
    if len({key_id for key_id, _ in keys}) < len(keys):
        raise ValueError("two keys have the same id")
    return KeyRing(keys)


def _checked_id(key_id: str, number: int) -> str:
    if not (1 <= len(key_id) <= 16 and key_id.isalnum() and key_id.isascii()):
        raise ValueError(f"line {number}: an id is 1 to 16 letters and digits, then a colon and the key in base64")
    return key_id


def _checked_key(encoded: str, number: int) -> bytes:
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise ValueError(f"line {number}: the key is not base64") from exc
    if len(key) != _KEY_BYTES:
        raise ValueError(f"line {number}: a key has {_KEY_BYTES} bytes, not {len(key)}")
    return key


def new_key_line() -> str:
    """A line of the file with a key nobody had before."""
    return f"{secrets.token_hex(_ID_CHARS // 2)}:{base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()}\n"
