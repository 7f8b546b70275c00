"""A command of ``relayscope`` in this process, from the words that somebody typed to the exit code.

Loading the program takes a process longer than most commands do. For tests of what a process is (its signals, streams and
children), there is ``tests.support.system.run``.
"""

from __future__ import annotations

import io
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from subprocess import CompletedProcess

import pytest

from relayscope.cli import main
from tests.support.system import environment


def invoke(*arguments: str) -> CompletedProcess[str]:
    """What ``relayscope`` with ``arguments`` prints and ends with, without settings from the environment."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["relayscope", *arguments])
        for name in os.environ.keys() - environment().keys():
            patch.delenv(name)
        with pytest.raises(SystemExit) as ended:
            main()
    assert isinstance(ended.value.code, int)
    return CompletedProcess(arguments, ended.value.code, _written(out), _written(err))


def _written(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()
