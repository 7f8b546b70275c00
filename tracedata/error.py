"""Error families. A room translates third-party exceptions into these once, at its edge.

Messages never carry data values, because whatever they carry ends up in logs and answers.
"""

from __future__ import annotations


class RelayscopeError(Exception):
    """Root of every error that this project raises on purpose."""


class PermanentError(RelayscopeError):
    """The same input fails again: do not retry."""


class RetryableError(RelayscopeError):
    """The same input can succeed later.

    Attributes:
        retry_after_s: how long the sender should wait at least, in seconds.
    """

    def __init__(self, message: str, *, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class CallerError(PermanentError):
    """The request is at fault, not we; the message says where and what is possible."""


class NotFoundError(PermanentError):
    """The named thing is not stored."""
