"""Policies of workspaces, from settings to what is left of a span."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from relayscope.redaction import build_policy, build_redact, effective_policy, prepare_redaction
from relayscope.settings import Settings, load_settings
from tests.support.factory import batch, span
from tracedata import UNOBSERVED, CallerError, Value

_SENT = "bob@example.com, 4111 1111 1111 1111"


def _settings(folder: Path, **redaction: Any) -> Settings:  # noqa: ANN401 - settings as a file has them
    path = folder / "relayscope.yaml"
    tree = {"processors": {"redaction": redaction}, "storage": {"data_dir": str(folder / "data")}}
    path.write_text(yaml.safe_dump(tree))
    return load_settings(config=path)


def _left(settings: Settings, workspace_id: int) -> Value:
    prepare_redaction(settings)
    redact = build_redact(settings, instruments=UNOBSERVED)
    assert redact is not None
    (kept,) = redact.process(batch(span(attributes={"note": _SENT}), workspace_id=workspace_id)).spans
    return kept.attributes["note"]


def test_what_a_workspace_names_holds_in_place_of_what_all_have(tmp_path: Path) -> None:
    settings = _settings(
        tmp_path,
        entities={"EMAIL_ADDRESS": {"operator": "mask", "keep_last": 3}},
        workspaces={2: {"entities": {"CREDIT_CARD": {"operator": "keep"}}}, 3: {"deny": [{"keys": "note"}]}},
    )
    assert _left(settings, 1) == "***@****ple.com, <CREDIT_CARD>".replace("ple.com", "***.com")
    assert _left(settings, 2) == "***@*******.com, 4111 1111 1111 1111"
    assert _left(settings, 3) == "<DENIED>"
    assert _left(settings, 4) == _left(settings, 1)


def test_policies_that_differ_have_hashes_that_differ(tmp_path: Path) -> None:
    settings = _settings(tmp_path, workspaces={2: {"countries": ["DE"]}, 3: {}})
    hashes = [effective_policy(settings, number).policy_hash for number in (1, 2, 3)]
    assert hashes[0] == hashes[2] != hashes[1]


def test_equal_values_are_joined_in_a_workspace_and_not_across(tmp_path: Path) -> None:
    settings = _settings(tmp_path, entities={"EMAIL_ADDRESS": {"operator": "hash"}})
    first, again, other = (_left(settings, number) for number in (1, 1, 2))
    assert first == again != other


def test_a_policy_that_cannot_run_names_its_workspace(tmp_path: Path) -> None:
    settings = _settings(tmp_path, workspaces={2: {"countries": ["XX"]}})
    with pytest.raises(CallerError, match=r"^processors\.redaction\.workspaces\.2\.countries: 'XX' has no"):
        prepare_redaction(settings)


def test_a_model_of_all_is_also_that_of_a_workspace_that_names_none(tmp_path: Path) -> None:
    settings = _settings(tmp_path, ner={"model": "some_model"}, workspaces={2: {"secrets": False}})
    own = build_policy(settings, 2)
    assert own.ner is not None
    assert (own.ner.model, own.secrets) == ("some_model", False)


def test_what_a_workspace_does_not_name_stays_so_on_the_way_to_other_processes(tmp_path: Path) -> None:
    settings = _settings(
        tmp_path,
        recognizers=[{"entity": "CUSTOMER_ID", "patterns": ["CUST-[0-9]+"]}],
        entities={"CUSTOMER_ID": {"operator": "drop"}},
        countries=["DE"],
        workspaces={2: {"drop_content": ["prompts"]}, 3: {"countries": []}},
    )
    told = Settings.model_validate_json(settings.model_dump_json())
    for number in (1, 2, 3):
        assert build_policy(told, number) == build_policy(settings, number)
    assert build_policy(told, 2).recognizers == build_policy(told, 1).recognizers
    assert build_policy(told, 3).countries == []
