"""What the name of an attribute, or of a member of JSON, says about its value."""

from __future__ import annotations

import re
from typing import Literal

SECRET_VALUE = "SECRET_VALUE"  # noqa: S105 - the name of an entity
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\d_A-Za-z]+")
# What redaction wrote itself says nothing about what stands beside it. Tags such as <PHONE> do, so a name has two parts here.
_PLACEHOLDER = re.compile(r"<[A-Z][A-Z0-9]*_[A-Z0-9_]+(?::[^<>\s]*)?>")
# How a key ends whose value is a secret. Words, so that token counts, tokenizers, authors and session ids are none; a word
# "token" alone is none either, since models' outputs are full of them. The first ones may have letters before them.
_GLUED = "passwords?|passwd|passphrases?|secrets?"
_ENDINGS = (
    "pwd|db pass|database pass|user pass|admin pass|root pass|pg pass|smtp pass|secret ?access ?keys?|secret ?keys?|api ?keys?|access ?keys?"
    "|private ?keys?|encryption ?keys?|authorization|access ?tokens?|refresh ?tokens?|id ?tokens?|auth ?tokens?|bearer ?tokens?"
    "|session ?tokens?|csrf ?tokens?|xsrf ?tokens?|credentials?|cookies?|bearer"
)
_SECRET = re.compile(rf"(?:^| )(?<!has )(?<!is )(?:[a-z]*(?:{_GLUED})|{_ENDINGS})(?: value| hash)?(?: [0-9]+)?$")
# What may stand between two words of a key, and behind the last: anything but letters, and escapes of other signs.
_GAP = rb"(?:[^a-zA-Z\"]|\\.|\\u[0-9a-f]{4})*"
# The same as Hyperscan expressions: the end of such a key of a member of JSON, in strings in JSON too; and any key with an
# escape in it of what ``fold`` makes a letter, or leaves out.
SECRET_MEMBER = rb"(?i)(?:%b|%b)(?:%b(?:value|hash))?%b\"\s*:" % (
    _GLUED.encode(),
    _ENDINGS.encode().replace(b" ?", b" ").replace(b" ", _GAP),
    _GAP,
    _GAP,
)
ESCAPED_MEMBER = rb"(?i)\\u(?:00[2-7a]|ff[0-5]|20[0-6]|fe[0f]|034f|061c|180e|db40)(?:[^\"]|\\.)*\"\s*:"
_PROMPTS = re.compile(
    r"gen_ai\.(?:input\.messages|system_instructions|prompt(?:\.\d+\..*)?)|input\.value|llm\.input_messages\..*|llm\.prompts?(?:\..*)?"
    r"|llm\.prompt_template\..*|ai\.prompt(?:\..*)?|traceloop\.entity\.input|gen_ai\.(?:user|system|tool)\.message\.content|mlflow\.spanInputs"
    r"|langfuse\.(?:observation|trace)\.input|langsmith\.inputs?|request_data|gen_ai\.tool\.call\.arguments|tool\.parameters|all_messages_events"
)
_ANSWERS = re.compile(
    r"gen_ai\.(?:output\.messages|completion(?:\.\d+\..*)?)|output\.value|llm\.output_messages\..*|llm\.completions?(?:\..*)?"
    r"|ai\.response\.(?:text|object|toolCalls|reasoning)|traceloop\.entity\.output|gen_ai\.(?:choice|assistant\.message)\.content"
    r"|mlflow\.spanOutputs|langfuse\.(?:observation|trace)\.output|langsmith\.outputs?|response_data|gen_ai\.tool\.call\.result|final_result"
)


def words_of(key: str) -> str:
    """The words of a key in lower case: ``user.homePhone`` is ``user home phone``."""
    return " ".join(_PART.findall(without_placeholders(key))).lower()


def without_placeholders(text: str) -> str:
    """The text without what stands in the place of values that were found before."""
    return _PLACEHOLDER.sub(" ", text) if ">" in text else text


def secret_entity(words: str) -> str | None:
    """The entity that a value is by the words of its key alone, whatever it looks like."""
    return SECRET_VALUE if _SECRET.search(words) else None


def content_of(key: str) -> Literal["prompts", "answers"] | None:
    """Whether a key holds what was said to a model or what it said, in any of the conventions of the field."""
    if _PROMPTS.fullmatch(key):
        return "prompts"
    return "answers" if _ANSWERS.fullmatch(key) else None
