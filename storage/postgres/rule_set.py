"""Rule sets in PostgreSQL. A connection for each time: they are asked for rarely."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256

import msgspec
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from storage.postgres.connection import connect
from storage.postgres.error import translated
from storage.postgres.statement import load_statements
from storage.rule_set import RULE_SET_IMPORTED, KeptRuleSet, OtherRuleSetError, RuleSetSummary
from tracedata import RetryableError

_STATEMENTS = load_statements("rule_set.sql")
_AUDIT = load_statements("audit.sql")


class PostgresRuleSets:
    """See ``storage.rule_set.RuleSets``."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    async def keep(
        self, workspace_id: int, *, name: str, version: str, body: str, imported_by: str
    ) -> tuple[KeptRuleSet, bool]:
        """See ``RuleSets.keep``. A new one is written to the audit log in the same transaction."""
        digest = sha256(body.encode("utf-8", "surrogatepass")).digest()
        row = {"workspace_id": workspace_id, "name": name, "version": version, "digest": digest}
        detail = {"name": name, "version": version, "digest": digest.hex()}
        entry = {"workspace_id": workspace_id, "actor": imported_by, "action": RULE_SET_IMPORTED}
        async with await connect(self._dsn) as connection:
            with translated("keep a rule set"):
                cursor = connection.cursor(row_factory=dict_row)
                await cursor.execute(_STATEMENTS["keep"], {**row, "body": body, "imported_by": imported_by})
                kept = await cursor.fetchone()
                if kept is not None:
                    await connection.execute(_AUDIT["record"], {**entry, "detail": Jsonb(detail)})
                await connection.commit()
        if kept is not None:
            return msgspec.convert(kept, KeptRuleSet), True
        found = await self.get(workspace_id, name=name, version=version)
        if found is None:
            raise RetryableError("keep a rule set: it has just been removed")
        if found.body != body:
            raise OtherRuleSetError(
                f"rule set {name} has a version {version} already, with another text; give the changed one another version"
            )
        return found, False

    async def get(self, workspace_id: int, *, name: str, version: str | None = None) -> KeptRuleSet | None:
        """See ``RuleSets.get``."""
        rows = await self._rows("get", {"workspace_id": workspace_id, "name": name, "version": version})
        return msgspec.convert(rows[0], KeptRuleSet) if rows else None

    async def summaries(self, workspace_id: int, *, name: str | None = None) -> Sequence[RuleSetSummary]:
        """See ``RuleSets.summaries``."""
        return [
            msgspec.convert(row, RuleSetSummary)
            for row in await self._rows("summaries", {"workspace_id": workspace_id, "name": name})
        ]

    async def _rows(self, name: str, parameters: Mapping[str, object]) -> Sequence[dict[str, object]]:
        async with await connect(self._dsn) as connection:
            with translated("read rule sets"):
                cursor = connection.cursor(row_factory=dict_row)
                await cursor.execute(_STATEMENTS[name], parameters)
                return await cursor.fetchall()
