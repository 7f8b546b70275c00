from __future__ import annotations

import base64
import string
from itertools import cycle, islice

import pytest

from redaction.key_name import SECRET_VALUE
from redaction.policy import Policy
from redaction.redactor import Redactor

_MIXED = string.ascii_lowercase[:13] + string.digits + string.ascii_uppercase[5:]
_HEX = "0123456789abcdef"


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    return Redactor(Policy(entities={}))


def _body(length: int, alphabet: str = _MIXED) -> str:
    return "".join(islice(cycle(alphabet), length))


def _block(kind: str) -> str:
    dashes = "-" * 5
    lines = "\n".join([_body(64)] * 3)
    return f"{dashes}BEGIN {kind}PRIVATE KEY{dashes}\n{lines}\n{dashes}END {kind}PRIVATE KEY{dashes}"


# Put together here, so that no secret stands in the repository: entity, what is before it, prefix, body.
_TOKENS = {
    "anthropic": ("SECRET_API_KEY", "sk-" + "ant-", _body(90)),
    "openai": ("SECRET_API_KEY", "sk-", _body(48)),
    "openai project": ("SECRET_API_KEY", "sk-" + "proj-", _body(60)),
    "openai service": ("SECRET_API_KEY", "sk-" + "svcacct-", _body(60)),
    "openrouter": ("SECRET_API_KEY", "sk-" + "or-", _body(40)),
    "langfuse": ("SECRET_API_KEY", "sk-" + "lf-", _body(36)),
    "google": ("SECRET_API_KEY", "AI" + "za", _body(35)),
    "hugging face": ("SECRET_API_KEY", "hf" + "_", _body(34)),
    "groq": ("SECRET_API_KEY", "gsk" + "_", _body(52)),
    "replicate": ("SECRET_API_KEY", "r8" + "_", _body(37)),
    "xai": ("SECRET_API_KEY", "xai" + "-", _body(60)),
    "perplexity": ("SECRET_API_KEY", "pplx" + "-", _body(48)),
    "nvidia": ("SECRET_API_KEY", "nvapi" + "-", _body(64)),
    "langsmith": ("SECRET_API_KEY", "lsv2" + "_pt_", _body(43)),
    "github": ("SECRET_API_KEY", "gh" + "p_", _body(36)),
    "github app": ("SECRET_API_KEY", "gh" + "s_", _body(36)),
    "github fine-grained": ("SECRET_API_KEY", "github" + "_pat_", _body(82)),
    "gitlab": ("SECRET_API_KEY", "gl" + "pat-", _body(20)),
    "slack bot": ("SECRET_API_KEY", "xox" + "b-", f"123456789012-{_body(24)}"),
    "slack app": ("SECRET_API_KEY", "xa" + "pp-", f"1-{_body(40)}"),
    "stripe": ("SECRET_API_KEY", "sk" + "_live_", _body(24)),
    "stripe webhook": ("SECRET_API_KEY", "wh" + "sec_", _body(32)),
    "sendgrid": ("SECRET_API_KEY", "SG" + ".", f"{_body(22)}.{_body(43)}"),
    "npm": ("SECRET_API_KEY", "npm" + "_", _body(36)),
    "docker": ("SECRET_API_KEY", "dckr" + "_pat_", _body(27)),
    "vault": ("SECRET_API_KEY", "hv" + "s.", _body(24)),
    "pypi": ("SECRET_API_KEY", "py" + "pi-", _body(120)),
    "google oauth": ("SECRET_API_KEY", "ya" + "29.", _body(60)),
    "twilio": ("SECRET_API_KEY", "S" + "K", _body(32, _HEX)),
    "aws": ("SECRET_AWS_KEY", "AK" + "IA", _body(16, string.ascii_uppercase)),
    "aws session": ("SECRET_AWS_KEY", "AS" + "IA", _body(16, string.ascii_uppercase)),
    "jwt": ("SECRET_JWT", "ey" + "J", f"{_body(30)}.{_body(60)}.{_body(43)}"),
    "private key": ("SECRET_PRIVATE_KEY", "", _block("RSA ")),
    "plain private key": ("SECRET_PRIVATE_KEY", "", _block("")),
    "age": ("SECRET_PRIVATE_KEY", "AGE-SECRET-" + "KEY-1", _body(58, string.ascii_uppercase)),
}
# What is before the secret stays.
_PARTS = {
    "slack webhook": ("SECRET_API_KEY", "https://hooks.slack.com/services/", f"T0/B0/{_body(24)}"),
    "aws secret": ("SECRET_AWS_KEY", "aws_secret_access_key = ", _body(40)),
    "azure storage": ("SECRET_CLOUD_KEY", "AccountName=a;AccountKey=", f"{_body(86)}=="),
    "azure signature": ("SECRET_CLOUD_KEY", "https://a.example/b?sv=1&sig=", _body(44)),
    "bearer": ("SECRET_BEARER", "Authorization: Bearer ", _body(32)),
    "basic": ("SECRET_BEARER", "authorization: basic ", base64.b64encode(b"bob:hun" + b"ter2").decode()),
    "url password": ("SECRET_URL_PASSWORD", "postgresql://app:", "hun" + "ter2"),
    "password": ("SECRET_PASSWORD", "password=", "hun" + "ter2x"),
    "password in quotes": ("SECRET_PASSWORD", 'passwd: "', "hu" + "nt"),
    "passphrase": ("SECRET_PASSWORD", "passphrase => ", "hun" + "ter2x"),
    "api key": ("SECRET_PASSWORD", "api_key: ", f"{_body(7)}8"),
    "api key header": ("SECRET_PASSWORD", "X-Api-Key: ", f"{_body(7)}8"),
    "client secret": ("SECRET_PASSWORD", "client-secret=", _body(8)),
    "access token": ("SECRET_PASSWORD", "&access_token=", _body(12)),
    "long password": ("SECRET_PASSWORD", "password=", _body(9_000)),
    "dollar in a password": ("SECRET_PASSWORD", "PASSWORD=", "Sup3rS$" + "cret!x"),
    "password in JSON that was cut": ("SECRET_PASSWORD", '{"a": 1, "password": "', "hun" + "ter2x"),
    "password in XML": ("SECRET_PASSWORD", "<password>", "hun" + "ter2x"),
    "token of a query": (SECRET_VALUE, "https://a.example/b?token=", f"{_body(11)}7"),
    "authorization": ("SECRET_BEARER", "Authorization: Token ", f"{_body(11)}7"),
    "authorization in a command": ("SECRET_BEARER", "curl -H 'Authorization: Bearer ", f"{_body(10)}7"),
    "authorization in JSON that was cut": ("SECRET_BEARER", '{"authorization": "Token ', f"{_body(11)}7"),
    "cookie": ("SECRET_COOKIE", "Cookie: ", f"session={_body(8)}; lang=de"),
    "cookie that was set": ("SECRET_COOKIE", "Set-Cookie: ", f"id={_body(12)}7; Path=/"),
    "cookie in Python": ("SECRET_COOKIE", "{'cookie': '", f"sid={_body(8)}"),
}


@pytest.mark.parametrize(("entity", "prefix", "body"), _TOKENS.values(), ids=_TOKENS)
def test_tokens_go_by_the_form_of_their_maker(redactor: Redactor, entity: str, prefix: str, body: str) -> None:
    redacted = redactor.redact_text(f"with {prefix}{body} now")
    assert redacted.text == f"with <{entity}> now"
    assert redacted.entities == {entity: 1}


@pytest.mark.parametrize(("entity", "prefix", "body"), _PARTS.values(), ids=_PARTS)
def test_what_names_a_secret_stays(redactor: Redactor, entity: str, prefix: str, body: str) -> None:
    ends = {"@db.example/x": "://app", "</password>": "<pass", "": "Cookie: "}
    end = next((end for end, sign in ends.items() if sign in prefix), prefix[-1] if prefix[-1] in "\"'" else " now")
    redacted = redactor.redact_text(f"{prefix}{body}{end}")
    assert redacted.text == f"{prefix}<{entity}>{end}"


@pytest.mark.parametrize(
    "text",
    [
        "sk-" + "a" * 40,
        "task-" + _body(48),
        "sk-learn",
        "hf_" + "hub_download",
        "Bearer token required",
        "basic authentication",
        "Basic understanding of JavaScript",
        "postgresql://db.example:5432/app",
        "max_tokens=4096",
        "token_count: 123456",
        "tokenizer=cl100k_base",
        "password: null",
        "password=${DB_PASSWORD}",
        "password: {{ secret }}",
        "password=<SECRET_PASSWORD>",
        "password: required",
        "password=os.environ['DB']",
        "api_key=settings.api_key",
        "def login(password: str)",
        "secretary=somebody",
        "pwd=/home/user/project1",
        "passwd:x:1000:1000",
        "Bearer token_type_is_required",
        "authorization: required for this call",
        "authorization = base64.decodebytes(value)",
        "Cookie: lang=de; theme=dark",
        "password=$PASSWORD",
        '{"token": "Hello", "logprob": -0.1}',
        "eyJ is how tokens begin",
        "-----BEGIN CERTIFICATE-----",
    ],
)
def test_what_only_looks_like_a_secret_stays(redactor: Redactor, text: str) -> None:
    assert redactor.redact_text(text).text is text


def test_secrets_can_be_left_out() -> None:
    off = Redactor(Policy(entities={}, secrets=False))
    for _, prefix, body in (*_TOKENS.values(), *_PARTS.values()):
        assert off.redact_text(f"{prefix}{body}").entities == {}
    assert off.redact_text("x", key="password").text == "x"
