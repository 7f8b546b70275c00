"""What is encoded for jsonb comes back from jsonb, which keeps numbers in its own way and orders keys anew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import psycopg
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from storage.postgres.jsonb import decode_events, decode_links, encode_events, encode_links
from tests.support import strategies
from tests.support.canonical import canonical
from tests.support.postgres import Cluster
from tracedata import Attributes, Event, Link
from tracedata.typed_json import decode_attributes, encode_attributes


@pytest.fixture(scope="module")
def connection(postgres_cluster: Cluster) -> Iterator[psycopg.Connection]:
    """A connection for many small questions."""
    with postgres_cluster.shared_database() as dsn, psycopg.connect(dsn, autocommit=True) as made:
        yield made


def _through(connection: psycopg.Connection, data: bytes) -> bytes:
    ((text,),) = connection.execute("SELECT %s::text::jsonb::text", [data.decode()]).fetchall()
    return str(text).encode()


@strategies.unhurried
@given(held=strategies.attributes(allow_nan=True))
@example(held={"k": 1e15})
@example(held={"k": 5e-324, "l": 1.7976931348623157e308})
def test_attributes_come_back(connection: psycopg.Connection, held: Attributes) -> None:
    assert canonical(decode_attributes(_through(connection, encode_attributes(held)))) == canonical(held)


@strategies.unhurried
@given(events=st.lists(strategies.events(allow_nan=True), max_size=3))
def test_events_come_back(connection: psycopg.Connection, events: Sequence[Event]) -> None:
    assert canonical(decode_events(_through(connection, encode_events(events)))) == canonical(events)


@strategies.unhurried
@given(links=st.lists(strategies.links(allow_nan=True), max_size=3))
def test_links_come_back(connection: psycopg.Connection, links: Sequence[Link]) -> None:
    assert canonical(decode_links(_through(connection, encode_links(links)))) == canonical(links)


@strategies.unhurried
@given(value=strategies.doubles(allow_infinity=False) | st.floats(1e14, 1e17) | strategies.ints())
def test_numbers_are_equal_in_sql_whatever_their_type(connection: psycopg.Connection, value: float) -> None:
    """A whole double equals its integer, which is what searches compare by; negative zero alone is no number."""
    if str(value) == "-0.0":
        return
    text = encode_attributes({"k": value}).decode()
    ((number, is_int),) = connection.execute(
        "SELECT (%(t)s::text::jsonb -> 'k')::numeric = %(v)s::text::numeric, scale((%(t)s::text::jsonb -> 'k')::numeric) = 0",
        {"t": text, "v": repr(value)},
    ).fetchall()
    assert number
    assert is_int == isinstance(value, int)
