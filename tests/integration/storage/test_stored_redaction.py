from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Unpack

import psycopg
import pytest
from msgspec.structs import replace

from processors.redact import Redact
from processors.redact_find import Find
from redaction.policy import default_policy
from redaction.redactor import Redactor
from storage.audit import APPLIED_AGAIN, APPLYING_AGAIN
from storage.log_record import LogSearch
from storage.postgres.audit import PostgresAudit
from storage.postgres.log_reader import PostgresLogReader
from storage.postgres.read_pool import ReaderConfig
from storage.postgres.reredaction import ApplyConfig, Reredaction
from storage.postgres.stored_text import unescaped
from storage.postgres.verification import verify
from storage.postgres.writer import WriterConfig
from storage.redaction import Application, ApplyProgress, Verification
from tests.support.canonical import canonical, same_spans
from tests.support.database import reading, rows, terminate, transaction, until_blocked, writing
from tests.support.factory import (
    BASE_US,
    LogRecordFields,
    batch,
    full_log_record,
    full_span,
    log_batch,
    log_record,
    resource,
    span,
    trace_id,
)
from tracedata import Batch, Event, Link, LogRecord, PermanentError, RetryableError, Scope, Span

_ADDRESS = "jane.doe@example.com"
_ENTITY = "EMAIL_ADDRESS"
_REDACTED = f"<{_ENTITY}>"
_REDACTOR = Redactor(default_policy())
_FINDER = Find(_REDACTOR)
_REDACT = Redact(_REDACTOR)
_BY = f"{_REDACTOR.policy_hash}/{_REDACTOR.engine_version}"
_LARGE = 4 << 20
_APPLICATION = "redaction under test"
_START = datetime.fromtimestamp(BASE_US / 1e6, UTC)


class _StopError(Exception):
    """Ends a run in its middle."""


def _everywhere() -> Span:
    """A span that holds an address in every place that redaction looks at."""
    return full_span(
        name=f"mail {_ADDRESS}",
        status_message=f"no box {_ADDRESS}",
        trace_state=f"by={_ADDRESS}",
        attributes={"user.mail": _ADDRESS, "n": {"deep": ["a", _ADDRESS, 3]}, "plain": 1.0, f"to {_ADDRESS}": True},
        events=(Event(time_unix_nano=4_111_111_111_111_111, name=_ADDRESS, attributes={"to": _ADDRESS}),),
        links=(Link(trace_id=bytes(16), span_id=bytes(8), trace_state=_ADDRESS, attributes={"by": _ADDRESS}),),
        resource=resource(f"shop {_ADDRESS}", {"owner": _ADDRESS}),
        scope=Scope(name="tests", version="1", attributes={"author": _ADDRESS}),
        redactions={"PHONE_NUMBER": 2},
        redacted_keys={"old": {"PHONE_NUMBER": 2}},
    )


async def _write(dsn: str, *spans: Span, workspace_id: int = 1) -> None:
    async with writing(WriterConfig(dsn=dsn)) as writer:
        receipt = await writer.consume(batch(*spans, workspace_id=workspace_id))
        assert receipt.accepted == len(spans)


async def _verify(dsn: str, *, deep: bool = False) -> Verification:
    return await verify(dsn, lambda _: _FINDER, policy="strict", deep=deep)


def _run(dsn: str, *, page_spans: int = 500, policy: str = "strict") -> Reredaction:
    config = ApplyConfig(
        dsn=f"{dsn}&application_name={_APPLICATION.replace(' ', '%20')}",
        policy=policy,
        actor="tester",
        page_spans=page_spans,
    )
    return Reredaction(config, lambda _: _REDACT, PostgresAudit(dsn))


async def _apply(dsn: str, *, page_spans: int = 500, policy: str = "strict") -> Application:
    return await _run(dsn, page_spans=page_spans, policy=policy).apply()


def _places(found: Verification) -> dict[tuple[str, str], int]:
    return {(place.column, place.key): place.count for place in found.places}


async def _stored(dsn: str, ids: Sequence[bytes], workspace_id: int = 1) -> list[Span]:
    async with reading(ReaderConfig(dsn=dsn)) as reader:
        found = await reader.get_traces(workspace_id, ids)
    return [one for spans in found.values() for one in spans]


async def _holds(dsn: str, text: str) -> list[str]:
    """The tables of the database in whose rows, as PostgreSQL writes them, the text stands."""
    names: list[tuple[str]] = list(
        await rows(
            dsn,
            "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'relayscope'::regnamespace",
        )
    )
    found = []
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        for (name,) in names:
            query: Any = f"SELECT count(*) FROM {name} AS t WHERE t::text LIKE %(pattern)s"
            ((count,),) = await (await connection.execute(query, {"pattern": f"%{text}%"})).fetchall()
            found += [name] * bool(count)
    return found


async def test_verify_says_where_and_how_often_but_never_what(shared_postgres_dsn: str) -> None:
    await _write(shared_postgres_dsn, _everywhere(), span(attributes={"user.mail": _ADDRESS}), span())
    found = await _verify(shared_postgres_dsn)
    assert _places(found) == {
        ("operations.name", "name"): 1,
        ("operations.service_name", "service.name"): 1,
        ("resources.attributes", "owner"): 1,
        ("resources.attributes", "service.name"): 1,
        ("scopes.attributes", "author"): 1,
        ("spans.attributes", "user.mail"): 2,
        ("spans.attributes", "n.deep"): 1,
        ("spans.attributes", "attribute.key"): 1,
        ("spans.events", "name"): 1,
        ("spans.events", "to"): 1,
        ("spans.links", "by"): 1,
        ("spans.links", "traceState"): 1,
        ("spans.name", "name"): 1,
        ("spans.service_name", "service.name"): 1,
        ("spans.status_message", "status_message"): 1,
        ("spans.trace_state", "trace_state"): 1,
    }
    assert {place.entity for place in found.places} == {_ENTITY}
    assert _ADDRESS not in repr(found)


def _logged_everywhere(**fields: Unpack[LogRecordFields]) -> LogRecord:
    """A log record that holds an address in every place that redaction looks at."""
    made = full_log_record(
        body={"to": _ADDRESS, "deep": ["a", _ADDRESS, 3]},
        event_name=f"mail {_ADDRESS}",
        severity_text=_ADDRESS,
        attributes={"user.mail": _ADDRESS, "plain": 1.0},
        resource=resource(f"shop {_ADDRESS}", {"owner": _ADDRESS}),
        scope=Scope(name="tests", version="1", attributes={"author": _ADDRESS}),
        redactions={"PHONE_NUMBER": 2},
        redacted_keys={"old": {"PHONE_NUMBER": 2}},
    )
    return replace(made, **fields)


async def _log(dsn: str, *records: LogRecord) -> None:
    async with writing(WriterConfig(dsn=dsn)) as writer:
        assert (await writer.consume(log_batch(*records))).accepted == len(records)


async def _logged(dsn: str) -> Sequence[LogRecord]:
    search = LogSearch(workspace_id=1, start_us=0, end_us=2**63, limit=1_000)
    async with reading(ReaderConfig(dsn=dsn)) as reader:
        return (await PostgresLogReader(reader.pool).find_log_records(search)).records


async def test_verify_looks_at_every_place_of_a_log_record(shared_postgres_dsn: str) -> None:
    await _log(shared_postgres_dsn, _logged_everywhere(), log_record())
    found = await _verify(shared_postgres_dsn, deep=True)
    flat = {at: count for at, count in _places(found).items() if not at[0].startswith("dump:")}
    assert flat == {
        ("log_records.attributes", "user.mail"): 1,
        ("log_records.body", "body.deep"): 1,
        ("log_records.body", "body.to"): 1,
        ("log_records.event_name", "event_name"): 1,
        ("log_records.service_name", "service.name"): 1,
        ("log_records.severity_text", "severity_text"): 1,
        ("resources.attributes", "owner"): 1,
        ("resources.attributes", "service.name"): 1,
        ("scopes.attributes", "author"): 1,
    }
    dumped = {(at[0].removeprefix("dump:relayscope."), at[1]): n for at, n in _places(found).items() if at not in flat}
    assert dumped == flat
    assert {place.first_seen for place in found.places if place.column.startswith("log_records")} == {_START}


async def test_verify_knows_the_bodies_of_messages_that_should_go_whole(shared_postgres_dsn: str) -> None:
    dropping = Find(Redactor(replace(default_policy(), drop_content=["prompts"])))
    await _log(
        shared_postgres_dsn,
        log_record(event_name="gen_ai.user.message", body={"content": "hello"}),
        log_record(event_name="gen_ai.user.message", body="<CONTENT>"),
        log_record(event_name="gen_ai.choice", body={"content": "hello"}),
    )
    found = await verify(shared_postgres_dsn, lambda _: dropping, policy="strict")
    assert _places(found) == {("log_records.body", "body"): 1}
    assert (await _verify(shared_postgres_dsn)).places == []


async def test_apply_redacts_log_records_too(shared_postgres_dsn: str) -> None:
    nobodys: LogRecordFields = {"trace_id": b"", "span_id": b""}
    dirty, clean = _logged_everywhere(), log_record()
    timeless = log_record(body=_ADDRESS, time_unix_nano=0, trace_id=b"", span_id=b"")
    await _log(shared_postgres_dsn, dirty, clean, timeless, replace(log_record(body=_ADDRESS), **nobodys))
    await _write(shared_postgres_dsn, span(name=_ADDRESS))

    done = await _apply(shared_postgres_dsn, page_spans=1)

    assert (done.spans, done.log_records, done.changed, done.skipped) == (1, 4, 4, 0)
    (wanted,) = _REDACT.process(log_batch(dirty)).log_records
    stored = {record.trace_id: record for record in await _logged(shared_postgres_dsn)}
    assert canonical(stored[clean.trace_id]) == canonical(clean)
    assert canonical(stored[dirty.trace_id]) == canonical(
        replace(
            wanted,
            redactions={**wanted.redactions, "PHONE_NUMBER": 2},
            redacted_keys={**wanted.redacted_keys, "old": {"PHONE_NUMBER": 2}},
        )
    )
    assert {str(record.body) for record in await _logged(shared_postgres_dsn) if not record.trace_id} == {_REDACTED}
    assert (await _verify(shared_postgres_dsn, deep=True)).places == []
    assert await _holds(shared_postgres_dsn, _ADDRESS) == []
    again = await _apply(shared_postgres_dsn)
    assert (again.log_records, again.changed) == (4, 0)


async def test_verify_tells_the_time_of_the_first_span(shared_postgres_dsn: str) -> None:
    later = span(at_us=5_000_000, attributes={"user.mail": _ADDRESS})
    await _write(shared_postgres_dsn, later, span(attributes={"user.mail": _ADDRESS}))
    (place,) = (await _verify(shared_postgres_dsn)).places
    assert (place.count, place.first_seen) == (2, _START)


async def test_verify_finds_nothing_in_placeholders_ids_and_counts(shared_postgres_dsn: str) -> None:
    made = span(
        trace_id=b"a@bcdefghij.comx",
        attributes={"mail": _REDACTED, "raw": b"\xff"},
        redactions={"SECRET_PASSWORD": 4_111_111_111_111_111},
    )
    await _write(shared_postgres_dsn, made)
    assert (await _verify(shared_postgres_dsn, deep=True)).places == []


async def test_verify_forgets_no_table_that_is_added_later(postgres_dsn: str) -> None:
    await rows(
        postgres_dsn, "CREATE TABLE relayscope.later (a varchar(99), b jsonb, c bytea, d text[], e json, f inet)"
    )
    await rows(
        postgres_dsn,
        "INSERT INTO relayscope.later VALUES (%(a)s::text, jsonb_build_object('k', %(a)s::text), convert_to(%(a)s::text, 'UTF8'), "
        "ARRAY['x', %(a)s::text], json_build_array(%(a)s::text), '10.0.0.1')",
        {"a": _ADDRESS},
    )
    assert _places(await _verify(postgres_dsn)) == {
        ("later.a", "a"): 1,
        ("later.b", "k"): 1,
        ("later.c", "c"): 1,
        ("later.d", "d"): 1,
        ("later.e", "e"): 1,
    }


async def test_deep_finds_what_only_a_dump_or_the_statistics_hold(postgres_dsn: str) -> None:
    await rows(postgres_dsn, "CREATE TABLE public.notes (id integer, body text)")
    await rows(
        postgres_dsn,
        "INSERT INTO public.notes SELECT n, E'tab\\there ' || %(a)s FROM generate_series(1, 3) n",
        {"a": _ADDRESS},
    )
    await rows(postgres_dsn, "COMMENT ON TABLE public.notes IS 'ask jane.doe@example.com'")
    await rows(postgres_dsn, "ANALYZE public.notes")
    assert (await _verify(postgres_dsn)).places == []
    found = _places(await _verify(postgres_dsn, deep=True))
    assert found == {
        ("dump:public.notes.body", "body"): 3,
        ("dump:comment.notes", "notes"): 1,
        ("dump:statistics.notes.body", "body"): 1,
    }


async def test_deep_reads_every_place_of_a_span_from_the_dump(shared_postgres_dsn: str) -> None:
    await _write(shared_postgres_dsn, _everywhere())
    found = _places(await _verify(shared_postgres_dsn, deep=True))
    flat = {at: count for at, count in found.items() if not at[0].startswith("dump:")}
    dumped = {(at[0].removeprefix("dump:relayscope."), at[1]): n for at, n in found.items() if at not in flat}
    assert dumped == flat


async def test_apply_redacts_everything_and_changes_nothing_else(shared_postgres_dsn: str) -> None:
    clean, dirty = full_span(), _everywhere()
    await _write(shared_postgres_dsn, clean, dirty)
    done = await _apply(shared_postgres_dsn)
    assert (done.spans, done.changed, done.skipped, done.entries, done.operations) == (2, 1, 0, 2, 1)
    (wanted,) = _REDACT.process(batch(dirty)).spans
    assert done.entities == wanted.redactions
    wanted = replace(
        wanted,
        redactions={**wanted.redactions, "PHONE_NUMBER": 2},
        redacted_keys={**wanted.redacted_keys, "old": {"PHONE_NUMBER": 2}},
        events=tuple(wanted.events),
        links=tuple(wanted.links),
    )
    assert same_spans(await _stored(shared_postgres_dsn, [clean.trace_id, dirty.trace_id]), [clean, wanted])
    assert (await _verify(shared_postgres_dsn, deep=True)).places == []
    assert await _holds(shared_postgres_dsn, _ADDRESS) == []


async def test_apply_leaves_neither_dead_rows_nor_samples_of_old_values(postgres_dsn: str) -> None:
    await _write(postgres_dsn, *(span(name=f"to {_ADDRESS}", attributes={"n": n}) for n in range(50)))
    await rows(postgres_dsn, "ANALYZE")
    assert any(at[0].startswith("dump:statistics.") for at in _places(await _verify(postgres_dsn, deep=True)))
    done = await _apply(postgres_dsn)
    assert len(done.vacuumed) == 2
    assert (await _verify(postgres_dsn, deep=True)).places == []


async def test_apply_again_changes_nothing(shared_postgres_dsn: str) -> None:
    await _write(shared_postgres_dsn, _everywhere())
    first = await _apply(shared_postgres_dsn)
    second = await _apply(shared_postgres_dsn)
    assert (second.spans, second.changed, second.entries, second.operations, second.is_resumed) == (1, 0, 0, 0, False)
    assert second.run_id > first.run_id


async def test_apply_goes_through_every_partition_and_workspace(shared_postgres_dsn: str) -> None:
    times = (0, 86_400_000_000, -40 * 86_400_000_000, 2**63 // 1000 - BASE_US - 1)
    made = [span(at_us=at, attributes={"mail": _ADDRESS}) for at in times]
    await _write(shared_postgres_dsn, *made)
    await _write(shared_postgres_dsn, made[0], workspace_id=7)
    done = await _apply(shared_postgres_dsn, page_spans=1)
    assert (done.spans, done.changed) == (5, 5)
    assert (await _verify(shared_postgres_dsn)).places == []
    assert len(await _stored(shared_postgres_dsn, [made[0].trace_id], workspace_id=7)) == 1


async def test_a_run_that_is_stopped_goes_on_where_it_was(shared_postgres_dsn: str) -> None:
    made = [span(attributes={"mail": _ADDRESS}) for _ in range(7)]
    await _write(shared_postgres_dsn, *made)

    def stop(progress: ApplyProgress) -> None:
        if progress.rows >= 4:
            raise _StopError

    with pytest.raises(_StopError):
        await _run(shared_postgres_dsn, page_spans=2).apply(on_progress=stop)
    assert (await _verify(shared_postgres_dsn)).found == 3
    seen: list[int] = []
    done = await _run(shared_postgres_dsn, page_spans=2).apply(on_progress=lambda one: seen.append(one.rows))
    assert done.is_resumed
    assert done.changed == 7
    assert seen[0] == 6
    assert done.entities == {_ENTITY: 7}
    receipt: dict[str, Any] = {
        "redactions": {_ENTITY: 1},
        "redacted_keys": {"mail": {_ENTITY: 1}},
        "redaction_policy": _BY,
    }
    wanted = [replace(one, attributes={"mail": _REDACTED}, **receipt) for one in made]
    assert same_spans(await _stored(shared_postgres_dsn, [one.trace_id for one in made]), wanted)


async def test_a_connection_that_is_cut_in_a_page_loses_nothing(shared_postgres_dsn: str) -> None:
    made = [span(attributes={"mail": _ADDRESS}) for _ in range(4)]
    await _write(shared_postgres_dsn, *made)
    async with transaction(shared_postgres_dsn) as blocking:
        await blocking.execute("SELECT FROM relayscope.spans FOR UPDATE")
        running = asyncio.create_task(_apply(shared_postgres_dsn, page_spans=2))
        await until_blocked(shared_postgres_dsn, _APPLICATION)
        assert await terminate(shared_postgres_dsn, _APPLICATION) == 1
        with pytest.raises(RetryableError):
            await running
    assert (await _verify(shared_postgres_dsn)).found == 4
    assert (await _apply(shared_postgres_dsn)).changed == 4
    assert len(await _stored(shared_postgres_dsn, [one.trace_id for one in made])) == 4


async def test_another_policy_begins_from_the_start(shared_postgres_dsn: str) -> None:
    await _write(shared_postgres_dsn, *(span(attributes={"mail": _ADDRESS}) for _ in range(2)))

    def stop(progress: ApplyProgress) -> None:
        raise _StopError

    with pytest.raises(_StopError):
        await _run(shared_postgres_dsn, page_spans=1).apply(on_progress=stop)
    done = await _apply(shared_postgres_dsn, policy="stricter")
    assert (done.is_resumed, done.spans, done.changed) == (False, 2, 1)


async def test_one_run_at_a_time(shared_postgres_dsn: str) -> None:
    async with transaction(shared_postgres_dsn) as other:
        await other.execute("SELECT pg_advisory_lock(hashtext('relayscope.redaction'))")
        with pytest.raises(PermanentError, match="another process"):
            await _apply(shared_postgres_dsn)


async def test_spans_that_retention_removes_meanwhile_are_not_put_back(shared_postgres_dsn: str) -> None:
    made = [span(attributes={"mail": _ADDRESS}) for _ in range(2)]
    await _write(shared_postgres_dsn, *made)
    async with await psycopg.AsyncConnection.connect(shared_postgres_dsn) as retention:
        await retention.execute("DELETE FROM relayscope.spans WHERE trace_id = %s", [made[0].trace_id])
        running = asyncio.create_task(_apply(shared_postgres_dsn))
        await until_blocked(shared_postgres_dsn, _APPLICATION)
        await retention.commit()
        done = await running
    assert (done.spans, done.changed) == (2, 1)
    assert len(await _stored(shared_postgres_dsn, [one.trace_id for one in made])) == 1


async def test_pages_of_large_spans_are_shorter(shared_postgres_dsn: str) -> None:
    await _write(
        shared_postgres_dsn, *(span(attributes={"mail": _ADDRESS, "n": n, "x": "x" * _LARGE}) for n in range(12))
    )
    seen: list[int] = []
    done = await _run(shared_postgres_dsn, page_spans=8).apply(on_progress=lambda one: seen.append(one.rows))
    # A page of more than 32 MiB halves the next one.
    assert seen == [8, 12]
    assert done.changed == 12


async def test_nothing_is_replaced_while_a_partition_is_made(shared_postgres_dsn: str) -> None:
    await _write(shared_postgres_dsn, span(attributes={"mail": _ADDRESS}))
    async with transaction(shared_postgres_dsn) as making:
        await making.execute("SELECT pg_advisory_xact_lock(hashtext('relayscope.cover_times'))")
        running = asyncio.create_task(_apply(shared_postgres_dsn))
        await until_blocked(shared_postgres_dsn, _APPLICATION)
        assert (await _verify(shared_postgres_dsn)).found == 1
    assert (await running).changed == 1


async def test_a_span_that_comes_again_is_redacted_and_stays_so(shared_postgres_dsn: str) -> None:
    sent = _everywhere()
    await _write(shared_postgres_dsn, sent)
    await _apply(shared_postgres_dsn)
    again: Batch = _REDACT.process(batch(sent))
    await _write(shared_postgres_dsn, *again.spans)
    assert (await _verify(shared_postgres_dsn, deep=True)).places == []
    assert await _holds(shared_postgres_dsn, _ADDRESS) == []


async def test_a_writer_that_remembers_an_old_resource_brings_nothing_back(shared_postgres_dsn: str) -> None:
    shared = resource("shop", {"owner": _ADDRESS})
    late = span(resource=shared, trace_id=trace_id())
    async with writing(WriterConfig(dsn=shared_postgres_dsn)) as writer:
        await writer.consume(batch(span(resource=shared)))
        await _apply(shared_postgres_dsn)
        await writer.consume(batch(late))
    (found,) = await _stored(shared_postgres_dsn, [late.trace_id])
    assert found.resource.attributes["owner"] == _REDACTED
    assert await _holds(shared_postgres_dsn, _ADDRESS) == []


async def test_start_and_end_are_audited_without_values(shared_postgres_dsn: str) -> None:
    await _write(shared_postgres_dsn, _everywhere())
    await _apply(shared_postgres_dsn)
    entries = await PostgresAudit(shared_postgres_dsn).entries(1, limit=10)
    assert [(entry.actor, entry.action) for entry in entries] == [("tester", APPLIED_AGAIN), ("tester", APPLYING_AGAIN)]
    assert _ADDRESS not in repr(entries)


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("plain", "plain"),
        (r"a\tb\nc", "a\tb\nc"),
        (r"a\\tb", r"a\tb"),
        (r"\\\\", r"\\"),
        (r"\\\n\"", '\\\n"'),
        ("", ""),
    ],
    ids=["plain", "control", "backslash", "backslashes", "both", "empty"],
)
def test_fields_of_a_dump_are_read_as_postgresql_writes_them(field: str, text: str) -> None:
    assert unescaped(field) == text
