"""What an ingest worker is made of, and what it does not load."""

from __future__ import annotations

import subprocess
import sys

from tests.support.repository import ROOT

_MADE = (
    "import sys; from relayscope.ingest import build_ingest; from relayscope.settings import Settings; "
    "from pathlib import Path; "
    "made = build_ingest(Settings(processors={'redaction': {'enabled': False}}), '', slot='ingest-0', run=Path('.')); "
)


def test_a_worker_loads_no_libraries_of_others() -> None:
    """Those of the API take tens of megabytes in each worker; those of senders are for who sends on."""
    loaded = "[name for name in ('fastapi', 'sqlglot', 'lark', 'relayscope.forward', 'typer') if name in sys.modules]"
    found = subprocess.run(
        [sys.executable, "-c", f"{_MADE} print(len(made), {loaded})"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert found.stdout == "3 []\n"
