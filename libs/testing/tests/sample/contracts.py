"""The sample's contracts, made from its protos when imported.

They join the package `comptoir` of the real contracts, as those of a service would.
"""

import atexit
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

from grpc_tools import protoc

import comptoir
import comptoir_contracts

_PROTOS = Path(__file__).parent / "protos"
_IMPORTS = Path(comptoir_contracts.__file__).parent / "descriptors.binpb"


def _generate() -> Path:
    scratch = tempfile.TemporaryDirectory(prefix="comptoir-sample-")
    atexit.register(scratch.cleanup)
    status = protoc.main(
        [
            "protoc",
            f"--proto_path={_PROTOS}",
            f"--descriptor_set_in={_IMPORTS}",
            f"--python_out={scratch.name}",
            *(str(path.relative_to(_PROTOS)) for path in _PROTOS.rglob("*.proto")),
        ]
    )
    assert status == 0, f"protoc ended with status {status}"
    return Path(scratch.name)


if "comptoir.shelf" not in sys.modules:
    comptoir.__path__.append(str(_generate() / "comptoir"))

shelf: Any = import_module("comptoir.shelf.v1.shelf_service_pb2")
press: Any = import_module("comptoir.press.v1.events_pb2")
