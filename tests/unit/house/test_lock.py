from __future__ import annotations

import re
from typing import NamedTuple

import pytest

from tests.support.repository import document, pyproject

LOCKS = ("requirements.lock", "requirements-dev.lock")
ALL_LOCKS = (*LOCKS, "requirements-eval.lock", "requirements-live.lock")
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^ \\]+)([^\n]*(?:\n    --hash=[^\n]*)*)", re.MULTILINE)
_NAME = re.compile(r"^[A-Za-z0-9._-]+")


class Pin(NamedTuple):
    version: str
    hashes: list[str]


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _name_of(requirement: str) -> str:
    match = _NAME.match(requirement)
    assert match, requirement
    return _canonical(match[0])


def _pins(lock: str) -> dict[str, Pin]:
    return {
        _canonical(name): Pin(version, re.findall(r"--hash=sha256:[0-9a-f]{64}", rest))
        for name, version, rest in _PIN.findall(document(lock))
    }


@pytest.mark.parametrize("lock", ALL_LOCKS)
def test_every_package_has_a_hash(lock: str) -> None:
    pins = _pins(lock)
    assert pins
    assert [name for name, pin in pins.items() if not pin.hashes] == []


@pytest.mark.parametrize("lock", ALL_LOCKS)
def test_lock_holds_nothing_but_pins_and_hashes(lock: str) -> None:
    lines = document(lock).splitlines()
    assert [line for line in lines if not re.match(r"[A-Za-z0-9._-]+==|    --hash=sha256:", line)] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_covers_the_dependencies(lock: str) -> None:
    wanted = {_name_of(requirement) for requirement in pyproject()["project"]["dependencies"]}
    assert wanted - _pins(lock).keys() == set(), "run make lock"


def test_development_lock_covers_the_development_group() -> None:
    wanted = {_name_of(requirement) for requirement in pyproject()["dependency-groups"]["dev"]}
    assert wanted - _pins("requirements-dev.lock").keys() == set(), "run make lock"


def test_evaluation_lock_is_the_evaluation_group_without_what_it_depends_on() -> None:
    wanted = {_name_of(requirement) for requirement in pyproject()["dependency-groups"]["eval"]}
    assert _pins("requirements-eval.lock").keys() == wanted, "run make lock"


def test_live_lock_covers_the_live_group() -> None:
    wanted = {_name_of(requirement) for requirement in pyproject()["dependency-groups"]["live"]}
    assert wanted - _pins("requirements-live.lock").keys() == set(), "run make lock"


def test_both_locks_agree() -> None:
    runtime, development = (_pins(lock) for lock in LOCKS)
    assert {name: development.get(name) for name in runtime} == runtime
