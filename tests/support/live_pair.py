"""The pairs of the live test: a real SDK with real instrumentation, run as a program in the environment of `make test-live`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from tests.support.model_server import ModelServer
from tests.support.otlp_recording import OtlpRecorder, OtlpRequest, Recording
from tests.support.repository import ROOT

RECORDINGS = ROOT / "tests" / "fixtures" / "live"
ENVIRONMENT = ROOT / ".venv-live"
_PROGRAMS = ROOT / "tests" / "live" / "program"
_TIMEOUT_S = 180
_VERSIONS = "import json, sys; from importlib.metadata import version; print(json.dumps({name: version(name) for name in sys.argv[1:]}))"


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """``program`` is run with ``instrumentations`` as its arguments, and exports over gRPC or HTTP. ``packages`` are what is tested."""

    name: str
    program: str
    packages: tuple[str, ...]
    instrumentations: tuple[str, ...] = ()
    is_grpc: bool = False

    @property
    def recording(self) -> Path:
        return RECORDINGS / f"{self.name}.json"

    @property
    def service(self) -> str:
        return f"live-{self.name}"


_OPENAI = {
    "openinference-openai": "openinference-instrumentation-openai",
    "openllmetry-openai": "opentelemetry-instrumentation-openai",
    "genai-openai": "opentelemetry-instrumentation-genai-openai",
}
_ANTHROPIC = {
    "openinference-anthropic": "openinference-instrumentation-anthropic",
    "openllmetry-anthropic": "opentelemetry-instrumentation-anthropic",
    "genai-anthropic": "opentelemetry-instrumentation-genai-anthropic",
}
# Each sort of transport is used by pairs with and without log records.
_OVER_GRPC = frozenset({"openllmetry-openai", "genai-anthropic"})


def _simple(program: str, sdk: str, instrumentations: dict[str, str]) -> tuple[Pair, ...]:
    return tuple(
        Pair(
            name=name,
            program=program,
            packages=(sdk, package),
            instrumentations=(name,),
            is_grpc=name in _OVER_GRPC,
        )
        for name, package in instrumentations.items()
    )


PAIRS: tuple[Pair, ...] = (
    *_simple("openai_program", "openai", _OPENAI),
    # Two at once, as it happens where an agent is installed beside what a framework brings.
    Pair(
        name="openai-twice",
        program="openai_program",
        packages=("openai", _OPENAI["openinference-openai"], _OPENAI["genai-openai"]),
        instrumentations=("openinference-openai", "genai-openai"),
    ),
    *_simple("anthropic_program", "anthropic", _ANTHROPIC),
    Pair(name="pydantic-ai", program="pydantic_ai_program", packages=("pydantic-ai-slim", "openai")),
    Pair(
        name="pydantic-ai-over-genai",
        program="pydantic_ai_program",
        packages=("pydantic-ai-slim", "openai", _OPENAI["genai-openai"]),
        instrumentations=("genai-openai",),
    ),
    Pair(name="litellm", program="litellm_program", packages=("litellm", "openai")),
)


def perform(pair: Pair, folder: Path, send: Callable[[OtlpRequest], None]) -> Recording:
    """Runs the program of a pair, passes on what it exports, and tells what it sent and what it had asked.

    ``folder`` is empty. The program runs out of it, so that the stack traces that it reports do not name this checkout.
    """
    python = _moved(folder)
    # Python resolves links to the folder of a program.
    shutil.copytree(_PROGRAMS, folder / "program", ignore=shutil.ignore_patterns("__pycache__"))
    with ModelServer() as server, OtlpRecorder(send) as recorder:
        subprocess.run(
            [python, str(folder / "program" / f"{pair.program}.py"), *pair.instrumentations],
            env=_environment(pair, server, recorder),
            cwd=folder,
            check=True,
            timeout=_TIMEOUT_S,
        )
        return Recording(versions=_versions(pair, python), calls=server.calls, requests=recorder.requests)


def _moved(folder: Path) -> str:
    """The interpreter of an environment, and of a Python below it, that seem to be in ``folder``."""
    environment, base = folder / "environment", folder / "python"
    base.symlink_to(sys.base_prefix)
    (environment / "bin").mkdir(parents=True)
    (environment / "lib").symlink_to(ENVIRONMENT / "lib")
    (environment / "pyvenv.cfg").write_text(f"home = {base / 'bin'}\n")
    python = environment / "bin" / "python"
    python.symlink_to(base / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}")
    return str(python)


def _environment(pair: Pair, server: ModelServer, recorder: OtlpRecorder) -> dict[str, str]:
    transport = {
        True: {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_ENDPOINT": recorder.grpc_url},
        False: {
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_EXPORTER_OTLP_ENDPOINT": recorder.http_url,
            "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        },
    }
    return {
        **transport[pair.is_grpc],
        "PATH": os.environ["PATH"],
        "NO_PROXY": "*",
        "PYTHONDONTWRITEBYTECODE": "1",
        "MODEL_URL": server.url,
        "OTEL_SERVICE_NAME": pair.service,
        # The official packages keep content to themselves unless told otherwise; what they tell comes on both signals.
        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "span_and_event",
        "OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT": "true",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "TRACELOOP_TELEMETRY": "false",
        "DO_NOT_TRACK": "1",
    }


def _versions(pair: Pair, python: str) -> dict[str, str]:
    command = [python, "-c", _VERSIONS, *pair.packages]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    versions: dict[str, str] = json.loads(printed)
    return versions
