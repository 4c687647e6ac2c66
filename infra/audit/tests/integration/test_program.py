"""The program: what it prints, how it ends, and that it cannot write."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping

import asyncpg
import pytest

from comptoir_audit.invariant import PROVIDER
from comptoir_audit.invariants import ALL
from comptoir_audit.settings import Addresses, environment_of
from comptoir_audit.sources import Database
from infra.audit.tests.integration.world import World

pytestmark = pytest.mark.timeout(480)

VANISHED = {"inventory": "UPDATE stock_item SET on_hand = 1 WHERE location = 'store'"}
LINE = (
    "S8 [inventory] SHOE store: expected on_hand 2, found on_hand 1"
    " (on_hand is the sum of the movements)"
)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "comptoir_audit", *arguments]


def environment(urls: Mapping[str, str]) -> dict[str, str]:
    return {**os.environ, **environment_of(Addresses(databases=urls))}


def run(urls: Mapping[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command(*arguments), env=environment(urls), capture_output=True, text=True, check=False
    )


class TestOnce:
    def test_a_healthy_world_is_code_0_and_counts(self, world: World) -> None:
        with world.damaged({}) as urls:
            result = run(urls, "--json")

        report = json.loads(result.stdout)
        assert result.returncode == 0
        assert report["healthy"] is True
        assert report["findings"] == []
        # Nobody said where the provider's journal is.
        with_provider = {each.id for each in ALL if PROVIDER in each.services}
        assert report["skipped"].keys() == with_provider
        assert report["counts"].keys() == {each.id for each in ALL} - with_provider

    def test_a_difference_is_code_1_and_a_line(self, world: World) -> None:
        with world.damaged(VANISHED) as urls:
            result = run(urls)

        assert result.returncode == 1
        assert result.stdout.splitlines()[0] == f"✗ {LINE}"

    def test_a_database_that_is_not_there_is_code_2(self, world: World) -> None:
        with world.damaged({}) as urls:
            gone = urls | {"cart": urls["cart"] + "_gone"}
            result = run(gone)

        assert result.returncode == 2
        assert result.stdout == ""
        assert result.stderr.startswith("could not look: cart: InvalidCatalogNameError")

    def test_without_addresses_is_code_2_and_names_them(self) -> None:
        bare = {name: text for name, text in os.environ.items() if "DATABASE_URL" not in name}
        result = subprocess.run(command(), env=bare, capture_output=True, text=True, check=False)

        assert result.returncode == 2
        assert "COMPTOIR_CART_DATABASE_URL" in result.stderr


class TestEvery:
    def test_the_job_logs_each_difference_and_goes_on(self, world: World) -> None:
        with (
            world.damaged(VANISHED) as urls,
            subprocess.Popen(
                command("--every", "0.1"), env=environment(urls), stdout=subprocess.PIPE, text=True
            ) as job,
        ):
            assert job.stdout is not None
            errors = []
            for line in job.stdout:
                logged = json.loads(line)
                if logged["level"] == "error":
                    errors.append(logged["message"])
                if len(errors) == 2:
                    break
            job.terminate()
            last = [json.loads(line)["message"] for line in job.stdout][-1]

        assert (job.wait(), last) == (0, "stopped")
        # Found by the full pass and, as its movements are new, by the next one.
        assert errors == [LINE, LINE]


class TestReadOnly:
    async def test_its_connections_cannot_write(self, world: World) -> None:
        with world.damaged({}) as urls:
            async with Database.open(urls["cart"]) as database:
                with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
                    await database._connection.execute("DELETE FROM cart")
