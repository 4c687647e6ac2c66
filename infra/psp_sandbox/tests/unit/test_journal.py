"""The journal's promise: what was acknowledged is read back, and nothing else."""

import asyncio
import os
from pathlib import Path

import pytest

from comptoir_psp_sandbox.errors import JournalUnavailable
from comptoir_psp_sandbox.journal import CorruptJournal, Journal


async def written(path: Path, *values: int) -> None:
    journal = Journal(path)
    list(journal.recover())
    journal.start()
    for value in values:
        journal.append({"value": value})
    await journal.close()


def read(path: Path) -> list[int]:
    journal = Journal(path)
    try:
        return [entry["value"] for entry in journal.recover()]
    finally:
        journal.release()


class TestRecover:
    async def test_everything_appended_comes_back_in_order(self, tmp_path: Path) -> None:
        await written(tmp_path / "j", 1, 2)
        await written(tmp_path / "j", 3)
        assert read(tmp_path / "j") == [1, 2, 3]

    async def test_a_line_cut_short_is_dropped_and_its_number_used_again(
        self, tmp_path: Path
    ) -> None:
        await written(tmp_path / "j", 1, 2)
        content = (tmp_path / "j").read_bytes()
        (tmp_path / "j").write_bytes(content[:-3])
        await written(tmp_path / "j", 9)
        assert read(tmp_path / "j") == [1, 9]

    async def test_damage_in_the_middle_stops_the_start(self, tmp_path: Path) -> None:
        await written(tmp_path / "j", 1, 2, 3)
        lines = (tmp_path / "j").read_bytes().splitlines(keepends=True)
        (tmp_path / "j").write_bytes(lines[0] + lines[2])
        with pytest.raises(CorruptJournal, match="line 2 bears number 3"):
            read(tmp_path / "j")

    async def test_two_processes_cannot_share_one_file(self, tmp_path: Path) -> None:
        first = Journal(tmp_path / "j")
        with pytest.raises(BlockingIOError):
            Journal(tmp_path / "j")
        first.release()


class TestGroupCommit:
    async def test_concurrent_appends_share_their_syncs(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        syncs: list[int] = []
        really = os.fdatasync
        journal = Journal(tmp_path / "j")
        list(journal.recover())

        def counted(descriptor: int) -> None:
            syncs.append(descriptor)
            really(descriptor)

        monkeypatch.setattr(os, "fdatasync", counted)
        journal.start()

        async def keep(value: int) -> None:
            await journal.durable(journal.append({"value": value}))

        await asyncio.gather(*(keep(value) for value in range(100)))
        await journal.close()
        assert len(syncs) == 1

    async def test_only_durable_entries_are_paged(self, tmp_path: Path) -> None:
        journal = Journal(tmp_path / "j")
        list(journal.recover())
        journal.start()
        number = journal.append({"value": 1})
        assert journal.page(0, 10) == ([], 0)
        await journal.durable(number)
        assert journal.page(0, 10) == ([b'{"seq":1,"value":1}'], 1)
        await journal.close()

    async def test_after_a_failed_sync_nothing_is_promised_any_more(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(_: int) -> None:
            raise OSError(28, "no space left on device")

        journal = Journal(tmp_path / "j")
        list(journal.recover())
        journal.start()
        monkeypatch.setattr(os, "fdatasync", full)
        number = journal.append({"value": 1})
        with pytest.raises(JournalUnavailable):
            await journal.durable(number)
        monkeypatch.undo()
        with pytest.raises(JournalUnavailable):
            journal.append({"value": 2})
        await journal.close()
