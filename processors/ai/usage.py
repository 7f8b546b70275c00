"""Tokens in buckets that do not overlap, of numbers that do.

OpenTelemetry's input counts what came from a cache, Anthropic's own does not; senders follow one or the other. What contradicts
itself, or its own total, says which; else the convention's table does.
"""

from __future__ import annotations

from processors.ai.detection import Plan, UsagePaths
from processors.ai.reader import Reader
from tracedata.interaction import NO_USAGE, Basis, OperationName, Usage


def usage_of(plan: Plan, reader: Reader, operation: OperationName) -> Usage:
    """What a span reports of the call that it is."""
    if plan.usage is None:
        return NO_USAGE
    return _usage(plan, plan.usage, reader, is_embedding=operation in {"embedding", "rerank"})


def aggregate_of(plan: Plan, reader: Reader) -> Usage | None:
    """What a span reports of the calls inside it."""
    for paths in (plan.aggregate, plan.usage):
        if paths is not None and (usage := _usage(plan, paths, reader, is_embedding=False)) != NO_USAGE:
            return usage
    return None


def _usage(plan: Plan, paths: UsagePaths, reader: Reader, *, is_embedding: bool) -> Usage:
    input_, output = reader.count(paths.input), reader.count(paths.output)
    total = reader.count(paths.total) if paths.total else None
    if input_ is None and total is not None and (is_embedding or output is not None):
        input_ = max(total - (output or 0), 0)
    if input_ is None and output is None:
        return NO_USAGE
    read = reader.count(paths.cache_read) if paths.cache_read else None
    written_5m = reader.count(paths.cache_write_5m) if paths.cache_write_5m else None
    written_1h = reader.count(paths.cache_write_1h) if paths.cache_write_1h else None
    written = reader.count(paths.cache_write) if paths.cache_write else None
    if written is None and (written_5m is not None or written_1h is not None):
        written = 0
    if written is not None:
        # Some count zero where only one of the lifetimes was told of.
        written = max(written, (written_5m or 0) + (written_1h or 0))
    heard = reader.count(paths.audio_input) if paths.audio_input else None
    thought = reader.count(paths.reasoning) if paths.reasoning else None
    spoken = reader.count(paths.audio_output) if paths.audio_output else None
    cached = (read or 0) + (written or 0)
    special, both = (thought or 0) + (spoken or 0), (input_ or 0) + (output or 0)
    is_beside = special > 0 and total == both + special
    # What a total has besides input and output is told once: it was not the cache's.
    basis = _basis(plan, input_, output, cached, None if is_beside else total)
    is_beside = is_beside or (special > 0 and basis == "exclusive" and total == both + cached + special)
    fresh = input_
    if input_ is not None and basis == "inclusive":
        heard = None if heard is None else min(heard, input_ - cached)
        fresh = input_ - cached - (heard or 0)
    return Usage(
        input=fresh,
        cache_read=read,
        cache_write=written,
        cache_write_5m=written_5m,
        cache_write_1h=written_1h,
        audio_input=heard,
        output=output if is_beside else _written(plan, output, special, basis, total, input_),
        reasoning=thought,
        audio_output=spoken,
        reported_input=input_,
        reported_output=output,
        basis=basis if input_ is not None else "",
        is_estimated=bool(paths.estimated and reader.truth(paths.estimated)),
    )


def _basis(plan: Plan, input_: int | None, output: int | None, cached: int, total: int | None) -> Basis:
    """Whether the input counts what came from a cache, or went into one."""
    if input_ is None:
        return plan.convention.input_basis
    if cached > input_:
        return "exclusive"
    if cached and total is not None and total >= input_ + cached + (output or 0):
        return "exclusive"
    if plan.convention.input_basis == "exclusive" and _is_of_own_table(plan):
        # An exclusive reporter whose total needs no more than input and output is none.
        return "inclusive" if cached and total == input_ + (output or 0) else "exclusive"
    return "inclusive"


def _is_of_own_table(plan: Plan) -> bool:
    """Whether the input was reported in the words of the convention whose basis is known, and not in another's."""
    usage = plan.usage
    if usage is None or not usage.input:
        return False
    return any(key.partition("#")[0] == usage.input[0][0] for key in plan.convention.usage.input)


def _written(  # noqa: PLR0913, PLR0917 - numbers of one report that only make sense together
    plan: Plan, output: int | None, special: int, basis: Basis, total: int | None, input_: int | None
) -> int | None:
    """Output that is neither reasoning nor audio."""
    if output is None or special > output:
        return output
    if plan.convention.output_basis == "exclusive" and basis == "exclusive" and _is_of_own_table(plan):
        return output - special if special and total == (input_ or 0) + output else output
    return output - special


def is_void(usage: Usage) -> bool:
    """Whether only zeros were reported: an answer cannot come of nothing, so its sender did not know (LiteLLM's streams)."""
    return (
        not (usage.input or usage.output or usage.cache_read or usage.cache_write or usage.reasoning)
        and not usage.total
    )


def detail(usage: Usage) -> int:
    """How many buckets are known."""
    return sum(
        count is not None
        for count in (
            usage.input,
            usage.cache_read,
            usage.cache_write,
            usage.cache_write_5m,
            usage.cache_write_1h,
            usage.audio_input,
            usage.output,
            usage.reasoning,
            usage.audio_output,
        )
    )


def completed(usage: Usage, other: Usage) -> Usage:
    """``usage`` with buckets that only ``other`` knows, when both tell of the same number of tokens."""
    if other == NO_USAGE or usage.input_total != other.input_total or usage.output_total != other.output_total:
        return usage
    read = usage.cache_read if usage.cache_read is not None else other.cache_read
    written = usage.cache_write if usage.cache_write is not None else other.cache_write
    heard = usage.audio_input if usage.audio_input is not None else other.audio_input
    thought = usage.reasoning if usage.reasoning is not None else other.reasoning
    spoken = usage.audio_output if usage.audio_output is not None else other.audio_output
    is_same_write = written == other.cache_write
    return Usage(
        input=_rest(usage.input_total, read, written, heard),
        cache_read=read,
        cache_write=written,
        cache_write_5m=_known(usage.cache_write_5m, other.cache_write_5m if is_same_write else None),
        cache_write_1h=_known(usage.cache_write_1h, other.cache_write_1h if is_same_write else None),
        audio_input=heard,
        output=_rest(usage.output_total, thought, spoken),
        reasoning=thought,
        audio_output=spoken,
        reported_input=usage.reported_input,
        reported_output=usage.reported_output,
        basis=usage.basis,
        is_estimated=usage.is_estimated,
    )


def _known(count: int | None, other: int | None) -> int | None:
    return count if count is not None else other


def _rest(total: int | None, *buckets: int | None) -> int | None:
    return None if total is None else max(total - sum(bucket or 0 for bucket in buckets), 0)
