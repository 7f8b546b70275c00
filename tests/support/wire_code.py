"""Makes Python of the contracts in ``proto/``: `make proto` writes it, and a test compares it with what is committed."""

from __future__ import annotations

import re
import tempfile
from importlib.resources import files
from pathlib import Path

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc
from opentelemetry.proto.trace.v1 import trace_pb2

from tests.support.repository import ROOT

CONTRACTS = ROOT / "proto"
PACKAGE = "relayscope.api.generated"
GENERATED = ROOT.joinpath(*PACKAGE.split("."))
_OURS = re.compile(r"^from jaeger\.", re.MULTILINE)


def generate(into: Path) -> None:
    """Writes a module, its types and its clients for each contract, below ``into``."""
    into.mkdir(parents=True, exist_ok=True)
    contracts = sorted(path.relative_to(CONTRACTS).as_posix() for path in CONTRACTS.rglob("*.proto"))
    with tempfile.TemporaryDirectory() as folder:
        # The package of OTLP's messages comes without its contracts, but knows what they say.
        known = Path(folder) / "otlp.binpb"
        known.write_bytes(_described(trace_pb2.DESCRIPTOR).SerializeToString())
        arguments = [
            f"--proto_path={CONTRACTS}",
            f"--proto_path={files('grpc_tools').joinpath('_proto')}",
            f"--descriptor_set_in={known}",
            f"--python_out={into}",
            f"--pyi_out={into}",
            f"--grpc_python_out={into}",
        ]
        if protoc.main(["protoc", *arguments, *contracts]) != 0:
            raise SystemExit("make proto: the contracts in proto/ cannot be compiled")
    for module in into.rglob("*.py*"):
        # Generated imports start where contracts lie, but the modules lie in a package.
        module.write_text(_OURS.sub(f"from {PACKAGE}.jaeger.", module.read_text()))


def _described(file: FileDescriptor) -> FileDescriptorSet:
    """A file after all that it imports."""
    found: dict[str, FileDescriptor] = {}
    waiting = [file]
    while waiting:
        current = waiting.pop()
        found.pop(current.name, None)
        found[current.name] = current
        waiting += current.dependencies
    described = FileDescriptorSet()
    for one in reversed(found.values()):
        one.CopyToProto(described.file.add())
    return described


if __name__ == "__main__":
    generate(GENERATED)
