"""Detectors of personal data that every country has, and of the US social security number.

Each rule prefers what ids, timestamps, versions and vectors of traces do not look like. What Presidio finds beyond that
is named in docs/redaction.md.
"""

from __future__ import annotations

from collections.abc import Sequence

import regex
from presidio_analyzer.predefined_recognizers import CryptoRecognizer, IbanRecognizer, UsSsnRecognizer

from redaction.address import address_detector
from redaction.card import card_detector
from redaction.detector import Detector, Place
from redaction.phone import phone_detector
from redaction.presidio import PatternDetector
from redaction.rule import Part, Rule, RuleDetector

# Where a number can begin: behind what is neither letter nor digit, or behind an escape in JSON that was not decoded yet.
_START = rb"(?:^|[^0-9A-Za-z]|\\[bfnrt])"
# Where one can end. What follows a character that is not ASCII or an underline is left to stage two.
_END = rb"(?:[^0-9A-Za-z]|$)"
# Letters of scripts that put no spaces around a value, and underlines, end a value as well as any sign.
_BEHIND_NO_LETTER = r"(?<![0-9A-Za-z])"


def personal_detectors() -> Sequence[Detector]:
    """The detectors of the default policy."""
    return (_email(), card_detector(), _ssn(), _iban(), _crypto(), address_detector(), phone_detector())


# Of scripts that put no spaces between words: where such stand before Latin letters, an address begins with those.
_SPACELESS = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
# Behind an escape that was not decoded, a mailbox begins with what follows it: the escape has to stay whole.
_MAILBOX_START = (
    r"(?:(?<![\w.+-])(?<!\\(?=u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|[nrt]))|(?<=\\(?:u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|[nrt]))"
    rf"|(?<={_SPACELESS})(?!{_SPACELESS}))"
)
_MAILBOX = r"(?:[\w.+-][\w.!#$%'*+^`{|}~-]{0,63})?[\w+~-]"
_QUOTED_MAILBOX = r"\"[^\"\\@\r\n]{1,62}\""
# The top-level domain may be one that is not public, as in corp.internal; versions have no letters there. It ends with its
# letters, whatever follows: an underline of Markdown, a number, or a dash and what became of the address.
_DOMAIN = r"(?:(?:[\w-]{1,63}\.){1,8}(?:xn--[\w-]{1,59}|[^\W\d_]{2,63}+)|localhost(?![\w-]))"


def _email() -> Detector:
    # Quotes, and signs of URLs, forms and assignments, are no part of an address that stands behind them, though RFC 5322
    # allows them: they would keep its hashes from joining.
    return RuleDetector(
        Rule(
            entity="EMAIL_ADDRESS",
            triggers=(rb"@[A-Za-z0-9?\[]",),
            reach=330,
            pattern=rf"(?:{_MAILBOX_START}{_MAILBOX}|{_QUOTED_MAILBOX})@{_DOMAIN}",
        ),
        _addresses,
    )


_SPACELESS_END = regex.compile(rf".*{_SPACELESS}(?=[0-9A-Za-z])")
_LATIN_END = regex.compile(rf"(?<=\.[A-Za-z]{{2,63}}){_SPACELESS}")
# A number, or one of the words that files and members of objects end with, behind digits alone is a version.
_VERSION_DOMAIN = regex.compile(r"[\d.]+\.[^\W\d_]+")
_PASSWORD_BEFORE = regex.compile(r"[A-Za-z][A-Za-z0-9+.\-]{1,30}://[^\s/@:\"']{0,100}:[^\s@/\"'<>]{1,200}$")
_MAX_PASSWORD_CHARS = 340
_GIT = "git@"


def _addresses(match: regex.Match[str], _place: Place) -> Sequence[Part]:
    text, start, end = match.string, match.start(), match.end()
    at = text.rindex("@", start, end)
    before = _SPACELESS_END.match(text, start, at)
    if before:
        start = before.end()
    behind = _LATIN_END.search(text, at, end)
    if behind:
        end = behind.start()
    if text.startswith(_GIT, start) and text[end : end + 1] == ":" and not text[end + 1 : end + 2].isspace():
        # Nobody, but how version control writes a path on a host.
        return ()
    if text[end : end + 1].isdecimal() and _VERSION_DOMAIN.fullmatch(text, at + 1, end):
        return ()
    return () if _is_password(text, start, at) else ((start, end, 1.0),)


def _is_password(text: str, start: int, at: int) -> bool:
    """Whether what looks like a mailbox is the password of a URL, or the end of one, which has a detector of its own."""
    first = max(0, start - _MAX_PASSWORD_CHARS)
    scheme = text.rfind("://", first, start)
    return scheme >= 0 and _PASSWORD_BEFORE.search(text, max(first, scheme - 31), at) is not None


# Presidio refuses them, since they were printed as examples; here they are what somebody takes for a number of his own.
_SAMPLES = frozenset(("123456789", "987654320", "078051120"))


class _SocialSecurity(UsSsnRecognizer):
    def invalidate_result(self, pattern_text: str) -> bool:
        is_invalid: bool = super().invalidate_result(pattern_text)
        signs = set(pattern_text) - set("0123456789")
        return is_invalid and (len(signs) > 1 or "".join(filter(str.isdigit, pattern_text)) not in _SAMPLES)


def _ssn() -> Detector:
    return PatternDetector(
        _SocialSecurity(), triggers=(_START + rb"[0-9]{3}[\- .]?[0-9]{2}[\- .]?[0-9]{4}" + _END,), reach=24
    )


def _iban() -> Detector:
    # In any case; in capitals also right before small letters, as Presidio alone finds it.
    return PatternDetector(
        IbanRecognizer(),
        triggers=(b"(?i)" + _START + rb"[A-Z]{2}[0-9]{2}[ \-]?[A-Z0-9]{4}",),
        reach=60,
        before=_BEHIND_NO_LETTER,
        is_also_exact=True,
        # A number of sixteen or twenty-four signs takes the beginning of what follows it for its last group.
        cut=r" \-",
    )


def _crypto() -> Detector:
    # Anywhere in a word it would be looked for in every hexadecimal id.
    return PatternDetector(
        CryptoRecognizer(),
        triggers=(b"(?i)" + _START + rb"(?:bc1|[13])[A-Z0-9]{25}",),
        reach=80,
        before=_BEHIND_NO_LETTER,
    )
