"""The runner with stand-ins for the services: what it starts, tells, stops and reports."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from comptoir_local.embedded import EmbeddedNats, EmbeddedPostgres
from comptoir_local.stack import BACKENDS

ROOT = Path(__file__).parents[4]
FAKES = ROOT / "infra/local/tests/fakes"
# A start takes some seconds, on a busy machine many.
pytestmark = pytest.mark.timeout(240)
NAMES = {*(service.name for service in BACKENDS), "gateway"}


class Runner:
    """`comptoir up` as a child, with its own folder of data."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.environment = {
            **{name: text for name, text in os.environ.items() if not name.startswith("FAKE_")},
            "PYTHONPATH": f"{FAKES}{os.pathsep}{ROOT}",
            "FAKE_FOLDER": str(folder),
        }
        self.process: subprocess.Popen[str] | None = None

    def start(self, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "comptoir_local",
                "up",
                "--empty",
                "--data",
                str(self.data),
                *arguments,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**self.environment, **environment},
            process_group=0,
        )
        return self.process

    def run(self, *arguments: str, **environment: str) -> tuple[int, str]:
        """The exit code and all output of a run that ends by itself."""
        output, _ = self.start(*arguments, **environment).communicate(timeout=120)
        assert self.process is not None
        return self.process.returncode, output

    def until_ready(self, *arguments: str, **environment: str) -> str:
        """Start, and return what was printed up to the line that says where the platform is."""
        process = self.start(*arguments, **environment)
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("Logs:"):
                return "".join(lines)
        raise AssertionError("not ready:\n" + "".join(lines))

    def stop(self, number: signal.Signals = signal.SIGINT) -> tuple[int, str]:
        assert self.process is not None
        self.process.send_signal(number)
        output, _ = self.process.communicate(timeout=30)
        return self.process.returncode, output

    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads((self.data / "running.json").read_text())
        return state

    def told(self, name: str) -> dict[str, str]:
        """The environment a stand-in was started with."""
        told: dict[str, str] = json.loads((self.folder / f"{name}.json").read_text())
        return told

    def is_quiet(self) -> bool:
        """Whether no process that works in this folder is left, after a moment."""
        deadline = time.monotonic() + 30
        while (left := self._processes()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return not left

    def _processes(self) -> list[int]:
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                environment = (folder / "environ").read_bytes()
                command = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if str(self.folder).encode() in environment + command:
                found.append(int(folder.name))
        return found


@contextmanager
def new_runner() -> Iterator[Runner]:
    with tempfile.TemporaryDirectory(prefix="comptoir-run-") as name:
        # The account of the database server has to pass; pytest's own folders are private.
        Path(name).chmod(0o711)
        runner = Runner(Path(name))
        yield runner
        if runner.process is not None:
            runner.process.kill()
            runner.process.communicate()
            assert runner.is_quiet()


@pytest.fixture
def runner() -> Iterator[Runner]:
    """A runner of the test's own, not yet started."""
    with new_runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def running() -> Iterator[Runner]:
    """A platform that runs, for tests that only look at it."""
    with new_runner() as runner:
        runner.until_ready()
        yield runner


class TestWhatRuns:
    def test_each_service_is_told_where_the_others_are(self, running: Runner) -> None:
        addresses = running.state()["addresses"]
        orders, gateway = running.told("orders"), running.told("gateway")

        assert orders["LISTEN"] == addresses["orders"]
        assert orders["CART_TARGET"] == f"dns:///{addresses['cart']}"
        assert {name for name in orders if name.endswith("_TARGET")} == {
            "CART_TARGET",
            "INVENTORY_TARGET",
            "PAYMENTS_TARGET",
        }
        assert len([name for name in gateway if name.endswith("_TARGET")]) == 6

    def test_secrets_are_told_only_to_those_who_need_them(self, running: Runner) -> None:
        told = {name: running.told(name) for name in NAMES}
        who = {
            secret: {name for name, environment in told.items() if secret in environment}
            for secret in (
                "PSP_WEBHOOK_SECRET",
                "GIFT_CARD_SECRET",
                "BOOTSTRAP_STAFF_PASSWORD",
                "DATABASE_URL",
            )
        }

        assert who == {
            "PSP_WEBHOOK_SECRET": {"payments"},
            "GIFT_CARD_SECRET": {"payments"},
            "BOOTSTRAP_STAFF_PASSWORD": {"customers"},
            "DATABASE_URL": NAMES - {"gateway"},
        }
        provider = running.state()["addresses"]["psp_sandbox"]
        assert told["payments"]["PSP_URL"] == f"http://{provider}"

    def test_each_service_has_a_database_of_its_own(self, running: Runner) -> None:
        with psycopg.connect(running.told("pim")["DATABASE_URL"]) as connection:
            row = connection.execute("SELECT current_user || '@' || current_database()").fetchone()

        assert row == ("comptoir_pim@comptoir_pim",)
        assert {path.stem for path in running.folder.glob("*.migrated")} == NAMES - {"gateway"}
        assert "pim-migrate" not in running.state()["processes"]

    def test_only_migrations_are_told_how_to_change_tables(self, running: Runner) -> None:
        owners = running.state()["owner_urls"]

        assert set(owners) == NAMES - {"gateway"}
        for name in NAMES:
            assert not set(running.told(name).values()) & set(owners.values()), name

    def test_each_service_has_a_key_that_all_know(self, running: Runner) -> None:
        cart = running.told("cart")
        keys = json.loads(Path(cart["SERVICE_JWKS"]).read_text())["keys"]

        assert {key["iss"] for key in keys} == {f"service:{name}" for name in NAMES}
        assert "d" not in keys[0]
        assert cart["SERVICE_KEY"] != running.told("pim")["SERVICE_KEY"]
        assert Path(cart["SERVICE_KEY"]).stat().st_mode & 0o777 == 0o600

    def test_a_second_one_in_the_same_folder_is_refused(self, running: Runner) -> None:
        state = running.state()
        second = Runner(running.folder)

        code, output = second.run()

        text = " ".join(output.split())
        assert code == 1
        assert f"already running in {running.data} (process {state['pid']}," in text
        assert state["gateway"] in text
        assert running.state() == state

    def test_status_lists_the_processes(self, running: Runner) -> None:
        state = running.state()

        asked = _status(running)

        assert asked.returncode == 0, asked.stdout
        assert state["gateway"] in asked.stdout
        for name, pid in state["processes"].items():
            assert re.search(rf"{name} .*{pid} .*{state['addresses'][name]} .*ready", asked.stdout)


class TestReplicas:
    def test_two_of_everything_know_each_other_and_stop_together(self, runner: Runner) -> None:
        printed = runner.until_ready("--replicas", "2")
        state = runner.state()
        asked = _status(runner)
        code, _ = runner.stop()

        replicas = {f"{name}{number}" for name in NAMES for number in ("", "-2")}
        assert set(state["processes"]) == {*replicas, "psp_sandbox"}
        for name in ("gateway", "gateway-2"):
            assert f"http://{state['addresses'][name]}" in printed
        both = f"ipv4:{state['addresses']['cart']},{state['addresses']['cart-2']}"
        assert runner.told("orders")["CART_TARGET"] == both
        assert len(re.findall(r" ready", asked.stdout)) == len(state["processes"])
        assert code == 0
        assert runner.is_quiet()


class TestLife:
    def test_ctrl_c_stops_everything(self, runner: Runner) -> None:
        printed = runner.until_ready()
        state = runner.state()
        code, output = runner.stop()

        for name in ("PostgreSQL", "NATS", "payment provider", *NAMES):
            assert re.search(rf"✓ {name} +\d+\.\d\d s", printed), printed
        assert re.search(r"Ready in \d+\.\d s:  http://127\.0\.0\.1:\d+", printed)
        assert set(state["processes"]) == {*NAMES, "psp_sandbox"}
        assert (code, output[-9:]) == (0, "Stopped.\n")
        assert {path.stem for path in runner.folder.glob("*.stopped")} == NAMES
        assert runner.is_quiet()
        assert not (runner.data / "running.json").exists()

    def test_warnings_reach_the_screen_and_all_logs_the_files(self, runner: Runner) -> None:
        printed = runner.until_ready()
        code, output = runner.stop(signal.SIGTERM)

        assert code == 0
        assert "cart │ cart has something to say  detail=1" in printed + output
        assert "listening" not in printed + output
        assert "listening" in (runner.data / "logs" / "cart.log").read_text()

    def test_nothing_outlives_a_runner_that_is_killed(self, runner: Runner) -> None:
        runner.until_ready()
        assert runner.process is not None
        runner.process.kill()

        assert runner.is_quiet()
        runner.process.communicate()
        assert "cart │ listening" in runner.until_ready("--verbose")

    def test_status_of_nothing_is_a_code_of_its_own(self, runner: Runner) -> None:
        asked = _status(runner)

        assert asked.returncode == 3
        assert "Nothing is running" in asked.stdout


class TestFailures:
    def test_a_service_that_crashes_while_starting_is_named(self, runner: Runner) -> None:
        code, output = runner.run(FAKE_CRASH="cart")

        assert code == 1
        assert "cart: it ended while starting, exit code 7" in output
        assert "Traceback: the reason why" in output
        assert runner.is_quiet()

    def test_a_service_that_is_killed_later_ends_the_run(self, runner: Runner) -> None:
        runner.until_ready()
        os.kill(runner.state()["processes"]["orders"], signal.SIGKILL)
        assert runner.process is not None
        output, _ = runner.process.communicate(timeout=30)

        assert runner.process.returncode == 1
        assert "orders: it ended unexpectedly, killed by SIGKILL" in output
        assert "orders has something to say" in output
        assert runner.is_quiet()

    def test_ctrl_c_while_starting_stops_what_has_started(self, runner: Runner) -> None:
        process = runner.start(FAKE_SILENT="pim")
        assert process.stdout is not None
        for line in process.stdout:
            if "gateway" in line:
                break

        assert runner.stop()[0] == 0
        assert runner.is_quiet()

    def test_a_lost_port_is_tried_again_with_others(self, runner: Runner) -> None:
        lost = runner.folder / "lost"
        runner.until_ready(FAKE_PORT_LOST=str(lost))

        assert lost.exists()
        assert runner.stop()[0] == 0

    def test_a_port_that_was_asked_for_and_is_taken_is_an_error(self, runner: Runner) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            code, output = runner.run("--port", str(port))

        assert code == 1
        assert "gateway: it ended while starting" in output


class TestData:
    @pytest.mark.parametrize(("arguments", "expected"), [((), True), (("--fresh",), False)])
    def test_data_survive_unless_wiped(
        self, runner: Runner, arguments: tuple[str, ...], expected: bool
    ) -> None:
        runner.until_ready()
        with psycopg.connect(runner.state()["owner_urls"]["cart"]) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS value")
        runner.stop()
        runner.until_ready(*arguments)
        with psycopg.connect(runner.told("cart")["DATABASE_URL"]) as connection:
            found = connection.execute("SELECT to_regclass('kept') IS NOT NULL").fetchone()

        assert found == (expected,)

    def test_servers_of_one_s_own_are_used(self, runner: Runner) -> None:
        with (
            EmbeddedPostgres(runner.folder / "own-pg", fsync=False) as postgres,
            EmbeddedNats(runner.folder / "own-nats", fsync=False) as nats,
        ):
            port, nats_url = postgres.port, nats.url
            own = {"DATABASE_URL": postgres.server.admin_url, "NATS_URL": nats_url}
            printed = runner.until_ready(**own)
            told = runner.told("pim")
            with psycopg.connect(told["DATABASE_URL"]):
                pass
            runner.stop()
            code, refusal = runner.run("--fresh", **own)

        assert "PostgreSQL" not in printed
        assert f":{port}/comptoir_pim" in told["DATABASE_URL"]
        assert told["NATS_URL"] == nats_url
        assert not (runner.data / "postgres").exists()
        assert code == 1
        assert "DATABASE_URL, NATS_URL is set" in refusal


def _status(runner: Runner) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "comptoir_local", "status", "--data", str(runner.data)]
    return subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "COLUMNS": "160"}, check=False
    )
