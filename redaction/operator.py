"""What stands in the place of what was found."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from redaction.key import KeyRing
from redaction.policy import EntityRule, Policy

REDACTION_ERROR = "REDACTION_ERROR"
# What redaction leaves behind, which it leaves alone when it meets it again.
PLACEHOLDER = re.compile(r"<[A-Z][A-Z0-9_]{1,63}(?::(?:[0-9a-f]{16}|v1\.[A-Za-z0-9]{1,16}\.[A-Za-z0-9_\-]+))?>")
_TOKEN = re.compile(r"<([A-Z][A-Z0-9_]{1,63}):v1\.([A-Za-z0-9]{1,16})\.([A-Za-z0-9_\-]+)>")

_KEYED = frozenset(("hash", "encrypt"))
_DEFAULT = EntityRule()
_SIV_KEY_BYTES = 64
_MAC_KEY_BYTES = 32
# What people write differently in the same number or address.
_SEPARATORS = re.compile(r"[\s.()/\-]+")
_SPELLED_EXACTLY = ("SECRET_", "CRYPTO")


def needs_keys(policy: Policy) -> bool:
    """Whether an operator of the policy cannot work without a key."""
    return any(rule.operator in _KEYED for rule in policy.entities.values())


class Operators:
    """The operators of one policy in one workspace."""

    def __init__(self, policy: Policy, keys: KeyRing | None, workspace_id: int) -> None:
        if keys is None and needs_keys(policy):
            raise ValueError("the operators hash and encrypt need a key")
        self._rules: Mapping[str, EntityRule] = policy.entities
        self._workspace_id = workspace_id
        if keys is not None:
            self._key_id = keys.active
            self._mac = hmac.new(
                keys.derived(keys.active, purpose="hash", workspace_id=workspace_id, size=_MAC_KEY_BYTES),
                digestmod="sha256",
            )
            self._siv = AESSIV(
                keys.derived(keys.active, purpose="encrypt", workspace_id=workspace_id, size=_SIV_KEY_BYTES)
            )

    def apply(self, entity: str, value: str) -> str:
        """What replaces ``value``, which was found to be an ``entity``."""
        rule = self._rules.get(entity, _DEFAULT)
        if rule.operator == "replace":
            return f"<{entity}>"
        if rule.operator == "mask":
            return _masked(value, rule.keep_last)
        if rule.operator == "hash":
            return f"<{entity}:{self._digest(entity, value)}>"
        if rule.operator == "encrypt":
            return self._encrypted(entity, value)
        return "" if rule.operator == "drop" else value

    def is_kept(self, entity: str) -> bool:
        return self._rules.get(entity, _DEFAULT).operator == "keep"

    def _digest(self, entity: str, value: str) -> str:
        mac = self._mac.copy()
        mac.update(f"{entity}\0{_normalised(entity, value)}".encode(errors="replace"))
        return mac.hexdigest()[:16]

    def _encrypted(self, entity: str, value: str) -> str:
        sealed = self._siv.encrypt(value.encode(errors="replace"), _associated(entity, self._workspace_id))
        return f"<{entity}:v1.{self._key_id}.{base64.urlsafe_b64encode(sealed).decode().rstrip('=')}>"


def reveal(token: str, *, keys: KeyRing, workspace_id: int) -> tuple[str, str]:
    """The entity and the value that ``encrypt`` made the token of.

    Raises:
        ValueError: it is no such token, its key is not in the ring, or it is of another workspace.
    """
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise ValueError("not a token of the operator encrypt, such as <EMAIL_ADDRESS:v1.KEY.TEXT>")
    entity, key_id, encoded = match.groups()
    try:
        key = keys.derived(key_id, purpose="encrypt", workspace_id=workspace_id, size=_SIV_KEY_BYTES)
        sealed = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
        return entity, AESSIV(key).decrypt(sealed, _associated(entity, workspace_id)).decode()
    except KeyError as exc:
        raise ValueError(f"the key {key_id} is not in the key file") from exc
    except (InvalidTag, binascii.Error, ValueError) as exc:
        raise ValueError("the token was changed, or belongs to another workspace") from exc


def _associated(entity: str, workspace_id: int) -> list[bytes]:
    return [str(workspace_id).encode(), entity.encode()]


def _masked(value: str, keep_last: int) -> str:
    """Letters and digits become ``*`` but for the last ones; at least half of them do. A mask stays as it is."""
    total = sum(map(_is_maskable, value))
    hidden = total - min(keep_last, total // 2)
    masked: list[str] = []
    for character in value:
        is_hidden = _is_maskable(character) and hidden > 0
        hidden -= is_hidden
        masked.append("*" if is_hidden else character)
    return "".join(masked)


def _is_maskable(character: str) -> bool:
    return character.isalnum() or character == "*"


def _normalised(entity: str, value: str) -> str:
    if entity.startswith(_SPELLED_EXACTLY):
        return value
    return value.casefold() if entity == "EMAIL_ADDRESS" else _SEPARATORS.sub("", value).casefold()
