"""Redaction as the settings ask for it: policies by workspace, keys, and what runs them.

Presidio and spaCy take a second to import and a hundred megabytes, and most commands and the API need none of it: what
needs them is imported where it is made.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from redaction.key import KeyRing, new_key_line, parse_keys
from redaction.operator import needs_keys, reveal
from redaction.policy import NerRule, Policy, policy_hash
from redaction.policy_file import parse_policy, policy_tree
from redaction.tally import Redacted, add_up
from relayscope.effective_policy import EffectivePolicy
from relayscope.interaction import build_settlement
from relayscope.redaction_key import FILE_NAME, add_key, read_key_file
from relayscope.settings import Settings
from relayscope.settings.processor import PolicySettings
from storage.api import DEFAULT_WORKSPACE_ID
from storage.audit import POLICY_CHANGED
from storage.postgres.audit import PostgresAudit
from storage.postgres.reredaction import ApplyConfig, Reredaction
from storage.postgres.verification import verify
from storage.redaction import OnVerify, Verification
from tracedata import UNOBSERVED, Batch, CallerError, LogRecord, Processor, RedactionInstruments, Span

if TYPE_CHECKING:
    from processors.redact import Redact
    from redaction.names import NameFinder, Names
    from redaction.redactor import Redactor

_log = logging.getLogger(__name__)

_PLACE = "processors.redaction"
_OFF = "off"


def build_policy(settings: Settings, workspace_id: int = DEFAULT_WORKSPACE_ID) -> Policy:
    """The policy of a workspace: that of all, with what its own names in place of it; entities are merged.

    Raises:
        CallerError: it cannot run; the message names the place.
    """
    redaction = settings.processors.redaction
    tree = redaction.model_dump(include=set(PolicySettings.model_fields), exclude_none=True)
    own = redaction.workspaces.get(workspace_id)
    if own is None:
        return parse_policy(tree, place=_PLACE)
    changes = own.model_dump(exclude_unset=True, exclude_none=True)
    entities = {**tree["entities"], **changes.get("entities", {})}
    return parse_policy({**tree, **changes, "entities": entities}, place=f"{_PLACE}.workspaces.{workspace_id}")


def effective_policy(settings: Settings, workspace_id: int = DEFAULT_WORKSPACE_ID) -> EffectivePolicy:
    """The policy of a workspace with its hash, to be shown. One that is switched off has a hash of its own."""
    return _effective(settings, build_policy(settings, workspace_id))


def _effective(settings: Settings, policy: Policy) -> EffectivePolicy:
    is_enabled = settings.processors.redaction.enabled
    return EffectivePolicy(
        is_enabled=is_enabled, policy_hash=policy_hash(policy) if is_enabled else _OFF, tree=policy_tree(policy)
    )


def _workspaces(settings: Settings) -> Sequence[int]:
    """The default workspace, and those with a policy of their own."""
    return sorted({DEFAULT_WORKSPACE_ID, *settings.processors.redaction.workspaces})


def _hash_of_all(settings: Settings) -> str:
    """What names the policies of all workspaces together: the hash of the only one, when there are no others."""
    hashes = {str(number): policy_hash(build_policy(settings, number)) for number in _workspaces(settings)}
    if len(hashes) == 1:
        return hashes[str(DEFAULT_WORKSPACE_ID)]
    return blake2b(msgspec.json.encode(hashes, order="sorted"), digest_size=8).hexdigest()


def key_path(settings: Settings) -> Path:
    """Where the keys of redaction are."""
    return settings.processors.redaction.key_file or settings.storage.data_dir / FILE_NAME


def build_keys(settings: Settings) -> KeyRing:
    """The keys of redaction.

    Raises:
        CallerError: there are none, or others can read them.
    """
    path = key_path(settings)
    if not path.exists():
        raise CallerError(
            f"there is no key file {path}: the first start with a policy that needs one makes it, and so does redact rotate"
        )
    try:
        return parse_keys(read_key_file(path))
    except ValueError as exc:
        raise CallerError(f"{path}: {exc}") from exc


def rotate_key(settings: Settings) -> Path:
    """Puts a new key on top of the key file, makes the file when there is none, and returns its path."""
    path = key_path(settings)
    add_key(path, new_key_line())
    return path


def prepare_redaction(settings: Settings) -> None:
    """Refuses a policy or a model that cannot run, and makes the first key when a policy needs one.

    Raises:
        CallerError: a policy, its model or the key file is wrong; the message says where.
    """
    policies = [build_policy(settings, number) for number in _workspaces(settings)]
    if not settings.processors.redaction.enabled:
        return
    if any(map(needs_keys, policies)):
        if not key_path(settings).exists():
            rotate_key(settings)
        build_keys(settings)
    for policy in policies:
        if policy.ner is not None:
            _finder(policy.ner)


async def record_policy(settings: Settings, dsn: str, *, actor: str) -> None:
    """Writes to the audit log which policies, or keys, are others than at the last start; warns of a key that is gone."""
    audit = PostgresAudit(dsn)
    for number in _workspaces(settings):
        policy = build_policy(settings, number)
        now = _effective(settings, policy)
        keys = build_keys(settings) if now.is_enabled and needs_keys(policy) else None
        last = await audit.entries(number, limit=1, action=POLICY_CHANGED)
        before: Mapping[str, Any] = last[0].detail if last else {}
        key = before.get("key") if keys is None else keys.active
        if keys is not None and before.get("key") is not None and before["key"] not in keys.ids:
            _log.warning(
                "the key file %s does not hold the key %s, which was in use before: what it encrypted cannot be read, and hashes"
                " of before and after do not join",
                key_path(settings),
                before["key"],
            )
        if (before.get("to"), before.get("key")) != (now.policy_hash, key):
            detail = {"from": before.get("to"), "to": now.policy_hash, "key": key, "policy": now.tree}
            await audit.record(actor=actor, action=POLICY_CHANGED, workspace_id=number, detail=detail)


def build_redactor(settings: Settings, workspace_id: int = DEFAULT_WORKSPACE_ID) -> Redactor:
    """What redacts the texts of a workspace, with the keys that its policy needs."""
    from redaction.redactor import Redactor  # noqa: PLC0415

    policy = build_policy(settings, workspace_id)
    keys = build_keys(settings) if needs_keys(policy) else None
    cache_bytes = settings.processors.redaction.cache_mb << 20
    return Redactor(policy, keys=keys, workspace_id=workspace_id, cache_bytes=cache_bytes)


def build_names(redactor: Redactor) -> Names | None:
    """What redacts names in message content, when the policy has a model for it.

    Raises:
        CallerError: the model is missing, or of no use.
    """
    from redaction.names import Names  # noqa: PLC0415

    rule = redactor.policy.ner
    return Names(redactor, rule, _finder(rule)) if rule else None


def _finder(rule: NerRule) -> NameFinder:
    from redaction.ner import SpacyModel  # noqa: PLC0415

    try:
        return SpacyModel(rule.model, rule.labels)
    except ValueError as exc:
        raise CallerError(f"{_PLACE}.ner.{exc}") from exc


def build_redact(settings: Settings, *, instruments: RedactionInstruments) -> Processor | None:
    """The processor that redacts, workspace by workspace; none when redaction is switched off."""
    if not settings.processors.redaction.enabled:
        return None
    from processors.redact import RedactByWorkspace  # noqa: PLC0415

    redact_of = _redact_of(settings, instruments)
    # Compiled before the first batch comes.
    redact_of(DEFAULT_WORKSPACE_ID)
    return RedactByWorkspace(redact_of)


def _redact_of(settings: Settings, instruments: RedactionInstruments = UNOBSERVED) -> Callable[[int], Redact]:
    @cache
    def redact_of(workspace_id: int) -> Redact:
        return _redact_with(build_redactor(settings, workspace_id), instruments)

    return redact_of


def _redact_with(redactor: Redactor, instruments: RedactionInstruments = UNOBSERVED) -> Redact:
    from processors.redact import Redact  # noqa: PLC0415

    return Redact(redactor, names=build_names(redactor), instruments=instruments)


class TriedText(msgspec.Struct, frozen=True, kw_only=True):
    """A text after redaction, with what was replaced in it."""

    text: str
    entities: Mapping[str, int]


class Trial(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What redaction makes of texts; what ``redact test --json`` prints."""

    policy_hash: str
    items: Sequence[TriedText]
    entities: Mapping[str, int]


def try_on_text(settings: Settings, text: str, workspace_id: int = DEFAULT_WORKSPACE_ID) -> Trial:
    """What the policy makes of a text, line by line; of a JSON document, as a whole.

    Raises:
        CallerError: redaction is switched off, or a policy, of any workspace, is wrong.
    """
    _check_policies(settings)
    redactor = build_redactor(settings, workspace_id)
    lines = [text] if text.lstrip().startswith(("{", "[")) else text.splitlines()
    redacted: Sequence[Redacted] = [redactor.redact_text(line) for line in lines]
    names = build_names(redactor)
    if names is not None:
        redacted = names.redact_samples(redacted)
    return _trial(redactor, [TriedText(text=after.text, entities=after.entities) for after in redacted])


def try_on_trace(
    settings: Settings,
    spans: Sequence[Span],
    log_records: Sequence[LogRecord],
    workspace_id: int = DEFAULT_WORKSPACE_ID,
) -> Trial:
    """What the policy makes of a trace, as if it were sent now; the texts are the names of spans and events that lose something.

    Raises:
        CallerError: see ``try_on_text``.
    """
    _check_policies(settings)
    redactor = build_redactor(settings, workspace_id)
    batch = Batch(workspace_id=workspace_id, spans=spans, log_records=log_records)
    after = _redact_with(redactor).process(batch)
    named = [(span.name, span.redactions) for span in after.spans]
    named += [(record.name, record.redactions) for record in after.log_records]
    return _trial(redactor, [TriedText(text=name, entities=entities) for name, entities in named if entities])


def _trial(redactor: Redactor, items: Sequence[TriedText]) -> Trial:
    total: dict[str, int] = {}
    for one in items:
        add_up(total, one.entities)
    return Trial(policy_hash=redactor.policy_hash, items=items, entities=total)


def without_personal_data(settings: Settings, text: str, workspace_id: int = DEFAULT_WORKSPACE_ID) -> str:
    """A text that somebody typed, as it may be kept."""
    return build_redactor(settings, workspace_id).redact_text(text).text


def revealed(token: str, keys: KeyRing, workspace_id: int = DEFAULT_WORKSPACE_ID) -> tuple[str, str]:
    """The entity and the value that a token stands for.

    Raises:
        CallerError: it is none, or the key is missing.
    """
    try:
        return reveal(token, keys=keys, workspace_id=workspace_id)
    except ValueError as exc:
        raise CallerError(str(exc)) from exc


def build_audit(dsn: str) -> PostgresAudit:
    """The audit log."""
    return PostgresAudit(dsn)


async def verify_stored(settings: Settings, dsn: str, *, deep: bool, on_progress: OnVerify | None) -> Verification:
    """Looks through what is stored with the redaction that the settings ask for.

    Raises:
        RelayscopeError: redaction is switched off, or the database cannot be reached or read.
    """
    from processors.redact_find import Find  # noqa: PLC0415

    _check_enabled(settings)

    @cache
    def finder_of(workspace_id: int) -> Find:
        return Find(build_redactor(settings, workspace_id))

    return await verify(dsn, finder_of, policy=_hash_of_all(settings), deep=deep, on_progress=on_progress)


def build_reredaction(settings: Settings, dsn: str, *, actor: str) -> Reredaction:
    """What redacts stored spans as the settings ask for.

    Raises:
        CallerError: redaction is switched off.
    """
    _check_enabled(settings)
    config = ApplyConfig(dsn=dsn, policy=_hash_of_all(settings), actor=actor)
    # What was made of spans says what they said; it is made anew of what they say now.
    settle = build_settlement(settings, dsn).drain if settings.processors.ai.enabled else None
    return Reredaction(config, _redact_of(settings), build_audit(dsn), settle=settle)


def _check_policies(settings: Settings) -> None:
    _check_enabled(settings)
    for number in _workspaces(settings):
        build_policy(settings, number)


def _check_enabled(settings: Settings) -> None:
    if not settings.processors.redaction.enabled:
        raise CallerError(f"redaction is switched off: {_PLACE}.enabled is false")
