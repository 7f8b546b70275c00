"""The program and what it is made of."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from importlib import metadata

from relayscope.doctor.finding import Finding, failed, ok, warning
from storage.inspection import Inspector
from tracedata import PermanentError

MINIMUM_PYTHON = (3, 11)
_PACKAGES = ("grpcio", "protobuf", "opentelemetry-proto")
_REINSTALL = "Install again: `make setup`, or `pip install --force-reinstall relayscope`."


def check_program(inspector: Inspector, *, is_embedded: bool) -> Sequence[Finding]:
    """Versions of the program, of Python and of what matters most; are the server's binaries there?"""
    return [
        check_version(installed_version()),
        check_python(sys.version_info[:3]),
        check_packages({name: installed_version(name) for name in _PACKAGES}),
        check_driver(inspector),
        check_binaries(inspector, is_embedded=is_embedded),
    ]


def installed_version(name: str = "relayscope") -> str | None:
    """The version of an installed package; none when it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def check_version(version: str | None) -> Finding:
    if version is None:
        detail = "runs from its source, without being installed"
        return warning("relayscope", detail, advice="Install it, so that it knows its version: `make setup`.")
    return ok("relayscope", version)


def check_python(version: Sequence[int]) -> Finding:
    text = ".".join(map(str, version))
    if tuple(version) < MINIMUM_PYTHON:
        advice = "Install Python 3.11 or newer, and name it: `make setup PYTHON=python3.12`."
        return failed("python", f"{text} is too old", advice=advice)
    return ok("python", f"{text} on {platform.system()} {platform.machine()}")


def check_packages(versions: dict[str, str | None]) -> Finding:
    missing = [name for name, version in versions.items() if version is None]
    if missing:
        return failed("packages", f"not installed: {', '.join(missing)}", advice=_REINSTALL)
    return ok("packages", ", ".join(f"{name} {version}" for name, version in versions.items()))


def check_driver(inspector: Inspector) -> Finding:
    driver = inspector.driver()
    detail = f"psycopg {driver.version} ({driver.implementation}), libpq {driver.library_version}"
    if driver.implementation == "python":
        return warning("driver", detail, advice=f"It is the slow one. {_REINSTALL}")
    return ok("driver", detail)


def check_binaries(inspector: Inspector, *, is_embedded: bool) -> Finding:
    try:
        return ok("binaries", f"PostgreSQL {inspector.binaries()}")
    except PermanentError as exc:
        if not is_embedded:
            return ok("binaries", "none for the embedded PostgreSQL; not needed with --database-url")
        advice = "Install again, or use a PostgreSQL of your own: --database-url."
        return failed("binaries", str(exc), advice=advice)
