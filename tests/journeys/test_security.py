"""The same platform with certificates between all parts and a NATS user for each: it works, each
edge that is not in the picture is refused, and nothing secret is in its logs."""

import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import psycopg
import pytest
import pytest_asyncio
from psycopg import errors
from rich.console import Console

from comptoir.events.v1 import events_service_pb2
from comptoir_local.catalogue.first import Door, ensure_catalogue
from comptoir_local.demo.cast import Credentials, Stage
from comptoir_local.demo.run import play_all
from comptoir_local.demo.story import Story
from comptoir_local.environment import Surroundings
from comptoir_local.platform import Platform
from comptoir_local.stack import BACKENDS, SERVICES
from comptoir_local.workspace import Workspace
from comptoir_runtime.channel import Client, open_channel
from comptoir_runtime.errors import RemoteFailure
from comptoir_runtime.events_service import SERVICE as EVENTS
from comptoir_runtime.tls import Certificates
from tests.journeys.stage import JOURNEY, a_platform

pytestmark = JOURNEY

PICTURE = {
    *(("gateway", each.name) for each in BACKENDS),
    *(("orders", name) for name in ("cart", "inventory", "payments")),
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def secured() -> AsyncIterator[tuple[Platform, Workspace]]:
    async with a_platform(secure=True) as (platform, workspace):
        yield platform, workspace


@pytest.fixture
def surroundings(secured: tuple[Platform, Workspace]) -> Surroundings:
    return secured[0].surroundings


async def test_a_customer_buys_across_channels(secured: tuple[Platform, Workspace]) -> None:
    platform, workspace = secured
    around = platform.surroundings
    quiet = Console(quiet=True)
    await platform.during(ensure_catalogue(Door.of(around), workspace.root, None, quiet))
    who = Credentials(around.administrator.email, around.administrator.password)
    story = Story(quiet)

    await play_all(Stage(around.gateway_url, around.provider_url, who), story)

    assert not any("violation" in log for log in logs_of(workspace).values())


async def test_a_service_takes_calls_from_those_of_the_picture_only(
    surroundings: Surroundings,
) -> None:
    names = [service.name for service in SERVICES]
    outcomes = {
        (caller, called.name): await outcome(surroundings, caller, called.name)
        for caller, called in itertools.product(names, BACKENDS)
    }

    # Itself, too: whoever operates a service does so with its own certificate.
    admitted = PICTURE | {(each.name, each.name) for each in BACKENDS}
    # Who is admitted is asked for a token next: this call bears none.
    assert {edge for edge, told in outcomes.items() if told == "UNAUTHENTICATED"} == admitted
    assert {told for edge, told in outcomes.items() if edge not in admitted} == {
        "CALLER_NOT_ADMITTED"
    }


async def test_nobody_comes_in_without_a_certificate(surroundings: Surroundings) -> None:
    for called in BACKENDS:
        async with grpc.aio.insecure_channel(surroundings.addresses[called.name]) as channel:
            assert await told(Client(channel, EVENTS)) == "UNAVAILABLE"


async def test_the_role_of_a_running_service_changes_no_table(surroundings: Surroundings) -> None:
    for url in surroundings.database_urls.values():
        with psycopg.connect(url, autocommit=True) as connection:
            assert connection.execute("SELECT count(*) > 0 FROM outbox").fetchone()
            for statement in ("DROP TABLE outbox", "CREATE TEMP TABLE mine ()", "TRUNCATE outbox"):
                with pytest.raises(errors.InsufficientPrivilege):
                    connection.execute(statement)


async def test_no_log_holds_a_secret(secured: tuple[Platform, Workspace]) -> None:
    platform, workspace = secured
    logs = logs_of(workspace)
    secrets = set(secrets_of(platform.surroundings, workspace))

    assert len(secrets) > 20
    assert logs.keys() >= {service.name for service in SERVICES}
    assert {
        (name, secret) for name, text in logs.items() for secret in secrets if secret in text
    } == set()


async def outcome(around: Surroundings, caller: str, called: str, replica: str = "") -> str:
    """The refusal of a caller who shows a service's certificate and no token."""
    assert around.protection is not None
    channel = open_channel(
        around.addresses[replica or called],
        None,
        name=called,
        certificates=Certificates(around.protection.files(caller)),
    )
    async with channel:
        return await told(Client(channel, EVENTS))


async def told(client: Client) -> str:
    request: Any = events_service_pb2.ListDeadLettersRequest()
    with pytest.raises(RemoteFailure) as caught:
        await client.call("ListDeadLetters", request, timeout=10)
    return caught.value.reason


def logs_of(workspace: Workspace) -> dict[str, str]:
    return {path.stem: path.read_text() for path in workspace.logs.glob("*.log")}


def secrets_of(around: Surroundings, workspace: Workspace) -> Iterator[str]:
    """Everything the services were told that is nobody else's business."""
    for urls in (around.database_urls, around.owner_urls, around.audit_urls):
        yield from map(password_in, urls.values())
    for url in around.nats_urls.values():
        yield password_in(url)
    yield around.webhook_secret
    yield around.gift_card_secret
    yield around.administrator.password
    for path in (*workspace.keys.glob("*.pem"), *workspace.certificates.rglob("*.key")):
        yield longest_line(path)


def password_in(url: str) -> str:
    return url.rpartition("@")[0].rpartition(":")[2]


def longest_line(path: Path) -> str:
    return max(path.read_text().splitlines(), key=len)
