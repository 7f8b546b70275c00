"""What no library writes, but anybody may send: nothing of it may cost a call, its neighbours, or much time."""

from __future__ import annotations

import itertools
import time

import msgspec
import pytest

from processors.ai.mapper import Mapper
from relayscope.api.rest.interaction_view import represent_detail
from storage.postgres.interaction_row import encode_interaction
from tests.support.llm_span import CHAT, chat, mapped, only, span

_DEPTHS = (100, 500, 700, 900, 980, 5_000)


def _deep(depth: int, opening: str, closing: str, core: str) -> str:
    return opening * depth + core + closing * depth


@pytest.mark.parametrize("depth", _DEPTHS)
@pytest.mark.parametrize(
    ("key", "written"),
    [
        pytest.param("gen_ai.output.messages", ('{"content":', "}", "1"), id="contents"),
        pytest.param("gen_ai.output.messages", ('{"message":', "}", "1"), id="messages"),
        pytest.param("gen_ai.output.messages", ('{"role":"tool","content":[', "]}", "1"), id="results"),
        pytest.param("gen_ai.output.messages", ("[", "]", "1"), id="lists"),
        pytest.param("gen_ai.output.messages", ('{"summary":', "}", '"x"'), id="reasoning"),
        pytest.param("gen_ai.tool.definitions", ('{"tool":', "}", '{"name":"x"}'), id="tools"),
    ],
)
def test_depth_costs_no_call(key: str, written: tuple[str, str, str], depth: int) -> None:
    inner = _deep(depth, *written)
    outer = f'[{{"role":"assistant","content":[{{"type":"text","text":"hi"}},{inner}],"reasoning":{inner}}}]'
    made = mapped(chat(1, {key: outer}), chat(2))
    assert [one.usage.total for one in made] == [150, 150]


def test_lists_in_lists_hide_no_text_beside_them() -> None:
    made = only(
        chat(1, {"gen_ai.output.messages": '[{"role":"assistant","content":["hi",' + _deep(500, "[", "]", "1") + "]}]"})
    )
    assert made.response.startswith("hi\n")


_PRINTED = (
    "{(1, 2): 3}",
    "{None: 1, b'x': 2, 1.5: 3}",
    "{'a': ...}",
    "{'a': {1}, 'b': 1j, 'c': b'x'}",
    r"{'a': '\ud800', '\udfff': 'b'}",
    "{'a': 0x" + "f" * 60_000 + "}",
)


@pytest.mark.parametrize("printed", _PRINTED, ids=[printed[:30] for printed in _PRINTED])
def test_whatever_python_prints_can_be_stored_and_shown(printed: str) -> None:
    said = f"[{{'role': 'assistant', 'content': [{{'type': 'text', 'text': 'hi'}}, {printed}]}}]"
    told = chat(1, {"llm.invocation_parameters": printed, "metadata": printed, "gen_ai.output.messages": said})
    made = only(told, span(2, {"gen_ai.tool.definitions": f"[{{'name': 'x', 'parameters': {printed}}}]"}))
    assert encode_interaction(made, workspace_id=1)
    conversation = Mapper().conversation([told])
    shown = msgspec.json.encode(represent_detail(made, conversation=conversation, related=[]))
    assert msgspec.json.decode(shown)["messages"]["output"][0]["parts"][0]["text"] == "hi"


def test_a_circle_of_parents_says_the_same_in_any_order() -> None:
    circle = [chat(1, parent=3), chat(2, parent=1), chat(3, parent=2), chat(4, parent=1), chat(5, parent=3)]
    expected = mapped(*circle)
    assert all(mapped(*order) == expected for order in itertools.permutations(circle))


def test_an_embedding_is_no_part_of_a_chat_that_has_its_id() -> None:
    answered = {"gen_ai.response.id": "1"}
    embedded = chat(2, {**answered, "gen_ai.operation.name": "embeddings"}, scope="b", trace=2)
    made = mapped(chat(1, answered, scope="a"), embedded, chat(3, answered, scope="c", trace=3))
    assert [(one.operation, len(one.sources)) for one in made] == [("embedding", 1), ("chat", 2)]


def test_an_error_of_blanks_takes_no_time() -> None:
    spans = [span(number, CHAT, error="status" + " " * 4_000) for number in range(1, 51)]
    begun = time.process_time()
    assert {one.error_class for one in mapped(*spans)} == {"other"}
    # It took 6 seconds.
    assert time.process_time() - begun < 1
