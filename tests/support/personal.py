"""Made-up personal data and secrets. Secrets are put together here, so that none stands in the repository."""

from __future__ import annotations

from hypothesis import strategies as st

_BODY = "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY"
VALUES: dict[str, tuple[str, ...]] = {
    "EMAIL_ADDRESS": ("bob@example.com", "a.b+c@mail.corp.internal", "root@localhost", "jürgen@bücher.example"),
    "CREDIT_CARD": (
        "4111111111111111",
        "5500 0000 0000 0004",
        "2223-0031-2200-3222",
        "378282246310005",
        "6011.1111.1111.1117",
    ),
    "US_SSN": ("536-22-1234", "536 22 1234"),
    "IBAN_CODE": ("DE89370400440532013000", "GB82 WEST 1234 5698 7654 32"),
    "CRYPTO": ("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy"),
    "IP_ADDRESS": ("10.1.2.3", "203.0.113.77", "2001:db8:85a3::8a2e:370:7334"),
    "PHONE_NUMBER": ("+1 415 555 2671", "(415) 555-2671", "+442079460958", "020 7946 0958", "+49 30 901820"),
    "SECRET_API_KEY": ("sk-" + "proj-" + _BODY, "ghp" + "_" + _BODY + "Ab12", "xox" + "b-123456789012-" + _BODY),
    "SECRET_AWS_KEY": ("AKIA" + "QWERTYUIOPASDFGH",),
    "SECRET_JWT": ("eyJ" + "hbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0In0." + "c2lnbmF0dXJl",),
    "SECRET_BEARER": (_BODY[:24],),
}
# What traces are full of, and what is nobody's.
NOISE = (
    "550e8400-e29b-41d4-a716-446655440000", "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", "1732158300000000000",
    "1732158300123", "1732158300", "2026-11-21T03:45:01.123456Z", "2026-11-21 03:45:01", "gpt-4o-2024-08-06", "v1.25.0.1",
    "0.123456789, 0.4111111111111111, -0.98765", "chatcmpl-9XyZ0123456789abcdef", "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822c",
    "/api/v1/orders/123456", "main.py:42", "12:34:56 a::b", "std::vector<int>", "Chrome/120.0.0.0", "127.0.0.1:8000", "1.2.3-rc.4",
    "SELECT * FROM users WHERE id = $1", "max_tokens=4096", "input_tokens: 1234", "image:tag@sha256", "pkg@1.2.3", "3.11.7", "10:20:30.400",
    "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]", "100 200 300", "ffmpeg -b:v 1000k", "token_type=bearer", "password: ${DB_PASSWORD}",
    "internationalization", "getUserAccountById", "2024-08-06 2025-09-07",
)  # fmt: skip
PLANTED = st.sampled_from([value for values in VALUES.values() for value in values])
_GLUE = st.text(" \t\n.,;:!?()[]<>{}\"'=&/#|-_+*aAzZ09@é\u00a0\u200b\u4e2d", max_size=8)
# Texts that hold personal data, noise, and whatever is awkward around them.
TEXTS = st.lists(st.one_of(_GLUE, PLANTED, st.sampled_from(NOISE)), max_size=8).map("".join)
