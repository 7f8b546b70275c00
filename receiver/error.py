"""What a request can do wrong before a batch exists. Messages name the place, never a value."""

from __future__ import annotations

from tracedata import PermanentError


class DecodeFailedError(PermanentError):
    """The bytes are not the message that they claim to be."""


class TooLargeError(PermanentError):
    """The request exceeds the size limit, as sent or once decompressed."""


class UnsupportedMediaError(PermanentError):
    """The content type or the content encoding is not one that OTLP/HTTP defines."""


class MethodNotAllowedError(PermanentError):
    """The path exists, the method does not."""


class ListenFailedError(PermanentError):
    """The server cannot listen where it was told to."""
