"""The policy of redaction as it is shown. Apart from the API and from redaction, so that neither has to load the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class EffectivePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """The policy that is in force: its hash, and all of it as plain values."""

    is_enabled: bool
    policy_hash: str
    tree: Mapping[str, Any]
