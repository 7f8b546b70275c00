"""What traces are full of and what is nobody's: every replacement in it is a false one."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from random import Random

import msgspec

_MODELS = (
    "gpt-4o-2024-08-06", "gpt-4o-mini-2024-07-18", "gpt-4.1-nano-2025-04-14", "o3-mini-2025-01-31", "claude-3-5-sonnet-20241022",
    "claude-3-haiku@20240307", "gemini-1.5-pro-002", "models/gemini-2.0-flash-001", "mistral-large-2411", "text-embedding-3-large",
    "meta-llama/Llama-3.3-70B-Instruct", "us.anthropic.claude-3-7-sonnet-20250219-v1:0", "deepseek-r1:671b", "Qwen/Qwen2.5-72B",
)  # fmt: skip
_WORDS = "order span token worker retry batch model queue shard cache index chunk prompt answer tool agent call".split()
_LEVELS = ("DEBUG", "INFO", "WARN", "ERROR")
_FIRST_S, _LAST_S = 1_500_000_000, 1_900_000_000
# Bytes that are not text, so that no layer opens.
_BLOB_BYTES = 48


def _hex(random: Random, digits: int) -> str:
    return f"{random.getrandbits(4 * digits):0{digits}x}"


def _uuid(random: Random) -> str:
    text = _hex(random, 32)
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


def _second(random: Random) -> int:
    return random.randint(_FIRST_S, _LAST_S)


def _moment(random: Random) -> str:
    moment = datetime.fromtimestamp(_second(random), UTC).replace(microsecond=random.randrange(1_000_000))
    form = random.choice(
        ("%Y-%m-%dT%H:%M:%S.%fZ", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S,%f", "%d/%b/%Y:%H:%M:%S +0000")
    )
    return moment.strftime(form)


def _float(random: Random) -> str:
    return random.choice(
        (
            f"{random.uniform(-1, 1):.9f}",
            # As in embeddings.
            f"{random.gauss(0, 0.03):.9f}",
            f"{random.random()!r}",
            f"{random.gauss(0, 1e4):.3f}",
            f"{random.random():e}",
        )
    )


def _vector(random: Random) -> str:
    return f"[{', '.join(_float(random) for _ in range(random.randint(4, 16)))}]"


def _version(random: Random) -> str:
    numbers = ".".join(str(random.randrange(40)) for _ in range(3))
    return random.choice(("", "v", "python-", "Chrome/")) + numbers + random.choice(("", "-rc.1", "+build.7", "b2"))


def _path(random: Random) -> str:
    parts = [random.choice(_WORDS) for _ in range(random.randint(1, 4))]
    number = random.randrange(10**9)
    return random.choice(
        (
            f"/{'/'.join(parts)}.py:{number % 2000}",
            f"/api/v1/{parts[0]}s/{number}",
            f"s3://{'-'.join(parts)}/{_hex(random, 8)}.json",
        )
    )


def _blob(random: Random) -> str:
    return base64.b64encode(random.randbytes(_BLOB_BYTES)).decode()


def _log(random: Random) -> str:
    word = random.choice(_WORDS)
    return f"{_moment(random)} {random.choice(_LEVELS)} [{word}-{random.randrange(64)}] {word} {_hex(random, 12)} took {random.uniform(0, 9e3):.1f} ms, {random.randrange(10**6)} bytes"


def _code(random: Random) -> str:
    word, number = random.choice(_WORDS), random.randrange(10**6)
    return random.choice((
        f"{word}s[{number % 100}] = {word}.get({number}, 0x{_hex(random, 8)})",
        f"if ({word}_id in ({number}, {number + 1}, {number + 2})) return {word}s[{number % 100}];",
        f"@{word}.cached(ttl={number}) def {word}_of(a, b): return a[{number % 10}:{number % 100}]",
        f"std::{word}<{number % 128}>::{word}(0x{_hex(random, 16)})",
        f"@@ -{number % 900},{number % 40} +{number % 901},{number % 41} @@ class {word.title()}:",
        f"pip install {word}=={_version(random).lstrip('v')}",
    ))  # fmt: skip


SHAPES: Mapping[str, Callable[[Random], str]] = {
    "UUID": _uuid,
    "trace id": lambda random: _hex(random, 32),
    "span id": lambda random: _hex(random, 16),
    "SHA-1": lambda random: _hex(random, 40),
    "SHA-256": lambda random: f"sha256:{_hex(random, 64)}",
    "short SHA": lambda random: _hex(random, 7),
    "nanoseconds": lambda random: str(_second(random) * 10**9 + random.randrange(10**9)),
    "microseconds": lambda random: str(_second(random) * 10**6 + random.randrange(10**6)),
    "milliseconds": lambda random: str(_second(random) * 1000 + random.randrange(1000)),
    "seconds": lambda random: str(_second(random)),
    "timestamp": _moment,
    "version": _version,
    "float": _float,
    "vector": _vector,
    "count": lambda random: str(random.randrange(10 ** random.randint(1, 9))),
    "model": lambda random: random.choice(_MODELS),
    "completion id": lambda random: f"chatcmpl-{_blob(random)[:29].replace('/', 'x').replace('+', 'y')}",
    "path": _path,
    "base64": _blob,
    "log line": _log,
    "code": _code,
}
# What these keys hold is known, so that not one replacement is right in them.
FIELDS: Mapping[str, Sequence[str]] = {
    "gen_ai.response.id": ("completion id", "UUID"),
    "gen_ai.request.model": ("model",),
    "gen_ai.response.model": ("model",),
    "gen_ai.usage.input_tokens": ("count",),
    "llm.token_count.total": ("count",),
    "run_id": ("UUID", "trace id"),
    "trace_id": ("trace id",),
    "parent_span_id": ("span id",),
    "created_at": ("timestamp", "seconds", "milliseconds"),
    "timestamp": ("nanoseconds", "microseconds", "milliseconds", "seconds", "timestamp"),
    "start_time_unix_nano": ("nanoseconds",),
    "code.commit.hash": ("SHA-1", "SHA-256", "short SHA"),
    "service.version": ("version",),
}  # fmt: skip


class Noise(msgspec.Struct, frozen=True):
    """A text under a key, and the tokens it is made of."""

    text: str
    tokens: Sequence[str]
    key: str = ""


_TOKENS_PER_TEXT = 20


def texts(*, tokens: int, seed: int) -> Iterator[Noise]:
    """Tokens of all shapes in turn, twenty to a text: in lines, in a row, as a list, and as JSON."""
    random = Random(seed)
    names = list(SHAPES)
    for number in range(tokens // _TOKENS_PER_TEXT):
        chosen = [SHAPES[names[(number + place) % len(names)]](random) for place in range(_TOKENS_PER_TEXT)]
        random.shuffle(chosen)
        yield Noise(_FORMS[number % len(_FORMS)](chosen), chosen)


def fields(*, tokens: int, seed: int) -> Iterator[Noise]:
    """Tokens as values of the attributes that hold such, each key in turn."""
    random = Random(seed)
    keys = list(FIELDS)
    for number in range(tokens):
        key = keys[number % len(keys)]
        token = SHAPES[random.choice(FIELDS[key])](random)
        yield Noise(token, (token,), key)


def _as_json(tokens: Sequence[str]) -> str:
    return json.dumps({f"field_{number}": token for number, token in enumerate(tokens)})


_FORMS: Sequence[Callable[[Sequence[str]], str]] = ("\n".join, " ".join, ", ".join, _as_json)
