"""Certificates and keys of a destination, read once at the start."""

from __future__ import annotations

import ssl
from pathlib import Path

import msgspec

from tracedata import PermanentError


class TlsConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Files in PEM. Without ``ca_file`` the system's authorities are trusted."""

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    def read(self) -> tuple[bytes | None, bytes | None, bytes | None]:
        """What the files hold: authorities, key, certificate.

        Raises:
            PermanentError: one of them cannot be read.
        """
        return _read(self.ca_file), _read(self.key_file), _read(self.cert_file)

    def context(self) -> ssl.SSLContext:
        """The same for HTTP.

        Raises:
            PermanentError: a file cannot be read, or is not what it should be.
        """
        self.read()
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.cert_file is not None:
                context.load_cert_chain(self.cert_file, self.key_file)
        except (ssl.SSLError, OSError) as exc:
            raise PermanentError("certificate, key or authorities are no PEM, or do not belong together") from exc
        return context


def _read(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return path.read_bytes()
    except OSError as exc:
        raise PermanentError(f"cannot read {path}: {exc.strerror}") from exc
