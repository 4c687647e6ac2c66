"""The contracts are compared with those of the main branch, or it is said why not."""

import subprocess
from pathlib import Path

import pytest

from infra.dev import check_protos

NOTE = """\
// Notes.
syntax = "proto3";
package comptoir.note.v1;
// A note.
message Note {
  // What it says.
  string text = 1;
}
"""


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    note = folder / "protos/comptoir/note/v1/note.proto"
    note.parent.mkdir(parents=True)
    note.write_text(NOTE)
    git(tmp_path, "init", "--quiet", "--initial-branch=main", str(folder))
    return folder


def commit(repository: Path) -> None:
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "--message=Add notes")


class TestProtosOfMain:
    def test_a_main_branch_without_commits_is_said(self, repository: Path, tmp_path: Path) -> None:
        reason = check_protos.protos_of_main(repository, tmp_path / "old")
        assert reason == "there is no branch main, here or at origin"

    def test_a_main_branch_without_protos_is_said(self, repository: Path, tmp_path: Path) -> None:
        git(repository, "commit", "--quiet", "--allow-empty", "--message=Begin")
        reason = check_protos.protos_of_main(repository, tmp_path / "old")
        assert reason == "refs/heads/main has no protos yet"

    def test_what_is_committed_is_unpacked_not_what_lies_around(
        self, repository: Path, tmp_path: Path
    ) -> None:
        commit(repository)
        (repository / "protos/comptoir/note/v1/note.proto").write_text("changed")

        assert check_protos.protos_of_main(repository, tmp_path / "old") is None

        unpacked = tmp_path / "old/protos/comptoir/note/v1/note.proto"
        assert unpacked.read_text() == NOTE


class TestCompatibility:
    @pytest.fixture
    def image_of(self, repository: Path, tmp_path: Path) -> "ImageOf":
        commit(repository)
        return ImageOf(repository, tmp_path)

    def test_a_new_field_breaks_nobody(self, image_of: "ImageOf", tmp_path: Path) -> None:
        longer = NOTE.replace(
            "text = 1;\n", "text = 1;\n  // Who wrote it.\n  string author = 2;\n"
        )
        image = image_of(longer)

        assert check_protos.check_compatibility(image, tmp_path / "scratch", image_of.repository)

    def test_a_field_of_another_type_is_found(
        self, image_of: "ImageOf", tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        image = image_of(NOTE.replace("string text", "int32 text"))

        assert not check_protos.check_compatibility(
            image, tmp_path / "scratch", image_of.repository
        )
        assert "changed type" in capfd.readouterr().out


class ImageOf:
    """Makes images of changed protos, beside a repository that holds the old ones."""

    def __init__(self, repository: Path, scratch: Path) -> None:
        self.repository = repository
        self._scratch = scratch

    def __call__(self, text: str) -> Path:
        note = self._scratch / "new/protos/comptoir/note/v1/note.proto"
        note.parent.mkdir(parents=True)
        note.write_text(text)
        return check_protos.build_image(self._scratch / "new/protos", self._scratch / "image")
