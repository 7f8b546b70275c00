"""The endpoints of rule sets: keep one, list them, show one, and what differs between two versions."""

import asyncio
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from pydantic import Field

from query.replay.difference import differences
from query.replay.document import MAX_CHARS
from query.replay.parsing import parse_rule_set
from query.replay.rule_set import RuleSet
from relayscope.api.rest import replay_schema as schema
from relayscope.api.rest.answer import StructResponse, describe
from relayscope.api.rest.body import JSON, read_body
from relayscope.api.rest.parameter import NoParameters, Parameters, Text
from relayscope.api.rest.value import iso_time
from relayscope.api.workspace import workspace_of
from storage.rule_set import KeptRuleSet, RuleSets
from tracedata import CallerError, NotFoundError

YAML = "application/yaml"
# Nobody can say yet who asks.
_IMPORTED_BY = "api"
_NS_PER_US = 1_000

NamePath = Annotated[str, Path(description="The name of a rule set.", examples=["relaycore"])]


class VersionParameters(Parameters):
    """Which version of a rule set."""

    version: Text | None = Field(None, description="Default: the one that was imported last.")


class DiffParameters(Parameters):
    """Which versions are compared."""

    before: Text = Field(description="A version.", examples=["3"])
    after: Text | None = Field(None, description="Another version. Default: the one that was imported last.")


class RuleSetEndpoints:
    """Answers from the rule sets that are kept."""

    def __init__(self, rule_sets: RuleSets) -> None:
        self._rule_sets = rule_sets

    async def keep(self, request: Request) -> StructResponse:
        """Keeps a rule set, word for word, under the name and version that stand in it.

        The same one again changes nothing; another one under the same name and version is refused. What is wrong with a rule set
        is told with line and column.
        """
        body = await read_body(request, media_types=(YAML, JSON), max_bytes=4 * MAX_CHARS)
        try:
            text = body.decode()
        except UnicodeDecodeError as exc:
            raise CallerError("body: must be text in UTF-8") from exc
        rule_set = await asyncio.to_thread(parse_rule_set, text, source="body")
        _, is_new = await self._rule_sets.keep(
            workspace_of(request),
            name=rule_set.name,
            version=rule_set.version,
            body=text,
            imported_by=_IMPORTED_BY,
        )
        return StructResponse(
            schema.ImportedRuleSet(
                name=rule_set.name,
                version=rule_set.version,
                status="stored" if is_new else "known",
                decision_points=len(rule_set.points),
                rules=sum(len(point.rules) for point in rule_set.points),
            )
        )

    async def rule_sets(self, request: Request, _parameters: Annotated[NoParameters, Query()]) -> StructResponse:
        """The rule sets that are kept."""
        found = await self._rule_sets.summaries(workspace_of(request))
        items = [
            schema.RuleSetItem(
                name=one.name,
                version=one.version,
                imported_at=iso_time(one.imported_us * _NS_PER_US),
                imported_by=one.imported_by,
                chars=one.chars,
            )
            for one in found
        ]
        return StructResponse(schema.RuleSetList(items=items, next_cursor=None))

    async def rule_set(
        self, request: Request, name: NamePath, parameters: Annotated[VersionParameters, Query()]
    ) -> StructResponse:
        """One rule set with its text."""
        workspace_id = workspace_of(request)
        kept = await kept_rule_set(self._rule_sets, workspace_id, name=name, version=parameters.version or None)
        versions = await self._rule_sets.summaries(workspace_id, name=name)
        return StructResponse(
            schema.RuleSetDetail(
                name=kept.name,
                version=kept.version,
                imported_at=iso_time(kept.imported_us * _NS_PER_US),
                imported_by=kept.imported_by,
                body=kept.body,
                versions=[one.version for one in versions],
            )
        )

    async def difference(
        self, request: Request, name: NamePath, parameters: Annotated[DiffParameters, Query()]
    ) -> StructResponse:
        """The rules that differ between two versions, field by field."""
        workspace_id = workspace_of(request)
        before, after = [
            await kept_rule_set(self._rule_sets, workspace_id, name=name, version=version or None)
            for version in (parameters.before, parameters.after)
        ]
        old, new = await parsed_rule_set(before), await parsed_rule_set(after)
        return StructResponse(
            schema.RuleSetDifference(name=name, before=before.version, after=after.version, items=differences(old, new))
        )


async def kept_rule_set(rule_sets: RuleSets, workspace_id: int, *, name: str, version: str | None) -> KeptRuleSet:
    """A rule set that is kept; without ``version``, the one that was imported last.

    Raises:
        NotFoundError: there is none.
    """
    # PostgreSQL cannot hold NUL in text, so no rule set has it in its name.
    kept = None if "\0" in name else await rule_sets.get(workspace_id, name=name, version=version)
    if kept is None:
        raise NotFoundError("There is no such rule set; GET /api/v1/rules lists those that are kept.")
    return kept


async def parsed_rule_set(kept: KeptRuleSet) -> RuleSet:
    """What its text says; messages call it by name and version."""
    return await asyncio.to_thread(parse_rule_set, kept.body, source=f"{kept.name}@{kept.version}")


def create_rules_router(rule_sets: RuleSets) -> APIRouter:
    """The router of ``/api/v1/rules``."""
    router = APIRouter(prefix="/api/v1/rules", tags=["Decisions"], default_response_class=StructResponse)
    endpoints = RuleSetEndpoints(rule_sets)
    unavailable = HTTPStatus.SERVICE_UNAVAILABLE
    failures = (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, unavailable)
    text = {"schema": {"type": "string"}}
    router.add_api_route(
        "",
        endpoints.keep,
        methods=["POST"],
        summary="Keep a rule set",
        responses=describe(schema.ImportedRuleSet, HTTPStatus.BAD_REQUEST, unavailable),
        openapi_extra={
            "requestBody": {"required": True, "content": {YAML: text, JSON: {"schema": {"type": "object"}}}}
        },
    )
    router.add_api_route(
        "", endpoints.rule_sets, summary="Rule sets", responses=describe(schema.RuleSetList, unavailable)
    )
    router.add_api_route(
        "/{name}", endpoints.rule_set, summary="A rule set", responses=describe(schema.RuleSetDetail, *failures)
    )
    router.add_api_route(
        "/{name}/diff",
        endpoints.difference,
        summary="What differs between two versions",
        responses=describe(schema.RuleSetDifference, *failures),
    )
    return router
