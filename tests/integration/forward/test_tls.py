from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from relayscope.doctor.exporter import check_exporters
from relayscope.settings import Settings
from tests.support.destination import AWAY, DENIES, Answer, GrpcDestination, HttpDestination, RunningDestination


class Identity(NamedTuple):
    """Files in PEM."""

    key: Path
    certificate: Path


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    """A certificate for this machine that vouches for itself."""
    folder = tmp_path_factory.mktemp("identity")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    made = Identity(folder / "key.pem", folder / "certificate.pem")
    made.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    made.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
    return made


@pytest.fixture(params=["otlp", "otlphttp"])
async def guarded(request: pytest.FixtureRequest, identity: Identity) -> AsyncIterator[tuple[str, RunningDestination]]:
    """A destination that speaks TLS alone."""
    destination: RunningDestination
    if request.param == "otlp":
        destination = GrpcDestination((identity.key.read_bytes(), identity.certificate.read_bytes()))
    else:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(identity.certificate, identity.key)
        destination = HttpDestination(context)
    await destination.start()
    yield request.param, destination
    await destination.aclose()


def _settings(kind: str, port: int, **more: object) -> Settings:
    endpoint = f"127.0.0.1:{port}" if kind == "otlp" else f"https://127.0.0.1:{port}"
    return Settings(exporters={f"{kind}/test": {"endpoint": endpoint, "timeout_s": 2, **more}})


async def _doctor(settings: Settings) -> tuple[str, str]:
    (finding,) = await check_exporters(settings)
    return finding.status, finding.detail


async def test_a_destination_that_can_be_trusted_answers(
    guarded: tuple[str, RunningDestination], identity: Identity
) -> None:
    kind, destination = guarded
    settings = _settings(kind, destination.backend.port, tls={"ca_file": identity.certificate})
    assert await _doctor(settings) == ("ok", "answers, and takes traces and logs")
    assert [request.signal for request in destination.backend.requests] == ["traces", "logs"]


async def test_a_destination_that_nobody_vouches_for_gets_nothing(guarded: tuple[str, RunningDestination]) -> None:
    kind, destination = guarded
    status, detail = await _doctor(_settings(kind, destination.backend.port))
    assert (status, detail.partition(" (")[0]) == ("warning", "does not answer")
    assert destination.backend.requests == []


async def test_files_that_are_missing_are_told(guarded: tuple[str, RunningDestination], tmp_path: Path) -> None:
    kind, destination = guarded
    settings = _settings(kind, destination.backend.port, tls={"ca_file": tmp_path / "missing.pem"})
    status, detail = await _doctor(settings)
    assert status == "failed"
    assert "missing.pem: No such file" in detail


@pytest.mark.parametrize(("answer", "expected"), [(AWAY, "warning"), (DENIES, "failed")], ids=["away", "denies"])
async def test_doctor_tells_what_is_away_from_what_refuses(
    guarded: tuple[str, RunningDestination], identity: Identity, answer: Answer, expected: str
) -> None:
    kind, destination = guarded
    destination.backend.answers.append(answer)
    settings = _settings(kind, destination.backend.port, tls={"ca_file": identity.certificate})
    assert (await _doctor(settings))[0] == expected


async def test_doctor_warns_of_what_is_sent_on_without_redaction(tmp_path: Path) -> None:
    settings = Settings(
        exporters={"file": {"path": tmp_path / "new" / "spans.jsonl"}, "console": {}},
        processors={"redaction": {"enabled": False}},
    )
    findings = await check_exporters(settings)
    assert [(one.name, one.status) for one in findings] == [("exporters", "warning"), ("file", "ok"), ("console", "ok")]


async def test_doctor_tells_of_a_folder_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (finding,) = await check_exporters(Settings(exporters={"file": {"path": tmp_path / "file" / "spans.jsonl"}}))
    assert finding.status == "failed"
