"""What can be set of what happens to spans."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, FieldSerializationInfo, field_serializer

from relayscope.settings.value import MIB, Section


class LimitSettings(Section):
    """Bounds of one span or log record; what exceeds them is cut, with a mark."""

    max_attributes: int = Field(
        1024, ge=1, description="Attributes of a span, event, link, log record, resource or scope."
    )
    max_value_chars: int = Field(MIB, ge=256, description="Characters of a value, name or message.")
    max_events: int = Field(4096, ge=0, description="Events of a span.")
    max_links: int = Field(1024, ge=0, description="Links of a span.")
    max_span_chars: int = Field(
        4 * MIB, ge=4096, description="Characters of a span, or of a log record, with everything in it."
    )


# Any other name would make replacements that are not known again, and tokens that cannot be revealed.
_ENTITY = r"^[A-Z][A-Z0-9_]{1,63}$"


class EntityRuleSettings(Section):
    """What becomes of an entity."""

    operator: Literal["replace", "mask", "hash", "encrypt", "drop", "keep"] = "replace"
    threshold: float = Field(0.4, ge=0, le=1)
    keep_last: int = Field(4, ge=0)


class KeyRuleSettings(Section):
    """Entities that are not looked for below keys of a form."""

    keys: str = Field(min_length=1)
    entities: list[str] = Field(default_factory=list)


class DenyRuleSettings(Section):
    """Keys of which every value goes."""

    keys: str = Field(min_length=1)
    entity: str = Field("DENIED", pattern=_ENTITY)


class RecognizerSettings(Section):
    """An entity of the operator's own."""

    entity: str = Field(pattern=_ENTITY)
    patterns: list[str] = Field(min_length=1)
    score: float = Field(0.5, gt=0, le=1)
    # A word of nothing would be found everywhere.
    context: list[Annotated[str, Field(pattern=r"\S")]] = Field(default_factory=list)
    validator: Literal["luhn", "iban"] | None = None


class NerSettings(Section):
    """A spaCy model that finds names and places. What is not set is as the default policy has it."""

    model: str = Field(min_length=1)
    labels: dict[str, Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{1,63}$")]] | None = Field(None, min_length=1)
    keys: list[str] | None = Field(None, min_length=1)
    budget_ms: float = Field(2000.0, gt=0)
    on_timeout: Literal["redact", "keep_patterns"] = "redact"


class PolicySettings(Section):
    """What is removed before anything is stored."""

    entities: dict[str, EntityRuleSettings] = Field(
        {}, description="Rules by entity, over those of the default policy; the operator `keep` leaves one out."
    )
    countries: list[str] = Field([], description="Countries (ISO 3166) whose identity numbers are looked for.")
    secrets: bool = Field(default=True, description="Whether keys, tokens and passwords are looked for.")
    allow: list[KeyRuleSettings] = Field(
        [], description="Forms of attribute keys below which entities, or all, are not looked for."
    )
    deny: list[DenyRuleSettings] = Field([], description="Forms of attribute keys of which every value goes.")
    recognizers: list[RecognizerSettings] = Field([], description="Entities of your own.")
    drop_content: list[Literal["prompts", "answers"]] = Field(
        [], description="What was said to models (`prompts`), or by them (`answers`), goes whole."
    )
    ner: NerSettings | None = Field(
        None, description="An installed spaCy model that finds names and places in what was said to and by models."
    )


class RedactionSettings(PolicySettings):
    """The policy of all workspaces, and those of single ones."""

    enabled: bool = Field(default=True, description="Whether anything is redacted. Switching it off is audited.")
    workspaces: dict[int, PolicySettings] = Field(
        {}, description="Policies of workspaces by number: what they name holds in place of what is above."
    )
    key_file: Path | None = Field(
        None, description="Keys of the operators `hash` and `encrypt`; by default `redaction.key` in the data folder."
    )
    cache_mb: int = Field(16, ge=0, le=1024, description="Memory of a worker for what it has redacted already.")

    @field_serializer("workspaces")
    def _only_what_is_named(
        self, workspaces: dict[int, PolicySettings], info: FieldSerializationInfo
    ) -> dict[int, dict[str, Any]]:
        # What a workspace does not name must stay so on the way to the processes that work by it.
        return {number: policy.model_dump(mode=info.mode, exclude_unset=True) for number, policy in workspaces.items()}


class AiSettings(Section):
    """What is made of spans that tell of AI."""

    enabled: bool = Field(default=True, description="Whether AI interactions are made of spans and log records.")
    prices: Path | dict[str, Any] | None = Field(
        None, description="Aliases, prices and discounts of your own: a YAML file, or what would stand in it."
    )


class ProcessorSettings(Section):
    """What happens to spans. What PostgreSQL could refuse is always repaired, which has no settings."""

    limit: LimitSettings = LimitSettings()
    redaction: RedactionSettings = RedactionSettings()
    ai: AiSettings = AiSettings()
