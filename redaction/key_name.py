"""What the name of an attribute, or of a member of JSON, says about its value."""

from __future__ import annotations

import re
from typing import Literal

SECRET_VALUE = "SECRET_VALUE"  # noqa: S105 - the name of an entity
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\d_A-Za-z]+")
# What redaction wrote itself says nothing about what stands beside it. Tags such as <PHONE> do, so a name has two parts here.
_PLACEHOLDER = re.compile(r"<[A-Z][A-Z0-9]*_[A-Z0-9_]+(?::[^<>\s]*)?>")
# How a key ends whose value is a secret. Words, so that token counts, tokenizers, authors and session ids are none; a word
# "token" alone is none either, since models' outputs are full of them.
_SECRET = re.compile(
    r"(?:^| )(?<!has )(?<!is )(?:[a-z]*(?:passwords?|passwd|passphrases?)|pwd|(?:db|database|user|admin|root|pg|smtp) pass|[a-z]*secrets?"
    r"|(?:[a-z]* )?(?:api|access|private|encryption|secret) ?keys?|(?:proxy )?authorization|(?:access|refresh|id|auth|bearer|session|csrf|xsrf) ?tokens?"
    r"|credentials?|(?:set )?cookies?|bearer)(?: value| hash)?(?: [0-9]+)?$"
)
# The same as a Hyperscan expression, and more: the end of such a key of a member of JSON, in strings in JSON too.
SECRET_MEMBER = (
    rb"(?i)(?:passwords?|passwd|passphrases?|pwd|(?:db|database|user|admin|root|pg|smtp)[^a-z\"]{0,20}pass|secrets?"
    rb"|(?:secret|api|access|private|encryption)[^a-z\"]{0,20}keys?|authorization"
    rb"|(?:access|refresh|id|auth|bearer|session|csrf|xsrf)[^a-z\"]{0,20}tokens?|credentials?|cookies?|bearer)"
    rb"(?:[^a-z\"]{0,5}(?:value|hash))?[^a-z\"]{0,20}\\*\"\s*:"
)
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
