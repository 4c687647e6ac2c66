"""`comptoir env`, and which PostgreSQL it and the platform use."""

from pathlib import Path

import pytest

from comptoir_local import shell
from comptoir_local.embedded import LaunchError
from comptoir_local.embedded.binaries import POSTGRES_PROGRAMS, postgres_programs
from comptoir_local.workspace import Workspace

SERVER = "postgresql://admin:secret@db.example:5433/postgres"


class TestEnv:
    def test_of_a_server_of_ones_own_it_tells_the_database_though_nothing_runs(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("DATABASE_URL", SERVER)

        assert shell.show(Workspace(tmp_path), "cart") == 0

        database, tables, programs = capsys.readouterr().out.splitlines()
        assert database.startswith("export DATABASE_URL=postgresql://comptoir_cart:")
        assert database.endswith("@db.example:5433/comptoir_cart")
        assert tables.startswith("export MIGRATION_DATABASE_URL=postgresql://comptoir_cart_owner:")
        assert programs.endswith(':"$PATH"')
        folder = programs.removeprefix("export PATH=").removesuffix(':"$PATH"')
        assert (Path(folder) / "pg_dump").exists()

    def test_where_nothing_is_known_it_says_so(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.delenv("DATABASE_URL", raising=False)

        assert shell.show(Workspace(tmp_path), "cart") == 1

        told = capsys.readouterr()
        assert told.out == ""
        assert "DATABASE_URL is not set" in told.err


class TestPrograms:
    def test_those_that_are_named_are_used_or_none(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        usual, _ = postgres_programs(None)
        monkeypatch.setenv(POSTGRES_PROGRAMS, str(usual))
        assert postgres_programs(None)[0] == usual
        monkeypatch.setenv(POSTGRES_PROGRAMS, str(tmp_path))
        with pytest.raises(LaunchError, match=POSTGRES_PROGRAMS):
            postgres_programs(None)
