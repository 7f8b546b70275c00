"""Who does what the audit log keeps."""

from __future__ import annotations

import getpass
import os
import socket


def actor() -> str:
    """``account@host`` of this process. An account without a name has a number."""
    try:
        account = getpass.getuser()
    except (KeyError, OSError):
        account = str(os.getuid())
    return f"{account}@{socket.gethostname()}"
