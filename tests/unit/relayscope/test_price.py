from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from relayscope.price import build_overlay, build_prices, prepare_prices
from relayscope.settings import Settings, load_settings
from tests.support.model_call import model_call
from tracedata import CallerError
from tracedata.interaction import Usage

_CALL = model_call(Usage(input=1_000_000), provider="acme", model_requested="acme-1")
_OVERLAY = "models: [{model: acme-1, prices: [{from: 2025-01-01, input: 0.1}]}]"
_WRONG = "aliases: {acme-1: openai/nonsense}"


def _settings(folder: Path, *, overlay: str, way: str) -> Settings:
    path = folder / "prices.yaml"
    path.write_text(overlay)
    prices = str(path) if way == "file" else yaml.safe_load(overlay)
    config = folder / "relayscope.yaml"
    config.write_text(yaml.safe_dump({"processors": {"ai": {"prices": prices}}}))
    return load_settings(config=config)


@pytest.mark.parametrize("way", ["file", "inline"])
def test_prices_are_in_a_file_or_among_the_settings(tmp_path: Path, way: str) -> None:
    settings = _settings(tmp_path, overlay=_OVERLAY, way=way)
    prepare_prices(settings)
    assert build_prices(settings).cost(_CALL).amount == 0.1
    # Settings reach worker processes as JSON.
    passed_on = Settings(**Settings.model_validate_json(settings.model_dump_json()).model_dump())
    assert build_overlay(passed_on) == build_overlay(settings)


def test_an_environment_variable_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text(_OVERLAY)
    monkeypatch.setenv("RELAYSCOPE_PROCESSORS__AI__PRICES", str(path))
    assert build_prices(load_settings()).cost(_CALL).amount == 0.1


def test_without_prices_of_ones_own_those_of_the_data_hold() -> None:
    prepare_prices(load_settings())
    assert build_prices(load_settings()).cost(_CALL).amount is None


@pytest.mark.parametrize(
    ("overlay", "way", "message"),
    [
        (_WRONG, "inline", r"^processors\.ai\.prices\.aliases\.acme-1: there are no prices of openai/nonsense$"),
        (_WRONG, "file", r"prices\.yaml\.aliases\.acme-1: there are no prices of openai/nonsense$"),
        ("models: 5", "inline", r"^processors\.ai\.prices\.models: Expected `array`"),
        ("[", "file", r"prices\.yaml is not YAML: see line 1"),
    ],
    ids=["alias", "alias in a file", "type", "no YAML"],
)
def test_prices_that_cannot_be_used_are_refused_by_their_place(
    tmp_path: Path, overlay: str, way: str, message: str
) -> None:
    with pytest.raises(CallerError, match=message):
        prepare_prices(_settings(tmp_path, overlay=overlay, way=way))


def test_a_file_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELAYSCOPE_PROCESSORS__AI__PRICES", "/nowhere/prices.yaml")
    with pytest.raises(CallerError, match=r"^cannot read /nowhere/prices\.yaml: No such file"):
        prepare_prices(load_settings())


def test_where_no_interactions_are_made_prices_do_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELAYSCOPE_PROCESSORS__AI__ENABLED", "false")
    prepare_prices(_settings(tmp_path, overlay=_WRONG, way="inline"))
