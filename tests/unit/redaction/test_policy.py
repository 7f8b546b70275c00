from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from redaction.policy import (
    CustomRecognizer,
    DenyRule,
    EntityRule,
    KeyRule,
    Policy,
    default_policy,
    policy_hash,
)
from redaction.policy_file import parse_policy, policy_tree
from tracedata import CallerError


def test_the_empty_file_is_the_default_policy() -> None:
    assert policy_hash(parse_policy({}, place="policy")) == policy_hash(default_policy())


def test_changes_are_laid_over_the_defaults() -> None:
    policy = parse_policy(
        {
            "entities": {"EMAIL_ADDRESS": {"operator": "hash"}, "DE_TAX_ID": {"operator": "drop"}},
            "countries": ["DE"],
            "allow": [{"keys": "order.*"}],
        },
        place="policy",
    )
    default = default_policy()
    assert policy.entities["EMAIL_ADDRESS"] == EntityRule(operator="hash")
    assert policy.entities["CREDIT_CARD"] == EntityRule()
    assert policy.entities["DE_TAX_ID"] == EntityRule(operator="drop")
    assert policy.entities["DE_PASSPORT"] == EntityRule()
    assert policy.allow == [*default.allow, KeyRule(keys="order.*")]


def test_what_a_policy_prints_is_the_policy_again() -> None:
    policy = parse_policy({"countries": ["DE"], "deny": [{"keys": "a"}], "drop_content": ["prompts"]}, place="policy")
    tree = dict(policy_tree(policy))
    defaults = len(default_policy().allow)
    assert policy_hash(parse_policy({**tree, "allow": tree["allow"][defaults:]}, place="policy")) == policy_hash(policy)


_RECOGNIZER = {"entity": "CUSTOMER_ID", "patterns": ["CUST-[0-9]{8}"]}


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        pytest.param({"entitys": {}}, r"^policy: .*unknown field `entitys`", id="member"),
        pytest.param({"entities": []}, r"^policy: .*\$\.entities", id="type of entities"),
        pytest.param({"entities": {"EMAIL": {}}}, r"^policy\.entities\.EMAIL: .*mean EMAIL_ADDRESS", id="entity"),
        pytest.param({"entities": {"DE_TAX_ID": {}}}, r"^policy\.entities\.DE_TAX_ID: .*countries", id="no country"),
        pytest.param(
            {"entities": {"EMAIL_ADDRESS": {"operator": "shred"}}}, r"^policy: .*'shred'.*operator", id="operator"
        ),
        pytest.param(
            {"entities": {"EMAIL_ADDRESS": {"threshold": "high"}}}, r"^policy: .*threshold", id="type of a threshold"
        ),
        pytest.param(
            {"entities": {"EMAIL_ADDRESS": {"threshold": 1.1}}}, r"^policy\.entities\.EMAIL_ADDRESS: ", id="threshold"
        ),
        pytest.param(
            {"entities": {"EMAIL_ADDRESS": {"threshold": float("nan")}}},
            r"^policy\.entities\.EMAIL_ADDRESS: ",
            id="no number",
        ),
        pytest.param(
            {"entities": {"EMAIL_ADDRESS": {"keep_last": -1}}}, r"^policy\.entities\.EMAIL_ADDRESS: ", id="keep_last"
        ),
        pytest.param({"countries": ["DE", "XX"]}, r"^policy\.countries: 'XX' .*AU, CA, DE", id="country"),
        pytest.param({"countries": ["de"]}, r"^policy\.countries: 'de' ", id="country in small letters"),
        pytest.param({"countries": "DE"}, r"^policy: .*\$\.countries", id="type of countries"),
        pytest.param({"secrets": "no"}, r"^policy: .*\$\.secrets", id="type of secrets"),
        pytest.param({"allow": [{"keys": "a"}, {"key": "b"}]}, r"^policy: .*\$\.allow\[1\]", id="member of a rule"),
        pytest.param(
            {"allow": [{"keys": "a"}, {"keys": "b", "entities": ["IP_ADRESS"]}]},
            r"^policy\.allow\.1: .*IP_ADRESS; did you mean IP_ADDRESS",
            id="entity of a rule",
        ),
        pytest.param({"deny": [{"entity": "X"}]}, r"^policy: .*keys.*\$\.deny\[0\]", id="rule without keys"),
        pytest.param({"drop_content": ["all"]}, r"^policy: .*\$\.drop_content\[0\]", id="content"),
        pytest.param(
            {"recognizers": [_RECOGNIZER, {**_RECOGNIZER, "patterns": ["ok", "CUST-("]}]},
            r"^policy\.recognizers\.CUSTOMER_ID: pattern 2: not a regular expression: ",
            id="expression",
        ),
        pytest.param(
            {"recognizers": [{**_RECOGNIZER, "patterns": ["[0-9]*"]}]},
            r"^policy\.recognizers\.CUSTOMER_ID: pattern 1: matches the empty text",
            id="expression that matches everywhere",
        ),
        pytest.param(
            {"recognizers": [{**_RECOGNIZER, "patterns": ["(?<=a)b"]}]},
            r"pattern 1: .*no look-around",
            id="look-around",
        ),
        pytest.param(
            {"recognizers": [{**_RECOGNIZER, "patterns": [r"(a)\1"]}]}, r"pattern 1: .*no back-ref", id="back-reference"
        ),
        pytest.param(
            {"recognizers": [{**_RECOGNIZER, "patterns": ["größe"]}]}, r"pattern 1: only ASCII", id="beyond ASCII"
        ),
        pytest.param({"recognizers": [{"entity": "A"}]}, r"^policy: .*patterns.*recognizers\[0\]", id="no patterns"),
        pytest.param(
            {"recognizers": [{**_RECOGNIZER, "validator": "crc"}]}, r"^policy: .*'crc'.*validator", id="validator"
        ),
    ],
)
def test_a_policy_that_cannot_run_is_refused_and_the_place_is_named(tree: Mapping[str, object], message: str) -> None:
    with pytest.raises(CallerError, match=message):
        parse_policy(tree, place="policy")


_POLICY = Policy(entities={"EMAIL_ADDRESS": EntityRule(), "IP_ADDRESS": EntityRule(threshold=0.5)})


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(replace(_POLICY, entities={"EMAIL_ADDRESS": EntityRule()}), id="entity"),
        pytest.param(
            replace(_POLICY, entities={**_POLICY.entities, "IP_ADDRESS": EntityRule(threshold=0.6)}), id="threshold"
        ),
        pytest.param(
            replace(_POLICY, entities={**_POLICY.entities, "EMAIL_ADDRESS": EntityRule(operator="keep")}), id="operator"
        ),
        pytest.param(replace(_POLICY, countries=["DE"]), id="country"),
        pytest.param(replace(_POLICY, secrets=False), id="secrets"),
        pytest.param(replace(_POLICY, allow=[KeyRule(keys="a")]), id="allow"),
        pytest.param(replace(_POLICY, deny=[DenyRule(keys="a")]), id="deny"),
        pytest.param(replace(_POLICY, recognizers=[CustomRecognizer(entity="AB", patterns=["x"])]), id="recognizer"),
        pytest.param(replace(_POLICY, drop_content=["prompts"]), id="content"),
    ],
)
def test_another_policy_has_another_hash(other: Policy) -> None:
    assert policy_hash(other) != policy_hash(_POLICY)


def test_the_order_of_entities_does_not_matter() -> None:
    entities = {name: _POLICY.entities[name] for name in reversed(list(_POLICY.entities))}
    assert list(entities) != list(_POLICY.entities)
    assert policy_hash(replace(_POLICY, entities=entities)) == policy_hash(_POLICY)


def test_the_hash_is_the_same_in_every_process() -> None:
    script = "from redaction.policy import *; print(policy_hash(default_policy()))"
    printed = {
        subprocess.run(
            [sys.executable, "-c", script],
            check=True,
            capture_output=True,
            text=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert printed == {policy_hash(default_policy())}


def test_a_policy_without_anything_has_a_hash() -> None:
    assert policy_hash(Policy()) == policy_hash(Policy(entities={}))
