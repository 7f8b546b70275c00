from __future__ import annotations

from tests.support.repository import ROOT, committed_files

# Written in two halves, since this file is committed too.
REGISTRIES = tuple(
    f"{left}.{right}"
    for left, right in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("yarnpkg", "com"),
        ("crates", "io"),
        ("proxy.golang", "org"),
    )
)


def test_no_committed_file_names_a_package_registry() -> None:
    found = [
        (path.relative_to(ROOT).as_posix(), host)
        for path in committed_files()
        for host in REGISTRIES
        if host.encode() in path.read_bytes().lower()
    ]
    assert found == []
