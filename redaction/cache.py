"""Results by digest of what was redacted: conversations send their history again with every turn.

Nothing that was not redacted is kept: keys are keyed digests, values are redacted text or the word that nothing was found.
"""

from __future__ import annotations

import secrets
import sys
from collections import OrderedDict
from hashlib import blake2b

from redaction.tally import Redacted

_ENTRY_OVERHEAD = 200


class Cache:
    """The least recently used results go when the cache is full. ``max_bytes`` bounds what they take in memory."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._key = secrets.token_bytes(32)
        # None: there was nothing to redact.
        self._entries: OrderedDict[bytes, Redacted | None] = OrderedDict()
        self.hits = 0
        self.misses = 0
        self.size = 0

    def digest(self, text: str, key: str) -> bytes:
        """What stands for a text below an attribute key."""
        # With its length, or a key that ends as another text begins would share its digest.
        digest = blake2b(f"{len(key)}\0{key}".encode(errors="surrogatepass"), key=self._key, digest_size=16)
        digest.update(text.encode(errors="surrogatepass"))
        return digest.digest()

    def get(self, digest: bytes, text: str) -> Redacted | None:
        """What became of ``text`` before; None when that is not known."""
        if digest not in self._entries:
            self.misses += 1
            return None
        self.hits += 1
        self._entries.move_to_end(digest)
        return self._entries[digest] or Redacted(text)

    def put(self, digest: bytes, text: str, redacted: Redacted) -> None:
        if digest in self._entries:
            return
        entry = None if redacted.text is text else redacted
        self._entries[digest] = entry
        self.size += _size(entry)
        while self.size > self._max_bytes and self._entries:
            self.size -= _size(self._entries.popitem(last=False)[1])


def _size(entry: Redacted | None) -> int:
    # In bytes: a text with one character beyond ASCII takes two or four of them for each.
    return _ENTRY_OVERHEAD + (sys.getsizeof(entry.text) + sys.getsizeof(entry.entities) if entry else 0)
