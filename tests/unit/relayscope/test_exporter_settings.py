from __future__ import annotations

from pathlib import Path

import pytest

from relayscope.database import build_inspector
from relayscope.doctor.configuration import check_settings
from relayscope.loop import refuse_own_ports
from relayscope.settings import Settings, load_settings
from relayscope.settings.exporter import OtlpExporterSettings
from tracedata import CallerError

SECRET = "hunter2"
PLACE = r"\(in .*relayscope\.yaml\)"


def _load(folder: Path, text: str) -> Settings:
    path = folder / "relayscope.yaml"
    path.write_text(text)
    return load_settings(config=path)


WRONG = {
    "unknown kind": ("{kafka: {endpoint: a}}", "kafka is no name of an exporter; one is otlp, otlphttp, console, file"),
    "name with a space": ("{'otlp/a b': {endpoint: 'a:1'}}", "is no name of an exporter"),
    "unknown key": ("{otlp/a: {endpoint: 'a:1', endpont: x}}", rf"unknown setting exporters\.otlp/a\.endpont {PLACE}"),
    "unknown key deep down": (
        "{otlp/a: {endpoint: 'a:1', sending_queue: {size: 1}}}",
        rf"unknown setting exporters\.otlp/a\.sending_queue\.size {PLACE}",
    ),
    "no endpoint": ("{otlp/a: {}}", r"exporters\.otlp/a\.endpoint: Field required"),
    "nothing": ("{file/a: }", r"exporters\.file/a\.path: Field required"),
    "no port": ("{otlp: {endpoint: a}}", rf"exporters\.otlp\.endpoint {PLACE}: 'a' is not of the form host:port"),
    "path over grpc": ("{otlp: {endpoint: 'http://a:1/v1'}}", "expected host:port"),
    "no url": ("{otlphttp: {endpoint: 'a:4318'}}", "expected a URL"),
    "bad port": ("{otlphttp: {endpoint: 'http://a:99999'}}", "is no address"),
    "password": (f"{{otlphttp: {{endpoint: 'http://me:{SECRET}@a'}}}}", "give them in headers"),
    "header name": (f"{{otlp: {{endpoint: 'a:1', headers: {{'a b': {SECRET}}}}}}}", "no name of a header"),
    "header of ours": (f"{{otlp: {{endpoint: 'a:1', headers: {{Content-Type: {SECRET}}}}}}}", "protocol sets itself"),
    "header value": (f'{{otlp: {{endpoint: "a:1", headers: {{a: "{SECRET}\\n"}}}}}}', "value of a is not printable"),
    "consumers of a file": ("{file: {path: a, sending_queue: {num_consumers: 2}}}", "unknown setting"),
    "a value": ("3", "must be a section, with exporters below it"),
}


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_told_with_its_place_and_without_its_value(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(CallerError, match=message) as failure:
        _load(tmp_path, f"exporters: {text}\n")
    assert SECRET not in str(failure.value)


def test_secrets_come_from_the_environment_and_are_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUR_TOKEN", SECRET)
    text = "exporters: {otlp/a: {endpoint: 'a:1', headers: {Authorization: 'Bearer ${env:OUR_TOKEN}'}}}\n"
    settings = _load(tmp_path, text)
    exporter = settings.exporters["otlp/a"]
    assert isinstance(exporter, OtlpExporterSettings)
    assert exporter.headers == {"authorization": f"Bearer {SECRET}"}
    assert SECRET not in repr(settings)
    # Workers need them all the same.
    assert Settings.model_validate_json(settings.model_dump_json()) == settings


def test_doctor_shows_what_was_set_without_secrets(tmp_path: Path) -> None:
    text = f"exporters: {{otlp/a: {{endpoint: 'a:1', headers: {{authorization: {SECRET}}}}}}}\n"
    finding = check_settings(_load(tmp_path, text), config=None, inspector=build_inspector())
    assert finding.detail.endswith("exporters.otlp/a.headers.authorization=***, exporters.otlp/a.endpoint=a:1")


@pytest.mark.parametrize(
    ("kind", "endpoint"),
    [
        ("otlp/a", "127.0.0.1:4317"),
        ("otlp/a", "http://localhost:4318"),
        ("otlphttp", "http://0.0.0.0:4318"),
        ("otlphttp", "http://[::1]:4317/base"),
        ("otlp/mapped", "http://[::ffff:127.0.0.1]:4317"),
    ],
)
def test_our_own_receiver_is_no_destination(kind: str, endpoint: str) -> None:
    settings = Settings(exporters={kind: {"endpoint": endpoint}})
    with pytest.raises(CallerError, match=rf"exporters\.{kind}\.endpoint: .* is where this Relayscope receives"):
        refuse_own_ports(settings)


@pytest.mark.parametrize("endpoint", ["127.0.0.1:4319", "collector.invalid:4317"])
def test_others_are(endpoint: str) -> None:
    refuse_own_ports(Settings(exporters={"otlp": {"endpoint": endpoint}}))
