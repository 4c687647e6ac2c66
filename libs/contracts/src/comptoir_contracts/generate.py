"""Python, type stubs and a descriptor set from the protos.

`python -m comptoir_contracts.generate` renews them in place; installing the
package does the same. Files that did not change keep their time stamps, so that
type checkers and running processes see only what is new.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from google.protobuf import descriptor_pb2, duration_pb2, field_mask_pb2, timestamp_pb2
from grpc_tools import protoc
from protovalidate._gen.buf.validate import validate_pb

VALIDATE = "buf/validate/validate.proto"
DESCRIPTORS = Path("comptoir_contracts/descriptors.binpb")
# What this program owns below the source folder, and may delete from.
GENERATED_TREES = (Path("buf"), Path("comptoir"))


class GenerationFailed(Exception):
    """protoc refused the protos; it has already said why on stderr."""


def find_protos(start: Path) -> Path:
    """The protos folder of the checkout (or unpacked source distribution) around start."""
    for folder in (start, *start.parents):
        if (folder / "protos" / "comptoir").is_dir():
            return folder / "protos"
    raise FileNotFoundError(f"no folder protos/comptoir in or above {start}")


def generate(protos: Path, target: Path) -> int:
    """Renews everything made from protos below target; returns the number of changed files."""
    sources = sorted(path.relative_to(protos).as_posix() for path in protos.rglob("*.proto"))
    if not sources:
        raise FileNotFoundError(f"no .proto file below {protos}")
    with tempfile.TemporaryDirectory(prefix="comptoir-contracts-") as scratch:
        output = Path(scratch) / "out"
        (output / DESCRIPTORS.parent).mkdir(parents=True)
        imports = Path(scratch) / "imports.binpb"
        imports.write_bytes(validation_descriptors())
        run_protoc(protos, sources, imports, output)
        add_packages(output)
        return replace_changed(output, target)


def validation_descriptors() -> bytes:
    """The protovalidate annotations and their imports, as a serialised FileDescriptorSet.

    No package offers validate.proto as text, but the library that enforces the
    annotations carries their descriptor: the two can never disagree.
    """
    bundle = descriptor_pb2.FileDescriptorSet()
    for module in (descriptor_pb2, duration_pb2, timestamp_pb2, field_mask_pb2):
        module.DESCRIPTOR.CopyToProto(bundle.file.add())
    # The message class of the annotations offers no public way to its file.
    described = validate_pb._DESC.proto  # noqa: SLF001 - see above
    bundle.file.add().MergeFromString(described.to_binary())
    return bundle.SerializeToString()


def run_protoc(protos: Path, sources: Iterable[str], imports: Path, output: Path) -> None:
    """One run of protoc for messages, stubs and descriptors."""
    # protoc looks for plugins on PATH; ours lies beside the running interpreter.
    scripts = Path(sys.executable).parent
    os.environ["PATH"] = f"{scripts}{os.pathsep}{os.environ.get('PATH', '')}"
    google = google_protos()
    status = protoc.main(
        [
            "protoc",
            f"--proto_path={protos}",
            f"--proto_path={google}",
            f"--descriptor_set_in={imports}",
            f"--python_out={output}",
            f"--mypy_out=quiet:{output}",
            "--include_imports",
            "--include_source_info",
            f"--descriptor_set_out={output / DESCRIPTORS}",
            VALIDATE,
            *sources,
        ]
    )
    if status != 0:
        raise GenerationFailed(f"protoc ended with status {status}")


def google_protos() -> Path:
    """The folder below which google/api/annotations.proto lies."""
    spec = find_spec("google.api")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("googleapis-common-protos is not installed")
    return Path(next(iter(spec.submodule_search_locations))).parents[1]


def add_packages(output: Path) -> None:
    """Makes `comptoir` a typed package; `buf` stays a namespace, other owners share it."""
    for folder in (output / "comptoir", *(output / "comptoir").rglob("*/")):
        (folder / "__init__.py").touch()
    (output / "comptoir" / "py.typed").touch()
    (output / "buf" / "validate" / "py.typed").touch()


def replace_changed(fresh: Path, target: Path) -> int:
    """Moves changed files from fresh to target and deletes what is no longer made."""
    wanted = {path.relative_to(fresh) for path in fresh.rglob("*") if path.is_file()}
    changed = 0
    for name in sorted(wanted):
        content = (fresh / name).read_bytes()
        destination = target / name
        if destination.is_file() and destination.read_bytes() == content:
            continue
        destination.parent.mkdir(parents=True, exist_ok=True)
        # Renaming is atomic: a process that imports meanwhile sees old or new.
        partial = destination.with_name(f".{destination.name}.{os.getpid()}")
        partial.write_bytes(content)
        partial.replace(destination)
        changed += 1
    return changed + delete_stale(wanted, target)


def delete_stale(wanted: set[Path], target: Path) -> int:
    """Deletes what was made from a proto that has gone; returns the number of files."""
    kept_folders = {folder for name in wanted for folder in name.parents}
    deleted = 0
    for tree in GENERATED_TREES:
        for path in sorted((target / tree).rglob("*"), reverse=True):
            name = path.relative_to(target)
            if "__pycache__" in name.parts:
                continue
            if path.is_dir() and name not in kept_folders:
                # All that is left in it by now are caches.
                shutil.rmtree(path)
            elif path.is_file() and name not in wanted:
                path.unlink()
                deleted += 1
    return deleted


def main() -> int:
    parser = argparse.ArgumentParser(prog="comptoir_contracts.generate", description=__doc__)
    source = Path(__file__).resolve().parents[1]
    parser.add_argument(
        "--protos", type=Path, help="folder of the protos (default: the checkout's)"
    )
    parser.add_argument("--target", type=Path, default=source, help="where to write")
    arguments = parser.parse_args()
    started = time.monotonic()
    try:
        protos = arguments.protos or find_protos(source)
        changed = generate(protos, arguments.target)
    except (GenerationFailed, FileNotFoundError) as error:
        print(f"contracts: {error}", file=sys.stderr)
        return 1
    print(f"contracts: {changed} files changed, {time.monotonic() - started:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
