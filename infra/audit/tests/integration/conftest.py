"""The databases of all services, migrated by the services themselves."""

import os
import subprocess
import sys

import psycopg
import pytest

from comptoir_audit.invariant import SERVICES
from comptoir_local.databases import DatabaseServer
from comptoir_testing.databases import Clones
from infra.audit.tests.integration.world import World
from infra.audit.tests.story import STORY


@pytest.fixture(scope="session")
def world(postgres_server: DatabaseServer, database_clones: Clones) -> World:
    """A healthy platform: the story told in every service's database, ready to be copied."""
    for name in SERVICES:
        postgres_server.ensure_database(name)
    # Each in a process of its own: two services are never imported into one.
    migrations = [
        subprocess.Popen(
            [sys.executable, "-m", f"comptoir_{name}", "migrate"],
            env={**os.environ, "MIGRATION_DATABASE_URL": postgres_server.owner_url(name)},
            stdout=subprocess.DEVNULL,
        )
        for name in SERVICES
    ]
    assert [each.wait() for each in migrations] == [0] * len(migrations)
    for name, statements in STORY.items():
        with psycopg.connect(postgres_server.url(name), autocommit=True) as connection:
            connection.execute(statements)
    return World(postgres_server, database_clones)
