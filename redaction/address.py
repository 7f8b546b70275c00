"""The detector of addresses of machines."""

from __future__ import annotations

import ipaddress

import regex

from redaction.detector import Detector, Place
from redaction.rule import Rule, RuleDetector, whole

_V6_GROUP = r"[0-9A-Fa-f]{1,4}"
_V4 = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}"
_SCORE = 0.6


def address_detector() -> Detector:
    """Addresses of a machine among others; not of this machine, and neither versions nor times."""
    v4 = rf"(?<![0-9A-Za-z]|[0-9A-Za-z]\.){_V4}(?![0-9A-Za-z]|\.\d)"
    mapped = rf"(?:{_V6_GROUP})?(?::{{1,2}}{_V6_GROUP}){{0,6}}::?{_V4}(?![0-9A-Za-z]|\.\d)"
    groups = rf"(?:{_V6_GROUP})?(?::{{1,2}}{_V6_GROUP}){{1,7}}(?:::)?"
    v6 = rf"(?<![0-9A-Za-z:.])(?:{mapped}|{groups})(?![0-9A-Za-z]|:[0-9A-Fa-f:])"
    return RuleDetector(
        Rule(
            entity="IP_ADDRESS",
            triggers=(
                rb"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]",
                rb"(?:^|[^0-9A-Za-z:])(?:[0-9A-Fa-f]{1,4})?::[0-9A-Fa-f]",
                rb"(?:^|[^0-9A-Za-z:])(?:[0-9A-Fa-f]{1,4}:){1,7}:[0-9A-Fa-f]",
                rb"(?:^|[^0-9A-Za-z:])(?:[0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]",
            ),
            reach=60,
            pattern=f"{v6}|{v4}",
        ),
        whole(_score),
    )


# Before a version: a word for it, the name of a program and a slash, or of a package and signs of equality.
_VERSION_BEFORE = regex.compile(r"(?:version|ver|release|v)[\s:=\"'_-]*$|\w/$|\w(?:==|~=)$", regex.IGNORECASE)
_BETWEEN = " \t\r\n\f\v:=\"'_-"
_VERSION_WORDS = frozenset(("version", "release", "ver"))
_ADDRESS_WORDS = frozenset(("ip", "ipv4", "ipv6", "addr", "address", "host", "client", "server", "peer", "remote"))
# The name of a package before a version of one digit, but not of what has an address.
_PACKAGE_BEFORE = regex.compile(r"(?<![A-Za-z])(?!(?:ip|host|node|addr|address|server|client|from|to)-$)[A-Za-z]\w*-$")
# What a version ends with. Another address behind a dash is the end of a range.
_RELEASE_BEHIND = regex.compile(
    r"-(?:rc|alpha|beta|dev|pre|post|snapshot|release|final|slim|alpine|ubuntu|debian|build)", regex.IGNORECASE
)
_REVISION_BEHIND = regex.compile(rf"-(?!{_V4}(?![0-9A-Za-z]))[0-9A-Za-z]")
# Where addresses of version 4 are written as those of version 6.
_MAPPED = ipaddress.IPv6Network("::/80"), ipaddress.IPv6Network("64:ff9b::/96")


# What the pattern lets through and no address of version 4 may have.
_LEADING_ZERO = regex.compile(r"(?<!\d)0\d")


def _score(match: regex.Match[str], place: Place) -> float:
    value = match[0]
    if ":" not in value:
        # By the text alone, which is much faster: the pattern has seen to the rest.
        is_nobodys = value.startswith("127.") or value == "0.0.0.0" or _LEADING_ZERO.search(value)  # noqa: S104 - not bound
        return 0.0 if is_nobodys or _is_version(match, place) else _SCORE
    try:
        address = ipaddress.IPv6Address(value)
    except ValueError:
        return 0.0
    return _SCORE if _is_somewhere(address, value) else 0.0


def _is_somewhere(address: ipaddress.IPv6Address, value: str) -> bool:
    mapped = address.ipv4_mapped
    if address.is_loopback or address.is_unspecified or (mapped is not None and mapped.is_loopback):
        return False
    if "." in value:
        return True
    # A short one of a range that nobody has is a time, or a name with colons.
    if "::" in value and address.is_reserved and not any(address in network for network in _MAPPED):
        return False
    groups = [group for group in value.split(":") if group]
    return any(map(str.isdigit, value)) and (len(groups) > 2 or max(map(len, groups)) > 2)


def _is_version(match: regex.Match[str], place: Place) -> bool:
    value = match[0]
    before = match.string[max(0, match.start() - 16) : match.start()]
    # Looked at by hand first, since in a list of addresses there is another one before.
    may_be = before[-1:] in ("/", "=") or before.rstrip(_BETWEEN)[-1:].isalpha()
    if may_be and _VERSION_BEFORE.search(before) and (not before.endswith("/") or value.endswith(".0.0")):
        return True
    # Versions begin with small numbers, addresses seldom do.
    is_small = value[1] == "."
    if is_small and before.endswith("-") and _PACKAGE_BEFORE.search(before):
        return True
    behind = match.string[match.end() : match.end() + 20]
    if behind[:1] == "-" and (_RELEASE_BEHIND.match(behind) or (is_small and _REVISION_BEHIND.match(behind))):
        return True
    words = set(place.words.split())
    return not words.isdisjoint(_VERSION_WORDS) and words.isdisjoint(_ADDRESS_WORDS)
