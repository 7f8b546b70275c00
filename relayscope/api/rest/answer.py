"""Answers of the REST API: how they are encoded, and how OpenAPI describes them."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, TypeAlias

import msgspec
from starlette.responses import JSONResponse

from relayscope.api.problem import PROBLEM_MEDIA_TYPE, Problem
from relayscope.api.rest.attribute_schema import ATTRIBUTE_ANSWERS
from relayscope.api.rest.comparison_schema import COMPARISON_ANSWERS
from relayscope.api.rest.decision_schema import DECISION_ANSWERS
from relayscope.api.rest.decision_submission import SubmittedDecisionTrace
from relayscope.api.rest.export_schema import EXPORT_ANSWERS
from relayscope.api.rest.health_schema import HEALTH_ANSWERS
from relayscope.api.rest.interaction_schema import INTERACTION_ANSWERS
from relayscope.api.rest.log_schema import LOG_ANSWERS
from relayscope.api.rest.query_schema import QUERY_ANSWERS
from relayscope.api.rest.redaction_schema import REDACTION_ANSWERS
from relayscope.api.rest.replay_schema import REPLAY_ANSWERS
from relayscope.api.rest.schema import ANSWERS
from relayscope.api.rest.service_schema import SERVICE_ANSWERS
from relayscope.api.rest.span_statistics_schema import SPAN_STATISTICS_ANSWERS
from relayscope.api.rest.sql_schema import SQL_ANSWERS, SqlRequest
from relayscope.api.rest.submission import SubmittedAiInteraction
from relayscope.api.rest.trace_detail_schema import TRACE_DETAIL_ANSWERS
from relayscope.api.rest.trace_error_schema import TRACE_ERROR_ANSWERS

# ``Any`` here and below: FastAPI and msgspec type the parts of an OpenAPI document so.
Responses: TypeAlias = dict[int | str, dict[str, Any]]

_REF_TEMPLATE = "#/components/schemas/{name}"
_FAILURES: Mapping[HTTPStatus, str] = {
    HTTPStatus.BAD_REQUEST: "A parameter is unknown or cannot be read; the detail names it.",
    HTTPStatus.NOT_FOUND: "There is no such thing.",
    HTTPStatus.SERVICE_UNAVAILABLE: "The store does not answer; try again after Retry-After seconds.",
}


class StructResponse(JSONResponse):
    """An answer that msgspec encodes."""

    def render(self, content: msgspec.Struct | msgspec.Raw) -> bytes:
        return bytes(content) if isinstance(content, msgspec.Raw) else msgspec.json.encode(content)


def describe(answer: type[msgspec.Struct], *failures: HTTPStatus) -> Responses:
    """What an endpoint can answer, for OpenAPI: ``answer`` with 200, problems with ``failures`` and anything else."""
    described: Responses = {200: _content("application/json", answer.__name__, (answer.__doc__ or "").strip())}
    for status in failures:
        described[int(status)] = _content(PROBLEM_MEDIA_TYPE, Problem.__name__, _FAILURES[status])
    # It also keeps FastAPI from announcing its own 422.
    described["default"] = _content(PROBLEM_MEDIA_TYPE, Problem.__name__, "Anything unexpected.")
    return described


def component_schemas() -> dict[str, Any]:
    """The schemas of all answers, for ``components.schemas`` of the OpenAPI document."""
    _, components = msgspec.json.schema_components(
        (
            *ANSWERS,
            *TRACE_DETAIL_ANSWERS,
            *COMPARISON_ANSWERS,
            *TRACE_ERROR_ANSWERS,
            *ATTRIBUTE_ANSWERS,
            *LOG_ANSWERS,
            *SERVICE_ANSWERS,
            *HEALTH_ANSWERS,
            *REDACTION_ANSWERS,
            *INTERACTION_ANSWERS,
            *DECISION_ANSWERS,
            *QUERY_ANSWERS,
            *REPLAY_ANSWERS,
            *EXPORT_ANSWERS,
            *SQL_ANSWERS,
            SqlRequest,
            *SPAN_STATISTICS_ANSWERS,
            SubmittedAiInteraction,
            SubmittedDecisionTrace,
            Problem,
        ),
        ref_template=_REF_TEMPLATE,
    )
    return components


def _content(media_type: str, name: str, description: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {media_type: {"schema": {"$ref": _REF_TEMPLATE.format(name=name)}}},
    }
