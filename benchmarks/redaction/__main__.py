"""``python -m benchmarks.redaction``: the table on stdout, progress and what was missed on stderr; 1 when a target is missed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence

from benchmarks.redaction import behaviour, finding, sparing
from benchmarks.redaction.measurement import Measurement
from benchmarks.redaction.report import Report, as_json, as_table, missed
from redaction.policy import default_policy
from redaction.redactor import Redactor
from relayscope.bench.figure import now
from relayscope.bench.system import machine

Measure = Callable[[], Sequence[Measurement]]


def main() -> int:
    options = _parser().parse_args()
    redactor = Redactor(default_policy())
    measures = _measures(redactor, options)
    chosen = options.only or list(measures)
    started = now()
    report = Report(
        started=started,
        machine=machine(),
        engine=redactor.engine_version,
        policy=redactor.policy_hash,
        measurements=[one for name in chosen for one in measures[name]()],
    )
    print(as_json(report) if options.json else as_table(report))
    if not report.is_met:
        _tell(missed(report))
    return 0 if report.is_met else 1


def _measures(redactor: Redactor, options: argparse.Namespace) -> Mapping[str, Measure]:
    seed = options.seed
    return {
        "personal": lambda: finding.personal_data(redactor, texts=options.texts, seed=seed, tell=_tell),
        "crowded": lambda: finding.crowded_data(redactor, texts=options.texts, seed=seed, tell=_tell),
        "noise": lambda: sparing.noise_tokens(redactor, tokens=options.tokens, seed=seed, tell=_tell),
        "evasion": lambda: finding.hidden_data(redactor, tell=_tell),
        "secrets": lambda: finding.secrets(redactor, seed=seed, tell=_tell),
        "speed": lambda: behaviour.throughput(seed=seed, tell=_tell),
        "hostile": lambda: behaviour.hostile_texts(tell=_tell),
        "repetition": lambda: behaviour.repetition(cases=options.cases, seed=seed, tell=_tell),
        "proofs": behaviour.proofs,
    }


_NAMES = ("personal", "crowded", "noise", "evasion", "secrets", "speed", "hostile", "repetition", "proofs")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.redaction", description="Measure redaction against its targets."
    )
    parser.add_argument(
        "--json", action="store_true", help="print JSON, with examples of what was missed, instead of a table"
    )
    parser.add_argument("--only", nargs="+", choices=_NAMES, help="measure these only")
    parser.add_argument("--texts", type=int, default=5_000, help="texts with personal data (%(default)s)")
    parser.add_argument("--tokens", type=int, default=1_000_000, help="tokens of noise (%(default)s)")
    parser.add_argument("--cases", type=int, default=100_000, help="texts that are redacted twice (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="another seed makes other texts (%(default)s)")
    return parser


def _tell(line: str) -> None:
    print(f"eval-redaction: {line}" if "\n" not in line else line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
