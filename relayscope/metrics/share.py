"""Figures of one process where others can read them: small memory-mapped files in the run folder.

A file belongs to a slot (``ingest-0``), not to a process id: the process that replaces a dead one goes on counting
where that one stopped. So nothing vanishes, nothing is counted twice, and a crash loop does not fill the folder. What
was counted survives ``kill -9``, since the pages belong to the file.
"""

from __future__ import annotations

import os
from pathlib import Path

from prometheus_client import multiprocess, values


def share(folder: Path, *, slot: str) -> None:
    """From here on, metrics made in this process live in ``folder``. Once a process, before its first metric.

    No two running processes may have the same slot. ``slot`` has no underscore.
    """
    # The library knows no other way than its variable and this name of its module; hence a call of the process's
    # main function, and not of a component.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    values.ValueClass = values.MultiProcessValue(lambda: slot)  # type: ignore[no-untyped-call]  # no types there


def forget_gauges(folder: Path, *, slot: str) -> None:
    """What a process had in its hands is gone with it; what it has counted stays."""
    multiprocess.mark_process_dead(slot, str(folder))  # type: ignore[no-untyped-call]  # no types there
