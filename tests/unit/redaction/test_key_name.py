from __future__ import annotations

import json

import pytest

from redaction.key_name import SECRET_VALUE, content_of, secret_entity, words_of
from redaction.policy import Policy, default_policy
from redaction.redactor import Redactor

_SECRET = (
    "password db.password DB_PASSWORD userPassword passwd passphrase pwd secret client_secret clientSecret secretKey aws.secret_access_key "
    "api_key apiKey api-key x-api-key X-API-Key openai.apikey access_key private_key encryptionKey authorization "
    "http.request.header.authorization Proxy-Authorization access_token accessToken refresh_token id_token auth_token bearer_token "
    "cookies passwords api_keys accesstoken clientsecret PGPASSWORD DB_PASS db.password.value password2 password_hash access-----token "
    "session_token csrf_token xsrfToken credentials credential cookie http.request.header.cookie Set-Cookie bearer"
).split()
_NO_SECRET = (
    "max_tokens gen_ai.usage.input_tokens token_count tokenizer next_page_token token_type author authorization_url "
    "password_policy secretary session.id cookie_consent api_key_id keyboard access.log compass "
    "token pass bypass password_policy.has_secret is_secret monkey"
).split()
_DEFAULT = Redactor(default_policy())


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    return Redactor(Policy(entities={}))


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("user.homePhone", "user home phone"),
        ("HTTPServerID", "http server id"),
        ("gen_ai.usage.input_tokens", "gen ai usage input tokens"),
        ("line2", "line 2"),
        ("", ""),
    ],
)
def test_words_of_a_key(key: str, words: str) -> None:
    assert words_of(key) == words


@pytest.mark.parametrize("key", _SECRET)
def test_these_keys_name_a_secret(redactor: Redactor, key: str) -> None:
    assert redactor.redact_text("x", key=key).text == f"<{SECRET_VALUE}>"


@pytest.mark.parametrize("key", _NO_SECRET)
def test_these_keys_do_not(key: str) -> None:
    assert secret_entity(words_of(key)) is None


@pytest.mark.parametrize("key", _SECRET)
@pytest.mark.parametrize("depth", [1, 2])
def test_members_of_json_are_named_by_the_same_keys(redactor: Redactor, key: str, depth: int) -> None:
    text, expected = json.dumps({key: "x", "n": 1}), json.dumps({key: f"<{SECRET_VALUE}>", "n": 1})
    if depth == 2:
        text, expected = json.dumps({"body": text}), json.dumps({"body": expected})
    assert redactor.redact_text(text).text == expected


@pytest.mark.parametrize(
    "name",
    [
        r"pass\u0077ord", r"coo\u006bie", "access-----token", r"access\u2028token", r"access\"token", r"\uff50assword",
        "\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff44", "pass\u200bword", r"pass\u00adword", "password____", r"password\t",
    ],
)  # fmt: skip
@pytest.mark.parametrize("before", ["", '"m": "bob@example.com 10.1.2.3", '], ids=["alone", "beside another"])
def test_escapes_and_other_letters_do_not_hide_a_name(name: str, before: str) -> None:
    after = _DEFAULT.redact_text(f'{{{before}"{name}": "hunter2hunter"}}').text
    assert after.endswith(f'"{name}": "<{SECRET_VALUE}>"}}')


@pytest.mark.parametrize("name", ["password bob@example.com", "password <EMAIL_ADDRESS>"])
def test_a_placeholder_in_a_name_is_a_word_of_it(name: str) -> None:
    redacted = _DEFAULT.redact_text(json.dumps({name: "x", "cookie": "y"}))
    assert json.loads(redacted.text) == {"password <EMAIL_ADDRESS>": "x", "cookie": f"<{SECRET_VALUE}>"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(1234, "<SECRET_VALUE>", id="number"),
        pytest.param(-123456789012, "<SECRET_VALUE>", id="long number"),
        pytest.param(["a", "b"], ["<SECRET_VALUE>", "<SECRET_VALUE>"], id="list"),
        pytest.param({"name": "a", "pin": [1]}, {"name": "<SECRET_VALUE>", "pin": ["<SECRET_VALUE>"]}, id="object"),
        pytest.param(None, None, id="nothing"),
        pytest.param(True, True, id="boolean"),
        pytest.param("", "", id="empty"),
    ],
)
@pytest.mark.parametrize("separators", [(", ", ": "), (",", ":")], ids=["spaced", "compact"])
def test_everything_below_such_a_member_goes(
    redactor: Redactor, value: object, expected: object, separators: tuple[str, str]
) -> None:
    text = json.dumps([{"password": value}, "after", {"n": 12, "x": ["y", 3]}], separators=separators)
    after = json.loads(redactor.redact_text(text).text)
    assert after == [{"password": expected}, "after", {"n": 12, "x": ["y", 3]}]


@pytest.mark.parametrize(
    ("key", "content"),
    [
        ("gen_ai.input.messages", "prompts"),
        ("gen_ai.prompt.0.content", "prompts"),
        ("llm.input_messages.0.message.content", "prompts"),
        ("input.value", "prompts"),
        ("ai.prompt.messages", "prompts"),
        ("langfuse.trace.input", "prompts"),
        ("gen_ai.output.messages", "answers"),
        ("gen_ai.completion.0.content", "answers"),
        ("llm.output_messages.0.message.content", "answers"),
        ("output.value", "answers"),
        ("ai.response.text", "answers"),
        ("traceloop.entity.output", "answers"),
        ("gen_ai.request.model", None),
        ("input.values", None),
        ("gen_ai.input.messages.count", None),
    ],
)
def test_keys_of_what_is_said_to_and_by_models(key: str, content: str | None) -> None:
    assert content_of(key) == content
