"""Reads a YAML file of settings. ``${env:NAME}`` stands for an environment variable."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import yaml

from tracedata import CallerError

_VARIABLE = re.compile(r"\$\{env:(\w+)\}")

# A nested mapping as it comes from YAML or from flags.
Tree = dict[str, Any]


def read_tree(path: Path) -> Tree:
    """What a YAML file holds, with variables of the environment in their places.

    Raises:
        CallerError: it cannot be read, or is no mapping; the message names the file, and never a value.
    """
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise CallerError(f"cannot read {path}: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise CallerError(f"cannot read {path}: it is not UTF-8") from exc
    except yaml.YAMLError as exc:
        raise CallerError(f"{path} is not YAML{_position(exc)}") from exc
    except (ValueError, RecursionError) as exc:
        # Such as a date that the calendar does not have.
        raise CallerError(f"{path} is not YAML that can be read: a value is impossible, or nested too deeply") from exc
    if not isinstance(tree, dict | None):
        raise CallerError(f"{path}: expected a mapping at the top")
    try:
        expanded: Tree = _expanded(tree or {}, place=str(path))
    except RecursionError as exc:
        raise CallerError(f"{path}: an alias contains itself, or values are nested too deeply") from exc
    return expanded


def _position(error: yaml.YAMLError) -> str:
    """Where the reader gave up. Its own words quote the file, in which a password may stand."""
    mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
    return f": see line {mark.line + 1}, column {mark.column + 1}" if mark else ""


def _expanded(value: Any, *, place: str) -> Any:  # noqa: ANN401 - whatever YAML holds
    if isinstance(value, dict):
        return {_name(key, place=place): _expanded(item, place=f"{place}: {key}") for key, item in value.items()}
    if isinstance(value, list):
        return [_expanded(item, place=place) for item in value]
    if isinstance(value, str):
        return _VARIABLE.sub(lambda match: _variable(match[1], place=place), value)
    return value


def _name(key: object, *, place: str) -> str:
    if isinstance(key, int) and not isinstance(key, bool):
        # Workspaces have numbers.
        return str(key)
    if not isinstance(key, str):
        raise CallerError(f"{place}: a key is of type {type(key).__name__}; the names of settings are text")
    return key


def _variable(name: str, *, place: str) -> str:
    try:
        return os.environ[name]
    except KeyError as exc:
        raise CallerError(f"{place}: the environment variable {name} is not set") from exc
