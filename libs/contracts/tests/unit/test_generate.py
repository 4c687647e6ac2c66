"""The generator: complete, in place, and leaving what did not change alone."""

from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2

import comptoir_contracts
from comptoir_contracts import generate

NOTE = """\
syntax = "proto3";
package comptoir.note.v1;
import "buf/validate/validate.proto";
import "google/api/annotations.proto";
// A note.
message Note {
  // What it says.
  string text = 1 [(buf.validate.field).string.min_len = 1];
}
// Keeps notes.
service NoteService {
  // Returns the note that is asked for.
  rpc Echo(Note) returns (Note) {
    option (google.api.http) = {get: "/v1/notes/{text}"};
  }
}
"""


@pytest.fixture
def protos(tmp_path: Path) -> Path:
    folder = tmp_path / "protos"
    (folder / "comptoir/note/v1").mkdir(parents=True)
    (folder / "comptoir/note/v1/note.proto").write_text(NOTE)
    return folder


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "src"


class TestGenerate:
    def test_every_proto_becomes_a_module_and_its_stub(self, protos: Path, target: Path) -> None:
        generate.generate(protos, target)

        made = {path.name for path in (target / "comptoir/note/v1").iterdir()}
        assert made == {"__init__.py", "note_pb2.py", "note_pb2.pyi"}
        assert (target / "buf/validate/validate_pb2.py").is_file()
        assert not (target / "buf/__init__.py").exists()

    def test_the_descriptor_set_has_imports_first_and_comments(
        self, protos: Path, target: Path
    ) -> None:
        generate.generate(protos, target)

        bundle = descriptor_pb2.FileDescriptorSet.FromString(
            (target / generate.DESCRIPTORS).read_bytes()
        )
        names = [file.name for file in bundle.file]
        assert names.index("buf/validate/validate.proto") < names.index(
            "comptoir/note/v1/note.proto"
        )
        assert "google/api/http.proto" in names
        comments = {place.leading_comments for place in bundle.file[-1].source_code_info.location}
        assert " What it says.\n" in comments

    def test_a_second_run_changes_nothing(self, protos: Path, target: Path) -> None:
        first = generate.generate(protos, target)
        stamp = (target / "comptoir/note/v1/note_pb2.py").stat().st_mtime_ns

        assert first > 0
        assert generate.generate(protos, target) == 0
        assert (target / "comptoir/note/v1/note_pb2.py").stat().st_mtime_ns == stamp

    def test_what_was_made_from_a_deleted_proto_goes(self, protos: Path, target: Path) -> None:
        other = protos / "comptoir/gone/v1/gone.proto"
        other.parent.mkdir(parents=True)
        other.write_text(NOTE.replace("comptoir.note.v1", "comptoir.gone.v1"))
        generate.generate(protos, target)
        (target / "comptoir/gone/v1/__pycache__").mkdir()
        other.unlink()

        generate.generate(protos, target)

        assert not (target / "comptoir/gone").exists()
        assert (target / "comptoir/note/v1/note_pb2.py").is_file()

    def test_a_broken_proto_leaves_the_old_code_in_place(self, protos: Path, target: Path) -> None:
        generate.generate(protos, target)
        before = (target / "comptoir/note/v1/note_pb2.py").read_bytes()
        (protos / "comptoir/note/v1/note.proto").write_text("not a proto")

        with pytest.raises(generate.GenerationFailed):
            generate.generate(protos, target)

        assert (target / "comptoir/note/v1/note_pb2.py").read_bytes() == before


class TestFindProtos:
    def test_the_folder_is_found_from_deep_inside(self, protos: Path, tmp_path: Path) -> None:
        inside = tmp_path / "libs/contracts/src"
        inside.mkdir(parents=True)

        assert generate.find_protos(inside) == protos

    def test_a_place_without_protos_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match=str(tmp_path)):
            generate.find_protos(tmp_path)


class TestDescriptorSet:
    def test_the_installed_set_holds_the_shared_types(self) -> None:
        bundle = descriptor_pb2.FileDescriptorSet.FromString(comptoir_contracts.descriptor_set())

        assert "comptoir/type/v1/money.proto" in {file.name for file in bundle.file}
