"""Attribute predicates as text."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query.tag import parse_tag, parse_tags
from storage.api import Tag
from tests.support import strategies
from tests.support.strategies import unhurried
from tracedata import CallerError

TAGS = {
    "plain": ("error:true", Tag(key="error", value="true")),
    "colons in the value": ("url:http://shop:8080/", Tag(key="url", value="http://shop:8080/")),
    "no value": ("k:", Tag(key="k", value="")),
    "no key": (":v", Tag(key="", value="v")),
    "a colon alone": (":", Tag(key="", value="")),
    "spaces are kept": (" k : v ", Tag(key=" k ", value=" v ")),
    "dotted key": ("resource.host.name:a", Tag(key="resource.host.name", value="a")),
    "beyond ASCII": ("é:\U0001f600", Tag(key="é", value="\U0001f600")),
}

MAPS: dict[str, tuple[str, list[Tag]]] = {
    "empty": ("{}", []),
    "one": ('{"error":"true"}', [Tag(key="error", value="true")]),
    "in the order sent": ('{"b":"2","a":"1"}', [Tag(key="b", value="2"), Tag(key="a", value="1")]),
    "white space": (' {\n"a" : "1"\t} ', [Tag(key="a", value="1")]),
    "escapes": ('{"\\u00e9":"\\"\\n"}', [Tag(key="é", value='"\n')]),
    "colons": ('{"a:b":"c:d"}', [Tag(key="a:b", value="c:d")]),
    "empty texts": ('{"":""}', [Tag(key="", value="")]),
    "a repeated key": ('{"a":"1","a":"2"}', [Tag(key="a", value="2")]),
}

NOT_MAPS = {
    "nothing": "",
    "not JSON": "error:true",
    "cut off": '{"a":"1"',
    "more behind it": '{"a":"1"} {}',
    "array": '["a"]',
    "string": '"a"',
    "null": "null",
    "number inside": '{"a":1}',
    "boolean inside": '{"a":true}',
    "null inside": '{"a":null}',
    "map inside": '{"a":{}}',
    "key without quotes": '{a:"1"}',
    "deeply nested": "[" * 100_000,
}


@pytest.mark.parametrize(("text", "tag"), TAGS.values(), ids=TAGS.keys())
def test_the_first_colon_separates_key_and_value(text: str, tag: Tag) -> None:
    assert parse_tag(text) == tag


@pytest.mark.parametrize("text", ["", "error", "error=true"])
def test_a_tag_without_a_colon_is_malformed(text: str) -> None:
    with pytest.raises(
        CallerError, match=re.escape("malformed 'tag' parameter, expecting key:value, received: " + text)
    ):
        parse_tag(text)


@pytest.mark.parametrize(("text", "tags"), MAPS.values(), ids=MAPS.keys())
def test_every_member_of_a_map_is_a_tag(text: str, tags: list[Tag]) -> None:
    assert parse_tags(text) == tags


@pytest.mark.parametrize("text", NOT_MAPS.values(), ids=NOT_MAPS.keys())
def test_anything_but_a_map_of_strings_is_malformed(text: str) -> None:
    with pytest.raises(CallerError, match=r"^malformed 'tags' parameter, cannot unmarshal JSON: "):
        parse_tags(text)


@unhurried
@given(strategies.texts().filter(lambda key: ":" not in key), strategies.texts())
def test_any_key_and_value_come_back(key: str, value: str) -> None:
    assert parse_tag(f"{key}:{value}") == Tag(key=key, value=value)


@unhurried
@given(st.dictionaries(strategies.keys(), strategies.texts()))
def test_any_map_comes_back(members: dict[str, str]) -> None:
    assert parse_tags(json.dumps(members)) == [Tag(key=key, value=value) for key, value in members.items()]
