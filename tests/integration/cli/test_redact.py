"""The commands ``redact``, in this process and on a real database where they need one."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from msgspec.structs import replace
from typer.testing import CliRunner

from redaction.key import parse_keys
from redaction.operator import Operators
from redaction.policy import EntityRule, Policy
from relayscope.cli import redact
from relayscope.redaction import effective_policy
from relayscope.settings import load_settings
from storage.audit import REVEALED, AuditEntry
from storage.postgres.audit import PostgresAudit
from tests.support.api_server import closed_url, serving
from tests.support.canned_reader import GATEWAY, SCOPE, START_NS, TRACE_ID, CannedReader
from tests.support.invocation import invoke
from tests.support.trace import CHILD, ROOT, failed
from tracedata import CallerError, LogRecord, PermanentError, RelayscopeError, Value

_RECORD = LogRecord(resource=GATEWAY, scope=SCOPE, time_unix_nano=START_NS)
_MAIL, _CARD = "bob@example.com", "4111 1111 1111 1111"


def _invoke(*arguments: str, stdin: str | None = None, environment: Mapping[str, str] | None = None) -> str:
    """What the command prints. Errors of ours are raised, since ``main`` is what shows them."""
    app = typer.Typer()
    redact.register(app)
    none = dict.fromkeys(name for name in os.environ if name.startswith("RELAYSCOPE_"))
    env = {**none, "NO_COLOR": "1", "COLUMNS": "120", **(environment or {})}
    result = CliRunner().invoke(app, ["redact", *arguments], env=env, input=stdin)
    if result.exception is not None:
        raise result.exception
    return result.stdout


def _config(folder: Path, **redaction: object) -> str:
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump({"processors": {"redaction": redaction}}))
    return str(path)


def _json(*arguments: str, stdin: str | None = None) -> Any:  # noqa: ANN401 - JSON
    return json.loads(_invoke(*arguments, "--json", stdin=stdin))


class TestTest:
    def test_a_file_line_by_line(self, tmp_path: Path) -> None:
        sample = tmp_path / "sample.txt"
        sample.write_text(f"mail {_MAIL}, twice {_MAIL}\nclean\ncard {_CARD}\n")
        printed = _invoke("test", str(sample))
        assert "mail <EMAIL_ADDRESS>, twice <EMAIL_ADDRESS>\nclean\ncard <CREDIT_CARD>\n" in printed
        counts = {words[0]: words[1] for line in printed.splitlines() if len(words := line.split()) == 2}
        assert (counts["EMAIL_ADDRESS"], counts["CREDIT_CARD"]) == ("2", "1")
        assert effective_policy(load_settings()).policy_hash in printed
        assert sample.read_text().startswith(f"mail {_MAIL}")

    def test_standard_input_as_json(self) -> None:
        answer = _json("test", "-", stdin=f"to {_MAIL}\nclean\n")
        assert answer == {
            "policyHash": effective_policy(load_settings()).policy_hash,
            "items": [
                {"text": "to <EMAIL_ADDRESS>", "entities": {"EMAIL_ADDRESS": 1}},
                {"text": "clean", "entities": {}},
            ],
            "entities": {"EMAIL_ADDRESS": 1},
        }

    def test_a_json_document_as_a_whole(self) -> None:
        (item,) = _json("test", "-", stdin=json.dumps({"a": {"password": "x", "to": _MAIL}}, indent=2))["items"]
        assert json.loads(item["text"]) == {"a": {"password": "<SECRET_VALUE>", "to": "<EMAIL_ADDRESS>"}}

    def test_every_workspace_is_checked_and_the_switch_is_kept_to(self, tmp_path: Path) -> None:
        with pytest.raises(CallerError, match=r"workspaces\.2\.countries"):
            _invoke("test", "-", "--config", _config(tmp_path, workspaces={2: {"countries": ["ZZ"]}}), stdin=_MAIL)
        with pytest.raises(CallerError, match=r"processors\.redaction\.enabled is false"):
            _invoke("test", "-", "--config", _config(tmp_path, enabled=False), stdin=_MAIL)

    def test_a_clean_text(self) -> None:
        assert "nothing would be redacted" in _invoke("test", "-", stdin="clean")
        assert _json("test", "-", stdin="")["items"] == []

    def test_the_policy_of_the_configuration(self, tmp_path: Path) -> None:
        config = _config(tmp_path, entities={"EMAIL_ADDRESS": {"operator": "keep"}}, countries=["DE"])
        answer = _json("test", "-", "--config", config, stdin=f"{_MAIL} 86095742719")
        assert answer["items"][0]["text"] == f"{_MAIL} <DE_TAX_ID>"
        assert answer["policyHash"] != effective_policy(load_settings()).policy_hash

    def test_a_stored_trace(self) -> None:
        spans = [ROOT, failed(CHILD, message=f"no such user {_MAIL}")]
        with serving(CannedReader(spans=spans)) as url:
            answer = _json("test", "--trace", TRACE_ID.hex(), "--url", url)
            printed = _invoke("test", "--trace", TRACE_ID.hex(), "--url", url)
        assert answer["entities"] == {"EMAIL_ADDRESS": 1}
        assert answer["items"] == [{"text": CHILD.name, "entities": {"EMAIL_ADDRESS": 1}}]
        # The trace itself is long, and can be had elsewhere.
        assert TRACE_ID.hex() not in printed
        assert "EMAIL_ADDRESS" in printed

    def test_a_stored_trace_with_log_records(self) -> None:
        records = [
            replace(_RECORD, trace_id=TRACE_ID, event_name="gen_ai.choice", body={"content": f"write to {_MAIL}"}),
            replace(_RECORD, trace_id=TRACE_ID, body="clean"),
        ]
        with serving(CannedReader(spans=[ROOT], records=records)) as url:
            answer = _json("test", "--trace", TRACE_ID.hex(), "--url", url)
        assert answer["items"] == [{"text": "gen_ai.choice", "entities": {"EMAIL_ADDRESS": 1}}]
        with serving(CannedReader(records=records)) as url:
            assert _json("test", "--trace", TRACE_ID.hex(), "--url", url)["entities"] == {"EMAIL_ADDRESS": 1}

    def test_keys_of_a_stored_trace_decide(self, tmp_path: Path) -> None:
        config = _config(tmp_path, deny=[{"keys": "customer.*", "entity": "CUSTOMER"}])
        sent: Mapping[str, Value] = {
            "customer.name": "x",
            "customer": {"tiers": [b"gold", 1.5, 7, None, True]},
            "api_key": "x",
            "n": 4111111111111111,
        }
        with serving(CannedReader(spans=[replace(ROOT, attributes=sent)])) as url:
            answer = _json("test", "--trace", TRACE_ID.hex(), "--url", url, "--config", config)
        assert answer["entities"] == {"CUSTOMER": 2, "SECRET_VALUE": 1, "CREDIT_CARD": 1}

    def test_what_a_terminal_would_obey_is_not_printed(self) -> None:
        printed = _invoke("test", "-", stdin=f"\x1b[31m\x07{_MAIL}")
        assert not {"\x1b", "\x07"} & set(printed)

    @pytest.mark.parametrize(
        ("arguments", "error", "message"),
        [
            pytest.param((), CallerError, "name a file", id="nothing"),
            pytest.param(("-", "--trace", "1"), CallerError, "name a file", id="both"),
            pytest.param(("missing.txt",), CallerError, "cannot read missing.txt: No such file", id="no such file"),
            pytest.param(("--trace", "1", "--url", closed_url()), RelayscopeError, "relayscope up", id="no API"),
        ],
    )
    def test_what_cannot_be_tried_is_told(
        self, arguments: tuple[str, ...], error: type[Exception], message: str
    ) -> None:
        with pytest.raises(error, match=message):
            _invoke("test", *arguments)

    def test_what_is_no_text_is_told(self, tmp_path: Path) -> None:
        sample = tmp_path / "sample"
        sample.write_bytes(b"\xff\xfe")
        with pytest.raises(CallerError, match="it is not UTF-8"):
            _invoke("test", str(sample))

    def test_a_policy_that_hashes_needs_its_key(self, tmp_path: Path) -> None:
        config = _config(tmp_path, entities={"EMAIL_ADDRESS": {"operator": "hash"}})
        arguments = ("test", "-", "--config", config, "--data-dir", str(tmp_path / "data"))
        with pytest.raises(CallerError, match=r"there is no key file .*redaction\.key: .* makes it"):
            _invoke(*arguments, stdin=_MAIL)
        _invoke("rotate", "--config", config, "--data-dir", str(tmp_path / "data"))
        assert "<EMAIL_ADDRESS:" in _invoke(*arguments, stdin=_MAIL)


class TestPolicy:
    def test_it_prints_a_configuration_with_everything_in_force(self, tmp_path: Path) -> None:
        config = _config(tmp_path, countries=["DE"], deny=[{"keys": "customer.*"}])
        printed = _invoke("policy", "--config", config)
        tree = yaml.safe_load(printed)["processors"]["redaction"]
        policy_hash = effective_policy(load_settings(config=Path(config))).policy_hash
        assert printed.startswith(f"# policy {policy_hash}\n")
        assert tree["deny"] == [{"keys": "customer.*", "entity": "DENIED"}]
        assert tree["entities"].keys() >= {"EMAIL_ADDRESS", "DE_TAX_ID"}
        assert _json("policy", "--config", config) == {"enabled": True, "policyHash": policy_hash, "policy": tree}

    def test_a_policy_that_is_switched_off(self, tmp_path: Path) -> None:
        answer = _json("policy", "--config", _config(tmp_path, enabled=False))
        assert (answer["enabled"], answer["policyHash"]) == (False, "off")

    @pytest.mark.parametrize(
        ("redaction", "place"),
        [
            ({"entities": {"EMAIL": {}}}, r"processors\.redaction\.entities\.EMAIL: .*EMAIL_ADDRESS"),
            ({"entities": {"EMAIL_ADDRESS": {"operator": "shred"}}}, r"entities\.EMAIL_ADDRESS\.operator"),
            ({"entities": {"EMAIL_ADDRESS": {"threshold": 2}}}, r"entities\.EMAIL_ADDRESS\.threshold"),
            ({"countries": ["XX"]}, r"processors\.redaction\.countries: 'XX'"),
            ({"recognizers": [{"entity": "AB", "patterns": ["("]}]}, r"recognizers\.AB: pattern 1"),
            ({"recognizers": [{"entity": "AB", "patterns": []}]}, r"recognizers\.0\.patterns"),
            ({"recognizers": [{"entity": "a b", "patterns": ["x"]}]}, r"recognizers\.0\.entity"),
            ({"deny": [{"keys": "a", "entity": "customer"}]}, r"processors\.redaction\.deny\.0\.entity"),
            ({"recognizers": [{"entity": "AB", "patterns": ["x"], "context": [""]}]}, r"recognizers\.0\.context\.0"),
            ({"allow": [{"key": "a"}]}, r"allow\.0\.key"),
            ({"drop_content": ["all"]}, r"drop_content\.0"),
        ],
    )
    def test_a_policy_that_cannot_run_names_the_place(
        self, tmp_path: Path, redaction: dict[str, Any], place: str
    ) -> None:
        with pytest.raises(CallerError, match=place):
            _invoke("policy", "--config", _config(tmp_path, **redaction))


class TestRotate:
    def test_the_file_belongs_to_its_owner_only_and_older_keys_stay(self, tmp_path: Path) -> None:
        key_file = tmp_path / "new" / "keys"
        config = _config(tmp_path, key_file=str(key_file))
        assert str(key_file) in _invoke("rotate", "--config", config)
        first = parse_keys(key_file.read_text())
        _invoke("rotate", "--config", config)
        second = parse_keys(key_file.read_text())

        assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
        assert list(second.ids[1:]) == list(first.ids)
        assert second.active not in first.ids
        assert list(key_file.parent.iterdir()) == [key_file]

    def test_no_key_is_printed(self, tmp_path: Path) -> None:
        printed = _invoke("rotate", "--data-dir", str(tmp_path))
        key = (tmp_path / "redaction.key").read_text().splitlines()[-1].split(":")[1]
        assert key not in printed

    @pytest.mark.parametrize("mode", [0o644, 0o640, 0o601])
    def test_a_file_that_others_can_read_is_refused(self, tmp_path: Path, mode: int) -> None:
        _invoke("rotate", "--data-dir", str(tmp_path))
        key_file = tmp_path / "redaction.key"
        before = key_file.read_text()
        key_file.chmod(mode)
        for command in (("rotate",), ("reveal", "<A:v1.k.AAAA>", "--reason", "x")):
            with pytest.raises(CallerError, match=f"chmod 600 {key_file}"):
                _invoke(*command, "--data-dir", str(tmp_path))
        assert key_file.read_text() == before

    def test_a_folder_that_cannot_be_written_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(CallerError, match="cannot write the key file"):
            _invoke("rotate", "--config", _config(tmp_path, key_file=str(tmp_path / "file" / "keys")))


def _token(folder: Path, value: str = _MAIL, *, workspace_id: int = 1) -> str:
    """What the operator encrypt makes with the key file of a data folder."""
    keys = parse_keys((folder / "redaction.key").read_text())
    policy = Policy(entities={"EMAIL_ADDRESS": EntityRule(operator="encrypt")})
    return Operators(policy, keys, workspace_id).apply("EMAIL_ADDRESS", value)


def _entries(dsn: str) -> list[AuditEntry]:
    return list(asyncio.run(PostgresAudit(dsn).entries(1, limit=10)))


class TestReveal:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        _invoke("rotate", "--data-dir", str(tmp_path))
        return tmp_path

    def test_values_are_shown_and_the_act_is_recorded_without_them(
        self, folder: Path, shared_postgres_dsn: str
    ) -> None:
        older = _token(folder)
        _invoke("rotate", "--data-dir", str(folder))
        newer = _token(folder, "al@example.com")
        common = ("--reason", "ticket 7", "--data-dir", str(folder), "--database-url", shared_postgres_dsn)

        assert _invoke("reveal", older, newer, *common) == f"{_MAIL}\nal@example.com\n"
        assert _json("reveal", newer, *common) == [{"entity": "EMAIL_ADDRESS", "value": "al@example.com"}]

        last, first = _entries(shared_postgres_dsn)
        assert (first.action, first.detail) == (REVEALED, {"entities": {"EMAIL_ADDRESS": 2}, "reason": "ticket 7"})
        assert last.detail["entities"] == {"EMAIL_ADDRESS": 1}
        assert "@" in first.actor
        assert _MAIL not in repr([first, last])

    @pytest.mark.parametrize(
        ("token", "reason", "message"),
        [
            pytest.param("<EMAIL_ADDRESS>", "x", "not a token", id="no token"),
            pytest.param("<EMAIL_ADDRESS:v1.gone.AAAA>", "x", "the key gone is not in the key file", id="key"),
            pytest.param(None, " ", "--reason is empty", id="no reason"),
        ],
    )
    def test_what_cannot_be_revealed_is_told_and_not_recorded(
        self, folder: Path, shared_postgres_dsn: str, token: str | None, reason: str, message: str
    ) -> None:
        tokens = [_token(folder), token or _token(folder)]
        with pytest.raises(CallerError, match=message):
            _invoke(
                *("reveal", *tokens, "--reason", reason, "--data-dir", str(folder)),
                *("--database-url", shared_postgres_dsn),
            )
        assert _entries(shared_postgres_dsn) == []

    def test_a_token_of_another_workspace_is_not_revealed(self, folder: Path, shared_postgres_dsn: str) -> None:
        with pytest.raises(CallerError, match="another workspace"):
            _invoke(
                *("reveal", _token(folder, workspace_id=2), "--reason", "x"),
                *("--data-dir", str(folder), "--database-url", shared_postgres_dsn),
            )

    @pytest.mark.parametrize("storage", [(), ("--database-url", "postgresql://127.0.0.1:1/none?connect_timeout=1")])
    def test_nothing_is_shown_when_it_cannot_be_recorded(
        self, folder: Path, storage: tuple[str, ...], capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(RelayscopeError) as caught:
            _invoke("reveal", _token(folder), "--reason", "x", "--data-dir", str(folder), *storage)
        assert _MAIL not in str(caught.value) + capsys.readouterr().out
        assert storage or isinstance(caught.value, PermanentError)

    def test_what_a_terminal_would_obey_is_not_printed(self, folder: Path, shared_postgres_dsn: str) -> None:
        arguments = ("--reason", "x", "--data-dir", str(folder), "--database-url", shared_postgres_dsn)
        printed = _invoke("reveal", _token(folder, "\x1b[31m\x07bob"), *arguments)
        assert "bob" in printed
        assert not {"\x1b", "\x07"} & set(printed)


def test_a_failure_is_one_sentence_and_exit_code_2(tmp_path: Path) -> None:
    result = invoke("redact", "policy", "--config", _config(tmp_path, countries=["XX"]))
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("relayscope: processors.redaction.countries: 'XX' has no recognizers")
    assert len(result.stderr.splitlines()) == 1
