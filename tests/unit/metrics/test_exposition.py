from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from relayscope.metrics import (
    CATALOGUE,
    ApiMetrics,
    EnrichMetrics,
    Exposition,
    ForwardMetrics,
    IngestMetrics,
    RollupMetrics,
    SettlementMetrics,
)
from relayscope.run import ChildState, RunFolder, RunState
from storage.measurement import StoreMeasurement
from tracedata import RetryableError

MEASUREMENT = StoreMeasurement(
    database_bytes=9_000,
    spans_bytes=8_000,
    spans=70,
    partitions=2,
    largest_partition_bytes=5_000,
    catch_all_bytes=100,
    newest_span_age_s=1.5,
    search_pending=7,
    search_lag_s=0.5,
)


class FakeMeter:
    """Answers with ``found``, or cannot; counts how often it was asked."""

    def __init__(self, found: StoreMeasurement | None = MEASUREMENT) -> None:
        self.found = found
        self.asked = 0

    async def measure(self) -> StoreMeasurement:
        self.asked += 1
        if self.found is None:
            raise RetryableError("away")
        return self.found


def child(slot: str, *, is_up: bool = True, restarts: int = 0) -> ChildState:
    return ChildState(slot=slot, role=slot.partition("-")[0], is_up=is_up, restarts=restarts)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path)
    folder.start()
    folder.write(RunState(children=[child("api"), child("ingest-0"), child("ingest-1", is_up=False, restarts=3)]))
    return folder


async def samples(exposition: Exposition) -> dict[tuple[str, str], float]:
    """Values by name and label values. The parser refuses what Prometheus would."""
    text = (await exposition.exposition()).decode()
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_state_and_store(run: RunFolder) -> None:
    found = await samples(Exposition(run.path, meter=FakeMeter(), version="1.2"))
    assert found["relayscope_processes", "ingest"] == 2
    assert found["relayscope_processes_up", "ingest"] == 1
    assert found["relayscope_process_restarts_total", "ingest"] == 3
    assert found["relayscope_store_up", ""] == 1
    assert found["relayscope_store_partition_bytes", "largest"] == 5_000
    assert found["relayscope_store_newest_span_age_seconds", ""] == 1.5
    assert found["relayscope_search_pending_interactions", ""] == 7
    assert found["relayscope_search_lag_seconds", ""] == 0.5
    assert [value for (name, _), value in found.items() if name == "relayscope_build_info"] == [1]


async def test_a_store_that_is_away_leaves_the_rest(run: RunFolder) -> None:
    found = await samples(Exposition(run.path, meter=FakeMeter(None), version="1"))
    assert {name for name, _ in found if name.startswith("relayscope_store")} == {"relayscope_store_up"}
    assert found["relayscope_store_up", ""] == 0
    assert found["relayscope_processes", "api"] == 1


async def test_the_store_is_measured_now_and_then(run: RunFolder) -> None:
    now = [0.0]
    meter = FakeMeter()
    exposition = Exposition(run.path, meter=meter, version="1", clock=lambda: now[0])
    for moment in (0.0, 10.0, 14.9, 15.1, 20.0):
        now[0] = moment
        await exposition.exposition()
    assert meter.asked == 2


async def test_every_metric_of_the_catalogue_exists_and_no_other(run: RunFolder) -> None:
    registry = CollectorRegistry()
    IngestMetrics(registry)
    ApiMetrics(registry)
    EnrichMetrics(registry)
    SettlementMetrics(registry)
    ForwardMetrics(registry)
    RollupMetrics(registry)
    counted = {family.name + "_total" * (family.type == "counter") for family in registry.collect()}
    text = (await Exposition(run.path, meter=FakeMeter(), version="1").exposition()).decode()
    shown = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    assert counted & shown == set()
    assert counted | shown == set(CATALOGUE)


def test_what_is_missing(run: RunFolder) -> None:
    exposition = Exposition(run.path, meter=FakeMeter(), version="1")
    assert exposition.missing() == ["1 of 2 ingest workers are not up"]
    run.write(RunState(children=[child("api", is_up=False), child("ingest-0")]))
    assert exposition.missing() == [], "an API that answers is up"


async def test_a_folder_that_is_gone_does_not_stop_the_answer(run: RunFolder) -> None:
    exposition = Exposition(run.path, meter=FakeMeter(), version="1")
    run.close()
    assert (await samples(exposition))["relayscope_store_up", ""] == 1
    assert exposition.missing() == []
    assert (await exposition.ingest()).workers == 0
