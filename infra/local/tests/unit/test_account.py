import os
from pathlib import Path

import pytest

from comptoir_local.embedded import account as accounts
from comptoir_local.embedded.account import Account

STRANGER = Account(uid=4_000_001, gid=4_000_001, name="stranger")


class TestMayEnter:
    def test_open_folders_let_everybody_pass(self, tmp_path: Path) -> None:
        folder = tmp_path / "open"
        folder.mkdir(mode=0o711)
        for path in (tmp_path, *list(tmp_path.parents)[:2]):
            path.chmod(0o711)

        assert accounts.may_enter(folder, STRANGER)

    def test_one_private_folder_on_the_way_is_enough_to_be_kept_out(self, tmp_path: Path) -> None:
        private = tmp_path / "home"
        (private / "checkout").mkdir(parents=True)
        private.chmod(0o700)

        assert not accounts.may_enter(private / "checkout", STRANGER)

    def test_the_owner_of_a_private_folder_passes(self, tmp_path: Path) -> None:
        private = tmp_path / "home"
        private.mkdir(mode=0o700)
        owner = Account(os.geteuid(), os.getegid(), "owner")

        assert accounts.may_enter(private, owner)


class TestStandin:
    @pytest.fixture(autouse=True)
    def _elsewhere(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(accounts, "_STANDIN_ROOT", tmp_path)

    def test_each_path_has_its_own_folder(self, tmp_path: Path) -> None:
        first, second = accounts.standin(tmp_path / "one"), accounts.standin(tmp_path / "two")

        assert first != second
        assert accounts.standin(tmp_path / "one") == first
        assert first.stat().st_mode & 0o777 == 0o711

    def test_a_folder_others_can_write_to_is_refused(self, tmp_path: Path) -> None:
        accounts.standin_path(tmp_path / "one").mkdir()
        accounts.standin_path(tmp_path / "one").chmod(0o777)

        with pytest.raises(PermissionError, match="not a private folder"):
            accounts.standin(tmp_path / "one")

    def test_a_copy_is_made_once_per_version(self, tmp_path: Path) -> None:
        source = tmp_path / "packages"
        (source / "server" / "bin").mkdir(parents=True, mode=0o700)
        program = source / "server" / "bin" / "run"
        program.write_text("first")
        program.chmod(0o700)

        copy = accounts.copy_for(source, ["server", "missing"], "v1")
        program.write_text("second")

        assert (
            accounts.copy_for(source, ["server"], "v1") / "server/bin/run"
        ).read_text() == "first"
        assert (
            accounts.copy_for(source, ["server"], "v2") / "server/bin/run"
        ).read_text() == "second"
        assert (copy / "server/bin/run").stat().st_mode & 0o777 == 0o755
        assert sorted(path.name for path in copy.parent.iterdir()) == ["v1", "v2"]
