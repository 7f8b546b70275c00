"""Detectors of secrets: keys and tokens that their makers gave a recognisable form, and values that are called secrets.

There is no rule that goes by randomness alone: in traces it would redact ids and digests.
"""

from __future__ import annotations

import base64
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import regex

from redaction.detector import Detector, Place
from redaction.key_name import SECRET_VALUE
from redaction.rule import Part, Rule, RuleDetector


class _Rule(Rule, frozen=True, kw_only=True):
    """``pattern``'s group ``secret``, or else all of it, is the secret; values of less ``entropy`` (bits a character), or that ``is_one`` denies, are none.

    ``is_run``: what goes on behind a long secret in the same characters is a part of it, however long.
    """

    reach: int = 300
    entropy: float = 0.0
    is_one: Callable[[str], bool] | None = None
    is_run: bool = True


def _token(entity: str, *prefixes: str, body: str, entropy: float = 3.0) -> _Rule:
    """A prefix that nothing else begins with, and a body of letters and digits."""
    starts = "|".join(map(regex.escape, prefixes))
    return _Rule(
        entity=entity,
        triggers=[prefix.replace(".", r"\.").encode() for prefix in prefixes],
        pattern=rf"(?<![A-Za-z0-9])(?:{starts}){body}",
        entropy=entropy,
    )


_WORD = r"[A-Za-z0-9_\-]"
_API_KEY, _AWS_KEY = "SECRET_API_KEY", "SECRET_AWS_KEY"
_NAMES = (
    r"pass(?:word|wd|phrase)|pwd|secret(?:[_-]?(?:key|access[_-]?key))?|client[_-]?secret|api[_-]?key|apikey|x-api-key|access[_-]?key"
    r"|auth[_-]?token|access[_-]?token|refresh[_-]?token|id[_-]?token|session[_-]?token|private[_-]?key|encryption[_-]?key"
)
_BARE = r"[^\s\"',;&<>(){}\[\]]"
# With the backslashes that it has in JSON inside of JSON.
_QUOTE = r"\\{0,3}[\"']"
_NAME_TRIGGERS = (
    rb"(?i)pass(?:word|wd|phrase)[^a-z]",
    rb"(?i)pwd[^a-z]",
    rb"(?i)secret[^a-z]",
    rb"(?i)(?:api|access|private|encryption)[_\-]?key[^a-z]",
    rb"(?i)(?:auth|access|refresh|id|session)[_\-]?token[^a-z]",
)
# From here on a secret may be cut by a bound of its rule.
_LONG = 64
_RUN = regex.compile(r"[A-Za-z0-9_\-+/=.~%]*")

# Names of variables, types and placeholders.
_NO_SECRET = regex.compile(
    r"(?:none|null|true|false|undefined|redacted|hidden|required|string|str|bool|int|optional|[*x.•-]+|<.*>|\$\{?.*|%\(?.*|\{\{?.*|\[.*)"
    r"|[a-z_]*(?:passw(?:or)?d|passphrase|pwd|secret|token|key)[a-z_]*|[a-z_.]+\.[a-z_.]+(?:\(.*)?|[a-z_]+\(.*|os\.environ.*|process\.env.*|(?:str|bytes|int|bool|String|Optional)(?:\b.*)?|~?(?:/[\w.\-]+)+/?|x:[0-9].*",
    regex.IGNORECASE,
)


def _is_secret_value(value: str) -> bool:
    return _NO_SECRET.fullmatch(value) is None


def _is_token(value: str) -> bool:
    """Whether it is no word or name: there are digits in it, or both cases."""
    return any(map(str.isdigit, value)) or not (value.islower() or value.isupper() or value.istitle())


_SESSION = regex.compile(
    r"(?:^|[;\s])[\w.\-]*(?:sess|sid|auth|token|jwt|csrf|xsrf|remember|login|key)[\w.\-]*=.|=(?=[^;]{12})[^;]*[0-9]",
    regex.IGNORECASE,
)


def _is_session(cookies: str) -> bool:
    """Whether one of them may let somebody in, by its name or by how it looks; languages and themes may not."""
    return _SESSION.search(cookies) is not None


def _is_credentials(value: str) -> bool:
    """Whether it is base64 of a name, a colon and a password (RFC 7617), and no word behind ``basic``."""
    whole = value.rstrip("=")
    return b":" in base64.b64decode(whole[: len(whole) // 4 * 4])


_RULES: Sequence[_Rule] = (
    # Providers of models.
    _token(_API_KEY, "sk-ant-", body=rf"{_WORD}{{20,200}}"),
    _token(_API_KEY, "sk-proj-", "sk-svcacct-", "sk-admin-", "sk-or-", "sk-lf-", "pk-lf-", body=rf"{_WORD}{{16,200}}"),
    _token(_API_KEY, "sk-", body=r"[A-Za-z0-9]{20,100}"),
    _token(_API_KEY, "AIza", body=rf"{_WORD}{{35}}"),
    _token(
        _API_KEY,
        "hf_",
        "gsk_",
        "r8_",
        "xai-",
        "pplx-",
        "nvapi-",
        "csk-",
        "lsv2_pt_",
        "lsv2_sk_",
        "fw_",
        "tgp_v1_",
        body=rf"{_WORD}{{24,200}}",
    ),
    # Code hosts, chats, payments, clouds and registries.
    _token(_API_KEY, "ghp_", "gho_", "ghu_", "ghs_", "ghr_", body=r"[A-Za-z0-9]{36,255}"),
    _token(_API_KEY, "github_pat_", body=r"[A-Za-z0-9_]{40,255}"),
    _token(_API_KEY, "glpat-", "gldt-", "glrt-", "glptt-", body=rf"{_WORD}{{20,100}}"),
    _token(_API_KEY, "xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xapp-", body=r"[A-Za-z0-9\-]{10,200}"),
    _token(_API_KEY, "sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_", body=r"[A-Za-z0-9]{16,200}"),
    _token(_API_KEY, "SG.", body=rf"{_WORD}{{16,40}}\.{_WORD}{{16,60}}"),
    _token(
        _API_KEY,
        "npm_",
        "dckr_pat_",
        "dop_v1_",
        "doo_v1_",
        "shpat_",
        "shpss_",
        "hvs.",
        "dp.pt.",
        "PMAK-",
        "ntn_",
        body=rf"{_WORD}{{20,200}}",
    ),
    _token(_API_KEY, "pypi-", body=rf"{_WORD}{{50,300}}"),
    _token(_API_KEY, "ya29.", body=rf"{_WORD}{{20,300}}"),
    _Rule(
        entity=_API_KEY,
        triggers=[rb"hooks\.slack\.com/"],
        pattern=r"hooks\.slack\.com/(?:services|workflows)/(?P<secret>[A-Za-z0-9/]{20,120})",
    ),
    _Rule(
        entity=_API_KEY, triggers=[rb"(?:AC|SK)[0-9a-f]{32}"], pattern=r"(?<![A-Za-z0-9])SK[0-9a-f]{32}(?![A-Za-z0-9])"
    ),
    _Rule(
        entity=_AWS_KEY,
        triggers=[rb"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}"],
        pattern=r"(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])",
    ),
    _Rule(
        entity=_AWS_KEY,
        triggers=[rb"(?i)aws[a-z_ .\-]{0,30}(?:secret|key)"],
        pattern=r"aws[\w .\-]{0,30}(?:secret|key)[\w .\-]{0,20}[\"']?\s{0,3}[:=]\s{0,3}[\"']?(?P<secret>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+])",
        entropy=3.5,
        flags=regex.IGNORECASE,
    ),
    _Rule(
        entity="SECRET_CLOUD_KEY",
        triggers=[rb"AccountKey=", rb"SharedAccessKey=", rb"(?i)[?&]sig=[a-z0-9%]{20}"],
        pattern=r"(?:(?:AccountKey|SharedAccessKey)=|[?&]sig=)(?P<secret>[A-Za-z0-9+/%]{30,120}={0,2})",
    ),
    # Tokens by form.
    _Rule(
        entity="SECRET_JWT",
        triggers=[rb"eyJ[A-Za-z0-9_\-]{8}"],
        pattern=rf"(?<![A-Za-z0-9_\-])eyJ{_WORD}{{8,4000}}\.{_WORD}{{4,4000}}(?:\.{_WORD}{{0,4000}})?",
        reach=8200,
    ),
    _Rule(
        entity="SECRET_BEARER",
        triggers=[rb"(?i)bearer[ :=]"],
        pattern=r"\bbearer[ :=]{1,3}(?P<secret>[A-Za-z0-9_\-.~+/]{10,4000}={0,2})",
        reach=4100,
        entropy=2.5,
        flags=regex.IGNORECASE,
        is_one=_is_token,
    ),
    _Rule(
        entity="SECRET_BEARER",
        triggers=[rb"(?i)basic [a-z0-9+/=]{8}"],
        pattern=r"\bbasic (?P<secret>[A-Za-z0-9+/]{8,500}={0,2})",
        reach=520,
        flags=regex.IGNORECASE,
        is_one=_is_credentials,
    ),
    _Rule(
        entity="SECRET_URL_PASSWORD",
        triggers=[rb"://[^\s/@:]{0,100}:[^\s@]"],
        pattern=r"[a-z][a-z0-9+.\-]{1,30}://[^\s/@:\"']{0,100}:(?P<secret>[^\s/\"'<>]{1,200})@",
        reach=460,
        flags=regex.IGNORECASE,
        is_run=False,
    ),
    _Rule(
        entity="SECRET_PRIVATE_KEY",
        triggers=[rb"-----BEGIN [A-Z ]{0,30}PRIVATE KEY", rb"PuTTY-User-Key-File", rb"AGE-SECRET-KEY-1"],
        pattern=r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----(?:[A-Za-z0-9+/=\s:,.\\\-]{0,8000}?-----END [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----|[A-Za-z0-9+/=\s\\]{0,8000})"
        r"|AGE-SECRET-KEY-1[A-Z0-9]{58}|PuTTY-User-Key-File[^\0]{0,8000}",
        reach=8300,
        is_run=False,
    ),
    # Headers, wherever they are written down.
    _Rule(
        entity="SECRET_BEARER",
        triggers=[rb"(?i)authorization\\{0,3}[\"']?\s{0,3}[:=]"],
        pattern=rf"\bauthorization(?:{_QUOTE})?\s{{0,3}}[:=]\s{{0,3}}(?:{_QUOTE})?(?:[a-z][a-z\-]{{2,20}}\s{{1,2}})?(?P<secret>[^\s\"'\\,;()]{{8,4000}}+)(?!\()",
        reach=4100,
        flags=regex.IGNORECASE,
        is_one=_is_token,
    ),
    _Rule(
        entity="SECRET_COOKIE",
        triggers=[rb"(?i)cookie\\{0,3}[\"']?\s{0,3}[:=]"],
        pattern=rf"\b(?:set-)?cookie(?:{_QUOTE})?\s{{0,3}}[:=]\s{{0,3}}(?:{_QUOTE})?(?P<secret>[\w.\-]{{1,100}}=[^\r\n\"'\\]{{1,4000}})",
        reach=4200,
        flags=regex.IGNORECASE,
        is_one=_is_session,
    ),
    _Rule(
        entity="SECRET_VALUE",
        triggers=[rb"(?i)[?&]token="],
        pattern=r"[?&]token=(?P<secret>[A-Za-z0-9_\-.~%+/]{8,4000})",
        reach=4100,
        flags=regex.IGNORECASE,
        is_one=_is_token,
    ),
    # Values that are called secrets.
    _Rule(
        entity="SECRET_PASSWORD",
        triggers=_NAME_TRIGGERS,
        pattern=rf"(?:{_NAMES})(?:{_QUOTE})?\s{{0,3}}(?::|=>|=)(?:\s{{0,3}}\\{{1,3}}\"(?P<secret>[^\"\\\s]{{4,4000}})(?:\\|\Z)|\s{{0,3}}(?:\"(?P<secret>(?:[^\"\\\s]|\\[^\s]){{4,4000}}+)(?:\"|\Z)|'(?P<secret>(?:[^'\\\s]|\\[^\s]){{4,4000}}+)(?:'|\Z))"
        # Without quotes behind a space there are names, calls and words, too, which have letters only; behind a dollar, variables.
        rf"|(?!\$)(?P<secret>{_BARE}{{6,4000}}+)(?![(\[])|\s{{1,3}}(?=[A-Za-z_.]*[^\sA-Za-z_.\"',;&<>(){{}}\[\]$])(?P<secret>{_BARE}{{6,4000}}+)(?![(\[]))"
        rf"|<(?:{_NAMES})>(?P<secret>[^<>\s]{{4,4000}})</",
        reach=4100,
        flags=regex.IGNORECASE,
        is_one=_is_secret_value,
    ),
)


SECRET_ENTITIES = frozenset(rule.entity for rule in _RULES) | {SECRET_VALUE}


def secret_detectors() -> Sequence[Detector]:
    """One detector a rule."""
    return [RuleDetector(rule, partial(_secrets, rule)) for rule in _RULES]


def _secrets(rule: _Rule, match: regex.Match[str], _place: Place) -> Iterator[Part]:
    group = "secret" if "secret" in match.groupdict() and match["secret"] is not None else 0
    value = match[group]
    if rule.is_one is not None and not rule.is_one(value):
        return
    if rule.entropy and _entropy(value) < rule.entropy:
        return
    start, end = match.span(group)
    if rule.is_run and len(value) >= _LONG:
        run = _RUN.match(match.string, end)
        end = run.end() if run else end
    yield start, end, 1.0


def _entropy(value: str) -> float:
    """Shannon's entropy in bits a character."""
    return -sum(count / len(value) * math.log2(count / len(value)) for count in Counter(value).values())
