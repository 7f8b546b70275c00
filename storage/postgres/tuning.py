"""Settings of the embedded server, from what the machine has."""

from __future__ import annotations

import os

_MB = 1 << 20


def machine_memory_mb() -> int:
    """Physical memory of this machine in MiB."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // _MB


def server_settings(*, memory_mb: int, shared_buffers_mb: int | None = None) -> dict[str, str]:
    """PostgreSQL settings by name.

    Durability (``fsync``, ``full_page_writes``, ``synchronous_commit``) is stated, although it is the default, because
    our promise rests on it. The server's log carries no data: neither statements nor the details of errors.
    """
    buffers = shared_buffers_mb or max(64, min(memory_mb // 8, 2048))
    return {
        "listen_addresses": "''",
        "unix_socket_permissions": "0700",
        "max_connections": "100",
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "shared_buffers": f"{buffers}MB",
        "effective_cache_size": f"{max(256, memory_mb // 2)}MB",
        "work_mem": f"{max(4, min(memory_mb // 256, 64))}MB",
        "maintenance_work_mem": f"{max(64, min(memory_mb // 32, 512))}MB",
        "wal_buffers": "16MB",
        "min_wal_size": "256MB",
        "max_wal_size": "4GB",
        "checkpoint_timeout": "15min",
        "checkpoint_completion_target": "0.9",
        "random_page_cost": "1.1",
        # The newest partition grows fast, and is badly planned for until it was analysed.
        "autovacuum_naptime": "15s",
        "jit": "off",
        "max_wal_senders": "0",
        "wal_level": "minimal",
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
        "log_parameter_max_length": "0",
        "log_parameter_max_length_on_error": "0",
        "log_checkpoints": "off",
        "log_timezone": "'UTC'",
        "timezone": "'UTC'",
    }


def render(settings: dict[str, str]) -> str:
    """The text of a configuration file."""
    lines = [f"{name} = {value}" for name, value in settings.items()]
    return "\n".join(["# Written at every start; changes here are lost.", *lines, ""])
