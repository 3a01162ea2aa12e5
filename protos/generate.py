"""Generates the Python code of the API from the protos: ``python protos/generate.py``.

Google's common protos come from the installed ``googleapis-common-protos``; they are gathered in
``protos/build/googleapis`` so that buf and protoc see the same files. That package ships the
Operations proto as ``operations_proto.proto`` while every import, its own descriptor included,
says ``operations.proto``: the copy bears the right name. ``protos/vendor`` holds the options of
protovalidate (https://github.com/bufbuild/protovalidate, v1.2.2), which its wheel does without.
"""

import importlib.resources
import shutil
import sys
from pathlib import Path

import grpc_tools
from grpc_tools import protoc

ROOT = Path(__file__).parent
GOOGLEAPIS = ROOT / "build" / "googleapis"
VENDOR = ROOT / "vendor"
GENERATED = ROOT / "generated"
IMPORTED = (
    "google/api/annotations.proto",
    "google/api/client.proto",
    "google/api/field_behavior.proto",
    "google/api/http.proto",
    "google/api/launch_stage.proto",
    "google/api/resource.proto",
    "google/longrunning/operations.proto",
    "google/rpc/error_details.proto",
    "google/rpc/status.proto",
)


def gather_googleapis() -> None:
    """Copies the Google protos that the API consists of into ``protos/build/googleapis``."""
    shutil.rmtree(GOOGLEAPIS, ignore_errors=True)
    site_packages = Path(str(importlib.resources.files(grpc_tools))).parent
    for name in IMPORTED:
        source = site_packages / name.replace("operations.proto", "operations_proto.proto")
        target = GOOGLEAPIS / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def generate(out: Path) -> int:
    """Writes ``*_pb2.py``, ``*_pb2.pyi`` and ``*_pb2_grpc.py`` under ``out``; protoc's status."""
    well_known = importlib.resources.files(grpc_tools) / "_proto"
    protos = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "likeness").rglob("*.proto"))
    vendored = sorted(str(path.relative_to(VENDOR)) for path in VENDOR.rglob("*.proto"))
    out.mkdir(parents=True, exist_ok=True)
    return int(
        protoc.main(
            [
                "protoc",
                f"--proto_path={ROOT}",
                f"--proto_path={VENDOR}",
                f"--proto_path={GOOGLEAPIS}",
                f"--proto_path={well_known}",
                f"--python_out={out}",
                f"--pyi_out={out}",
                f"--grpc_python_out={out}",
                *protos,
                *vendored,
            ]
        )
    )


if __name__ == "__main__":
    gather_googleapis()
    sys.exit(generate(Path(sys.argv[1]) if len(sys.argv) > 1 else GENERATED))
