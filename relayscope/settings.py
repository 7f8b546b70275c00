"""One typed model of everything that can be set. Later sources win: defaults, YAML file, environment, flags.

The YAML file is shaped like the OpenTelemetry Collector's; ``${env:NAME}`` stands for an environment variable. The
environment spells a path with double underscores: ``RELAYSCOPE_SERVICE__WORKERS=4``. Unknown keys are errors.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    FieldSerializationInfo,
    ValidationError,
    field_serializer,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from relayscope.settings_file import Tree, read_tree
from relayscope.settings_problem import ENVIRONMENT, explain, setting_names, suggestion, variable_of
from tracedata import CallerError

_PREFIX = "RELAYSCOPE_"
# Where the tests find what they need, such as another database.
_TEST_PREFIX = "RELAYSCOPE_TEST_"
# What stands in the environment for a flag; a test compares them with the flags.
FLAG_VARIABLES = frozenset(
    f"{_PREFIX}{name}"
    for name in (
        "CONFIG DATA_DIR DATABASE_URL HOST HTTP_PORT JAEGER_GRPC_PORT JAEGER_HTTP_PORT OTLP_GRPC_PORT OTLP_HTTP_PORT URL "
        "WORKERS"
    ).split()
)
_LOOPBACK = "127.0.0.1"


def split_endpoint(endpoint: str) -> tuple[str, int]:
    """``host:port`` as two values; an IPv6 host stands in brackets.

    Raises:
        ValueError: it is not of that form.
    """
    host, colon, port = endpoint.rpartition(":")
    if not colon or not host or not port.isdecimal():
        raise ValueError(f"{endpoint!r} is not of the form host:port")
    if int(port) > 65_535:
        raise ValueError(f"a port is a number from 0 to 65535, not {port}")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _checked_endpoint(endpoint: str) -> str:
    split_endpoint(endpoint)
    return endpoint


Endpoint = Annotated[str, AfterValidator(_checked_endpoint)]
_AGE = re.compile(r"([1-9][0-9]{0,5})(h|d|w)")
_AGE_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def parse_age(text: str) -> timedelta:
    """A span of time such as ``12h``, ``30d`` or ``8w``.

    Raises:
        ValueError: it is not of that form, or longer than time itself.
    """
    match = _AGE.fullmatch(text)
    age = int(match[1]) * _AGE_UNITS[match[2]] if match else timedelta()
    if not timedelta() < age <= timedelta(days=36_500):
        raise ValueError("expected hours, days or weeks, such as 12h, 30d or 8w")
    return age


def _checked_age(text: str) -> str:
    parse_age(text)
    return text


Age = Annotated[str, AfterValidator(_checked_age)]


def _checked_url(url: str) -> str:
    if not url.strip():
        raise ValueError(
            "is empty (a variable that is not set?); name a PostgreSQL, or leave it out for the embedded one"
        )
    return url


# An empty one must not be taken for none: the data would go where nobody looks for it.
DatabaseUrl = Annotated[str, AfterValidator(_checked_url)]
_MIB = 1 << 20


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OtlpGrpcSettings(_Section):
    """OTLP over gRPC."""

    endpoint: Endpoint = Field(f"{_LOOPBACK}:4317", description="Where OTLP/gRPC listens.")
    max_request_bytes: int = Field(20 * _MIB, ge=1024, description="Larger requests are refused.")
    max_connection_idle_s: float = Field(300.0, gt=0, description="Connections without calls for longer are closed.")


class OtlpHttpSettings(_Section):
    """OTLP over HTTP."""

    endpoint: Endpoint = Field(f"{_LOOPBACK}:4318", description="Where OTLP/HTTP listens.")
    max_request_bytes: int = Field(
        20 * _MIB, ge=1024, description="Larger bodies are refused, before and after decompression."
    )


class OtlpProtocolSettings(_Section):
    """Both ways in."""

    grpc: OtlpGrpcSettings = OtlpGrpcSettings()
    http: OtlpHttpSettings = OtlpHttpSettings()


class OtlpSettings(_Section):
    """The OTLP receiver."""

    protocols: OtlpProtocolSettings = OtlpProtocolSettings()
    max_bytes_in_flight: int = Field(
        32 * _MIB, ge=_MIB, description="Bytes of unanswered requests that a worker holds before it refuses more."
    )
    max_requests_in_flight: int = Field(
        1024, ge=1, description="Unanswered requests that a worker holds before it refuses more."
    )
    max_objects: int = Field(
        1_250_000, ge=1000, description="Requests with more messages (spans, attributes, values, events) are refused."
    )
    read_timeout_s: float = Field(30.0, gt=0, description="A request that takes longer to arrive is refused.")


class ReceiverSettings(_Section):
    """What comes in, and where."""

    otlp: OtlpSettings = OtlpSettings()


class LimitSettings(_Section):
    """Bounds of one span or log record; what exceeds them is cut, with a mark."""

    max_attributes: int = Field(
        1024, ge=1, description="Attributes of a span, event, link, log record, resource or scope."
    )
    max_value_chars: int = Field(_MIB, ge=256, description="Characters of a value, name or message.")
    max_events: int = Field(4096, ge=0, description="Events of a span.")
    max_links: int = Field(1024, ge=0, description="Links of a span.")
    max_span_chars: int = Field(
        4 * _MIB, ge=4096, description="Characters of a span, or of a log record, with everything in it."
    )


# Any other name would make replacements that are not known again, and tokens that cannot be revealed.
_ENTITY = r"^[A-Z][A-Z0-9_]{1,63}$"


class EntityRuleSettings(_Section):
    """What becomes of an entity."""

    operator: Literal["replace", "mask", "hash", "encrypt", "drop", "keep"] = "replace"
    threshold: float = Field(0.4, ge=0, le=1)
    keep_last: int = Field(4, ge=0)


class KeyRuleSettings(_Section):
    """Entities that are not looked for below keys of a form."""

    keys: str = Field(min_length=1)
    entities: list[str] = []


class DenyRuleSettings(_Section):
    """Keys of which every value goes."""

    keys: str = Field(min_length=1)
    entity: str = Field("DENIED", pattern=_ENTITY)


class RecognizerSettings(_Section):
    """An entity of the operator's own."""

    entity: str = Field(pattern=_ENTITY)
    patterns: list[str] = Field(min_length=1)
    score: float = Field(0.5, gt=0, le=1)
    # A word of nothing would be found everywhere.
    context: list[Annotated[str, Field(pattern=r"\S")]] = []
    validator: Literal["luhn", "iban"] | None = None


class NerSettings(_Section):
    """A spaCy model that finds names and places. What is not set is as the default policy has it."""

    model: str = Field(min_length=1)
    labels: dict[str, Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{1,63}$")]] | None = Field(None, min_length=1)
    keys: list[str] | None = Field(None, min_length=1)
    budget_ms: float = Field(2000.0, gt=0)
    on_timeout: Literal["redact", "keep_patterns"] = "redact"


class PolicySettings(_Section):
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


class AiSettings(_Section):
    """What is made of spans that tell of AI."""

    enabled: bool = Field(default=True, description="Whether AI interactions are made of spans and log records.")
    prices: Path | dict[str, Any] | None = Field(
        None, description="Aliases, prices and discounts of your own: a YAML file, or what would stand in it."
    )


class ProcessorSettings(_Section):
    """What happens to spans. What PostgreSQL could refuse is always repaired, which has no settings."""

    limit: LimitSettings = LimitSettings()
    redaction: RedactionSettings = RedactionSettings()
    ai: AiSettings = AiSettings()


class RetentionSettings(_Section):
    """How long what is stored is kept."""

    spans: Age | None = Field(None, description="Spans that started longer ago go, such as `30d`, `12h` or `8w`.")
    log_records: Age | None = Field(None, description="The same for log records, by their time.")
    ai_interactions: Age | None = Field(None, description="The same for AI interactions; by default as long as spans.")
    interval_s: float = Field(3600.0, ge=1, description="How often what is too old is removed.")

    @property
    def periods(self) -> dict[str, timedelta]:
        """How long each signal is kept, by the name of its table; those that are kept for ever are missing."""
        interactions = self.ai_interactions or self.spans
        ages = {
            "spans": self.spans,
            "log_records": self.log_records,
            "ai_interactions": interactions,
            # The words go with the texts.
            "ai_search": interactions,
        }
        return {signal: parse_age(age) for signal, age in ages.items() if age is not None}


class SqlSettings(_Section):
    """SQL of users."""

    enabled: bool = Field(default=True, description="Whether users can ask in SQL, and the roles for it are made.")
    key_file: Path | None = Field(
        None,
        description="The secret of which the passwords of the roles are made; by default `sql.key` in the data folder.",
    )
    timeout_s: float = Field(30.0, gt=0, le=3600, description="A query that takes longer is ended.")
    max_rows: int = Field(100_000, ge=1, description="Rows that may be asked for at once.")
    max_bytes: int = Field(
        64 * _MIB, ge=_MIB, le=1024 * _MIB, description="Longer answers are cut, and larger rows refused."
    )
    max_connections: int = Field(4, ge=1, le=20, description="Queries that run at once, in one workspace.")
    work_mem_mb: int = Field(16, ge=1, description="Memory that a step of a query may use before it uses the disk.")
    temp_file_mb: int = Field(
        256, ge=1, description="Disk that a query may use besides, where the server lets us say so."
    )


class StorageSettings(_Section):
    """Where spans and log records are kept, and the bounds of writing and reading."""

    data_dir: Path = Field(Path("relayscope-data"), description="The embedded PostgreSQL and its log live here.")
    database_url: DatabaseUrl | None = Field(
        None, description="Use this PostgreSQL (15 or newer) instead of the embedded one.", repr=False
    )
    shared_buffers_mb: int | None = Field(
        None,
        ge=16,
        description="Memory of the embedded server's cache; by default an eighth of the machine's, at most 2 GiB.",
    )
    max_group_rows: int = Field(20_000, ge=1, description="A commit takes about this many rows at most.")
    max_queued_rows: int = Field(200_000, ge=1, description="Rows a worker holds before it refuses more.")
    max_queued_bytes: int = Field(64 * _MIB, ge=_MIB, description="Bytes a worker holds before it refuses more.")
    allow_data_loss_on_crash: bool = Field(
        default=False, description="Start on a database that can lose acknowledged spans when it crashes."
    )
    query_timeout_s: float = Field(30.0, gt=0, description="A query that takes longer is cancelled.")
    partition_width: Literal["hour", "day"] = Field("day", description="What one partition holds: `hour` or `day`.")
    partitions_ahead: int = Field(3, ge=1, le=100, description="Partitions that are made before their time comes.")
    retention: RetentionSettings = RetentionSettings()
    sql: SqlSettings = SqlSettings()


class HttpSettings(_Section):
    """The HTTP API."""

    endpoint: Endpoint = Field(f"{_LOOPBACK}:8000", description="Where the page and the REST API listen.")


class JaegerSettings(_Section):
    """The ports where Jaeger's clients look."""

    http: Endpoint = Field(f"{_LOOPBACK}:16686", description="The same application, where Jaeger's clients look.")
    grpc: Endpoint = Field(f"{_LOOPBACK}:16685", description="Where gRPC queries listen.")


class LogSettings(_Section):
    """What is logged."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="What is logged.")
    format: Literal["auto", "json", "text"] = Field(
        "auto", description="Lines on standard error; `auto` is text on a terminal and JSON elsewhere."
    )
    file: Path | None = Field(
        None, description="A file that gets the log as JSON lines besides; `relayscope doctor` reads it."
    )


class TraceTelemetrySettings(_Section):
    """Spans of our own."""

    endpoint: Endpoint | None = Field(
        None, description="Spans about Relayscope itself go to this OTLP/gRPC endpoint, which must be another system."
    )
    tls: bool = Field(default=False, description="Whether that endpoint speaks TLS.")
    ratio: float = Field(0.1, ge=0, le=1, description="The share of requests of which spans are sent.")


class TelemetrySettings(_Section):
    """What Relayscope tells about itself, besides logs and `/metrics`."""

    traces: TraceTelemetrySettings = TraceTelemetrySettings()


class ServiceSettings(_Section):
    """Processes and the addresses they answer on."""

    http: HttpSettings = HttpSettings()
    jaeger: JaegerSettings = JaegerSettings()
    logs: LogSettings = LogSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    workers: int = Field(
        default_factory=lambda: os.cpu_count() or 1, ge=1, le=64, description="Ingest processes; one a core."
    )
    shutdown_grace_s: float = Field(10.0, ge=0, description="How long running requests may take to finish at a stop.")


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True)

    receivers: ReceiverSettings = ReceiverSettings()
    processors: ProcessorSettings = ProcessorSettings()
    storage: StorageSettings = StorageSettings()
    service: ServiceSettings = ServiceSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is the library's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - read by load_settings, between file and flags
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


def load_settings(*, config: Path | None = None, flags: Tree | None = None) -> Settings:
    """Reads all sources; ``flags`` is a tree like the YAML file's with what was given on the command line.

    Raises:
        CallerError: the file cannot be read, or a value is wrong; the message names the place.
    """
    file = read_tree(config) if config else {}
    environment = _environment()
    try:
        return Settings(**_merged(_merged(file, environment), flags or {}))
    except ValidationError as exc:
        sources = {str(config): file, ENVIRONMENT: environment, "a flag": flags or {}}
        raise CallerError(explain(exc, sources=sources, known=set(setting_names(Settings)), prefix=_PREFIX)) from exc


def _environment() -> Tree:
    """What the environment sets."""
    variables = {variable_of(name, prefix=_PREFIX) for name in setting_names(Settings)}
    for name in sorted(os.environ):
        upper = name.upper()
        # Settings are found whatever the case; flags are not.
        is_read = upper in variables or name in FLAG_VARIABLES
        if upper.startswith(_PREFIX) and not is_read and not upper.startswith(_TEST_PREFIX):
            closest = suggestion(upper, FLAG_VARIABLES | variables)
            raise CallerError(f"the environment variable {name} names no setting{closest}")
    try:
        return EnvSettingsSource(Settings)()
    except SettingsError as exc:
        section = re.search(r'field "(\w+)"', str(exc))
        raise CallerError(
            f"the environment variable {_PREFIX}{section[1].upper() if section else ''} is not JSON"
        ) from exc


def _merged(low: Tree, high: Mapping[str, Any]) -> Tree:
    merged = dict(low)
    for key, value in high.items():
        inner = merged.get(key)
        merged[key] = _merged(inner, value) if isinstance(inner, dict) and isinstance(value, Mapping) else value
    return merged
