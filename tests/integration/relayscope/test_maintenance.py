from __future__ import annotations

from pathlib import Path

import pytest

from relayscope.app import build_api, build_maintenance
from relayscope.settings import Settings, load_settings
from relayscope.settings.file import Tree
from storage.postgres.maintenance import Maintenance
from storage.postgres.partition import SIGNALS
from storage.postgres.settlement import Settlement
from tests.support.database import until, value

_MADE = """
    SELECT count(*) FROM relayscope.partitions
    WHERE isfinite(from_time) AND isfinite(to_time) AND to_time - from_time = interval '1 hour'
"""


def _settings() -> Settings:
    tree: Tree = {
        "storage": {"partition_width": "hour", "partitions_ahead": 5, "retention": {"spans": "2d", "interval_s": 60}}
    }
    return load_settings(flags=tree)


async def test_the_settings_reach_the_partitions(postgres_dsn: str) -> None:
    maintenance = build_maintenance(_settings(), postgres_dsn)
    await maintenance.start()

    async def are_made() -> bool:
        # Six of each signal, and one more of each when the hour ends in between.
        return await value(postgres_dsn, _MADE) in range(6 * len(SIGNALS), 7 * len(SIGNALS) + 1)

    try:
        await until(are_made)
    finally:
        await maintenance.aclose()


def test_the_api_process_stands_for_election(tmp_path: Path) -> None:
    components = build_api(_settings(), "postgresql://127.0.0.1:1/none", slot="api", run=tmp_path)
    assert [type(one) for one in components].count(Maintenance) == 1


@pytest.mark.parametrize("is_enabled", [True, False], ids=["with AI interactions", "without"])
def test_the_api_process_settles_interactions(tmp_path: Path, is_enabled: bool) -> None:  # noqa: FBT001 - a parameter of the test
    settings = load_settings(flags={"processors": {"ai": {"enabled": is_enabled}}})
    components = build_api(settings, "postgresql://127.0.0.1:1/none", slot="api", run=tmp_path)
    assert [type(one) for one in components].count(Settlement) == int(is_enabled)
