"""What is redacted, and how: one immutable policy, with a hash that names it in receipts and in the audit log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Literal

import msgspec

OperatorName = Literal["replace", "mask", "hash", "encrypt", "drop", "keep"]
Content = Literal["prompts", "answers"]
Validator = Literal["luhn", "iban"]
OnTimeout = Literal["redact", "keep_patterns"]

DEFAULT_THRESHOLD = 0.4


class EntityRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What becomes of an entity. ``keep_last`` is what ``mask`` leaves readable."""

    operator: OperatorName = "replace"
    threshold: float = DEFAULT_THRESHOLD
    keep_last: int = 4


class KeyRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Entities that are not looked for below keys that match ``keys``, a glob such as ``server.*``; none named means all."""

    keys: str
    entities: Sequence[str] = ()


class DenyRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Values of keys that match the glob ``keys`` are replaced whole, whatever they are, as ``entity``."""

    keys: str
    entity: str = "DENIED"


class CustomRecognizer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An operator's own entity: patterns with a base score, words nearby that lift it, and a check of what matched."""

    entity: str
    patterns: Sequence[str]
    score: float = 0.5
    context: Sequence[str] = ()
    validator: Validator | None = None


# What people and models said, in the conventions of the field; ``redaction.content`` leaves roles and the like out.
NER_KEYS = tuple(
    "gen_ai.input.messages gen_ai.output.messages gen_ai.system_instructions gen_ai.prompt gen_ai.prompt.*.content "
    "gen_ai.prompt.*.arguments gen_ai.completion gen_ai.completion.*.content gen_ai.completion.*.arguments "
    "gen_ai.tool.call.arguments gen_ai.tool.call.result gen_ai.*.message.content gen_ai.choice.content input.value "
    "output.value llm.input_messages.*.message.content* llm.output_messages.*.message.content* llm.*_messages.*.arguments "
    "llm.prompts* llm.completions* ai.prompt ai.prompt.messages ai.response.text traceloop.entity.input "
    "traceloop.entity.output".split()
)
NER_LABELS: Mapping[str, str] = {"PERSON": "PERSON", "PER": "PERSON", "GPE": "LOCATION", "LOC": "LOCATION"}


class NerRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Names and places, by a spaCy model: an installed package, or a folder.

    ``labels`` maps the model's labels to entities; others are ignored. Looked at are attributes of spans and events whose
    keys match a glob of ``keys``, for ``budget_ms`` a batch. What that is too short for is replaced whole, unless
    ``on_timeout`` says that patterns were enough.
    """

    model: str
    labels: Mapping[str, str] = msgspec.field(default_factory=lambda: dict(NER_LABELS))
    keys: Sequence[str] = NER_KEYS
    budget_ms: float = 2000.0
    on_timeout: OnTimeout = "redact"


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that decides what redaction does.

    ``entities`` names what is looked for, and each one's rule; ``countries`` (ISO 3166 codes) add national ids with the
    default rule; ``allow`` and ``deny`` are looked up by attribute key; ``drop_content`` removes model content whole.
    """

    entities: Mapping[str, EntityRule] = msgspec.field(default_factory=dict[str, EntityRule])
    countries: Sequence[str] = ()
    secrets: bool = True
    allow: Sequence[KeyRule] = ()
    deny: Sequence[DenyRule] = ()
    recognizers: Sequence[CustomRecognizer] = ()
    drop_content: Sequence[Content] = ()
    ner: NerRule | None = None


# Entities that are shapes of digits, and so could be met in what a key declares to be something else.
NUMBER_ENTITIES = ("PHONE_NUMBER", "CREDIT_CARD", "US_SSN", "IP_ADDRESS", "CRYPTO", "IBAN_CODE")
_INFRASTRUCTURE = (
    "server.address client.address source.address destination.address network.local.address network.peer.address "
    "network.interface.* net.host.* net.peer.* net.sock.* host.ip host.name host.id k8s.* container.* cloud.* faas.* "
    "service.instance.id db.connection_string peer.address dns.*"
).split()
_IDENTIFIERS = (
    "*.id *_id *.ids *.uuid *.guid *.hash *.digest *.checksum *.etag *.version *_version *.model *.model_name *_tokens "
    "*.tokens *.token_count.* *.usage.* *_count *.count *.size *.length *.duration* *_ms *_ns *_us *_seconds *.timestamp "
    "*_timestamp *_unix_nano *.time *_time *.created *.created_at *_at *.port *.pid *.offset *.embedding* *.vector* "
    "telemetry.sdk.* process.* thread.* code.* exception.type url.template http.route user_agent.*"
).split()


def default_policy() -> Policy:
    """What is redacted when nothing is said."""
    names = "EMAIL_ADDRESS PHONE_NUMBER CREDIT_CARD US_SSN IBAN_CODE CRYPTO IP_ADDRESS".split()
    infrastructure = [KeyRule(keys=keys, entities=("IP_ADDRESS", "PHONE_NUMBER")) for keys in _INFRASTRUCTURE]
    identifiers = [KeyRule(keys=keys, entities=("PHONE_NUMBER", "IP_ADDRESS", "US_SSN")) for keys in _IDENTIFIERS]
    return Policy(entities={name: EntityRule() for name in names}, allow=[*infrastructure, *identifiers])


def policy_hash(policy: Policy) -> str:
    """16 hexadecimal digits that name a policy; equal policies have the same, in every process."""
    canonical = msgspec.json.encode(msgspec.to_builtins(policy), order="sorted")
    return blake2b(canonical, digest_size=8).hexdigest()
