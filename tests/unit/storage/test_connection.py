from __future__ import annotations

from psycopg.conninfo import conninfo_to_dict

from storage.postgres.connection import noticing_silence


def test_a_connection_notices_that_its_host_has_vanished() -> None:
    given = "postgresql://me:secret%40@db.example:5433/traces?keepalives_idle=60"
    parts = conninfo_to_dict(noticing_silence(given))
    assert {**parts, **conninfo_to_dict(given)} == parts
    assert parts["keepalives_idle"] == "60"
    assert parts["tcp_user_timeout"] == "20000"
