"""All checks in their order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from relayscope.doctor.configuration import check_prices, check_settings
from relayscope.doctor.database import check_database, check_nothing_runs
from relayscope.doctor.exporter import check_exporters
from relayscope.doctor.finding import Finding, Report, failed, ok, report
from relayscope.doctor.folder import check_embedded, look_into
from relayscope.doctor.log import check_log
from relayscope.doctor.port import System, check_ports
from relayscope.doctor.program import check_program, installed_version
from relayscope.doctor.system import check_nothing_answers, check_system, is_alive, local_url
from relayscope.settings import Settings
from storage.inspection import FolderState, Inspector
from tracedata import CallerError


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be examined. ``load`` reads the settings from all sources."""

    load: Callable[[], Settings]
    config: Path | None
    url: str | None


async def examine(question: Question, inspector: Inspector) -> Report:
    """Runs every check. Nothing is changed, and a check that fails does not end the others."""
    try:
        settings = question.load()
    except CallerError as exc:
        advice = "Correct it, then run doctor again: the other checks need the settings."
        program = check_program(inspector, is_embedded=False)
        return report([*program, failed("settings", str(exc), advice=advice)])
    is_embedded = settings.storage.database_url is None
    state = look_into(inspector, settings.storage.data_dir) if is_embedded else None
    local = local_url(settings)
    system = System(is_answering=local is not None and is_alive(local), supervisor=_supervisor(state))
    return report(
        [
            *check_program(inspector, is_embedded=is_embedded),
            check_settings(settings, config=question.config, inspector=inspector),
            *check_prices(settings),
            *await check_exporters(settings),
            *_folder(inspector, state),
            *await _database(inspector, settings.storage.database_url, state),
            *check_ports(settings, system),
            check_log(settings.service.logs.file, now=datetime.now(UTC)),
            *_system(question.url, local=local if system.is_answering and system.owns(None) else None, state=state),
        ]
    )


def _supervisor(state: FolderState | Finding | None) -> int | None:
    """See ``System``; with a database of the user's, or a folder that is closed to us, it is not known."""
    return state.holder if isinstance(state, FolderState) else 0


def _folder(inspector: Inspector, state: FolderState | Finding | None) -> Sequence[Finding]:
    if state is None:
        return [ok("data folder", "not needed with --database-url")]
    return [state] if isinstance(state, Finding) else check_embedded(inspector, state)


async def _database(
    inspector: Inspector, database_url: str | None, state: FolderState | Finding | None
) -> Sequence[Finding]:
    if isinstance(state, Finding):
        return [ok("database", "not looked at, since its data folder cannot be")]
    dsn = state.dsn if isinstance(state, FolderState) else database_url
    return await check_database(inspector, dsn) if dsn else [check_nothing_runs()]


def _system(url: str | None, *, local: str | None, state: FolderState | Finding | None) -> Sequence[Finding]:
    """``local`` is where the Relayscope of these settings answers, if it does."""
    found = url if url and is_alive(url) else local if url is None else None
    if found is not None:
        return check_system(found, version=installed_version())
    holder = state.holder if isinstance(state, FolderState) else None
    return [check_nothing_answers(asked=url or None, holder=holder)]
