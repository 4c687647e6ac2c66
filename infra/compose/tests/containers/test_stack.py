"""The images are small and the stack really runs: one order, a kill, a restart, equal books."""

import asyncio
from pathlib import Path

import httpx
import pytest
from nats.aio.client import Client
from rich.console import Console

from comptoir_audit.settings import database_variable
from comptoir_local.demo import play as playing
from comptoir_local.demo.cast import Credentials, Stage
from comptoir_local.demo.journey import SCENES
from comptoir_local.demo.run import play_all
from comptoir_local.demo.story import Story
from comptoir_local.stack import AUDITOR, BACKENDS, SERVICES, Service
from comptoir_runtime.bus.connection import inbox_prefix
from comptoir_runtime.event_options import event_types_of
from infra.compose.tests.containers import figures
from infra.compose.tests.containers.images import Built, tag_of
from infra.compose.tests.containers.podman import Failed, Podman
from infra.compose.tests.containers.stack import Stack, address_of, service_of
from infra.compose.tests.project import example, services

# Images are built and a stack comes up before the first of them.
pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(2000)]

SERVICE_NAMES = [service.name for service in SERVICES]
BACKEND_NAMES = [service.name for service in BACKENDS]
DEPLOYED = [*SERVICE_NAMES, AUDITOR.name]
JOBS = {f"{name}-migrate" for name in BACKEND_NAMES} | {
    "keys",
    "nats-users",
    "sample",
}
LARGEST = 120_000_000
MOST_MEMORY = 100_000_000
REST_SECONDS = 2
IMPORT_ALL = """
import importlib, pkgutil, sys
for name in sys.argv[1:]:
    package = importlib.import_module(name)
    for module in pkgutil.walk_packages(package.__path__, f"{name}."):
        importlib.import_module(module.name)
print("imported")
"""


@pytest.fixture(scope="session")
def stage(ports: tuple[int, int]) -> Stage:
    values = example()
    return Stage(
        f"http://127.0.0.1:{ports[0]}",
        f"http://127.0.0.1:{ports[1]}",
        Credentials(values["BOOTSTRAP_STAFF_EMAIL"], values["BOOTSTRAP_STAFF_PASSWORD"]),
    )


async def play(stage: Stage) -> int:
    """The journey of `make demo`: how many scenes were played."""
    story = Story(Console(quiet=True))
    with pytest.MonkeyPatch.context() as patience:
        # Containers share a machine with builds; what is late is not broken.
        patience.setattr(playing, "PATIENCE_SECONDS", 120.0)
        await play_all(stage, story)
    return len(story.steps)


def audited(stack: Stack) -> str:
    """What the auditor says; fails with the differences when there are any."""
    return stack.compose("run", "--rm", "--no-TTY", "audit", "--grace", "1")


def query(stack: Stack, url: str, statement: str) -> str:
    """The one value that PostgreSQL answers; raises Failed with what it says instead."""
    psql = ("psql", url, "--no-psqlrc", "--tuples-only", "--no-align", "--command", statement)
    return stack.compose("exec", "--no-TTY", "postgres", *psql).strip()


class TestImages:
    @pytest.mark.parametrize("service", DEPLOYED)
    async def test_a_service_adds_little_to_its_base(
        self, service: str, images: dict[str, Built]
    ) -> None:
        assert images[f"comptoir/{service}"].added < LARGEST

    @pytest.mark.parametrize("service", DEPLOYED)
    async def test_an_image_holds_its_service_and_no_other(
        self, service: str, images: dict[str, Built], podman: Podman
    ) -> None:
        program = "import importlib.metadata as m; print(*(d.name for d in m.distributions()))"
        python = ("--entrypoint", "/opt/comptoir/bin/python", "--network", "none", "--rm")
        held = podman.run("run", *python, tag_of(f"comptoir/{service}:0.1.0"), "-c", program)

        ours = {name for name in held.split() if name.startswith("comptoir-")}
        assert ours == {"comptoir-contracts", "comptoir-runtime", f"comptoir-{service}"}

    @pytest.mark.parametrize("service", DEPLOYED)
    async def test_everything_in_an_image_finds_what_it_imports(
        self, service: str, images: dict[str, Built], podman: Podman
    ) -> None:
        packages = ("comptoir_runtime", f"comptoir_{service}")
        python = ("--entrypoint", "/opt/comptoir/bin/python", "--network", "none", "--rm")
        image = tag_of(f"comptoir/{service}:0.1.0")
        said = podman.run("run", *python, image, "-c", IMPORT_ALL, *packages)

        assert said.strip() == "imported"

    @pytest.mark.parametrize("service", DEPLOYED)
    async def test_an_image_says_what_it_is_and_runs_as_nobody_in_particular(
        self, service: str, images: dict[str, Built], podman: Podman
    ) -> None:
        found = podman.image(tag_of(f"comptoir/{service}:0.1.0"))

        assert found["Labels"]["org.opencontainers.image.version"] == "0.1.0"
        assert found["Labels"]["org.opencontainers.image.title"] == f"comptoir-{service}"
        assert found["User"] == "10001:10001"


class TestStack:
    async def test_jobs_are_done_and_everybody_else_runs(self, stack: Stack) -> None:
        states = {service_of(each): each["State"] for each in stack.containers()}

        assert states.keys() > JOBS | set(SERVICE_NAMES)
        for name, state in states.items():
            if name in JOBS:
                assert (state["Status"], state["ExitCode"]) == ("exited", 0), name
            else:
                assert state["Status"] == "running", name

    async def test_nobody_may_do_more_than_they_must(self, stack: Stack) -> None:
        for found in stack.containers():
            name = service_of(found)
            assert found["HostConfig"]["ReadonlyRootfs"] is True, name
            if name in JOBS:
                continue
            values = rights_of(found["State"]["Pid"])
            assert values["NoNewPrivs"] == "1", name
            assert int(values["CapBnd"], 16) == 0, name
            assert "0" not in values["Uid"].split(), name

    @pytest.mark.parametrize("service", BACKEND_NAMES)
    async def test_a_service_writes_rows_and_changes_no_table(
        self, stack: Stack, service: str
    ) -> None:
        own = services()[service]["environment"]["DATABASE_URL"].replace("@postgres", "@127.0.0.1")

        assert query(stack, own, "SELECT count(*) > 0 FROM alembic_version") == "t"
        with pytest.raises(Failed, match="permission denied for schema public"):
            query(stack, own, "CREATE TABLE taken (id int)")
        neighbour = BACKEND_NAMES[BACKEND_NAMES.index(service) - 1]
        for other in (f"comptoir_{neighbour}", "postgres", "template1"):
            with pytest.raises(Failed, match=f'permission denied for database "{other}"'):
                query(stack, f"{own.rpartition('/')[0]}/{other}", "SELECT 1")

    @pytest.mark.parametrize("service", BACKEND_NAMES)
    async def test_the_auditor_reads_rows_and_changes_none(
        self, stack: Stack, service: str
    ) -> None:
        urls = services()["audit"]["environment"]
        reading = urls[database_variable(service)].replace("@postgres", "@127.0.0.1")

        assert query(stack, reading, "SELECT count(*) > 0 FROM alembic_version") == "t"
        with pytest.raises(Failed, match="permission denied for table alembic_version"):
            query(stack, reading, "DELETE FROM alembic_version")

    async def test_a_service_says_on_nats_what_is_its_own(self, stack: Stack) -> None:
        address = address_of(stack.container("nats"))
        url = services()["cart"]["environment"]["NATS_URL"].replace("@nats:", f"@{address}:")
        refused: asyncio.Queue[str] = asyncio.Queue()

        async def note(error: Exception) -> None:
            refused.put_nowait(str(error).lower())

        client = Client()
        await client.connect(url, error_cb=note, allow_reconnect=False)
        # Refusals come in order: the first one would be that of its own.
        await client.publish(f"{inbox_prefix('cart')}.test", b"")
        foreign = event_types_of("orders")[0].subject_of("1")
        await client.publish(foreign, b"")
        async with asyncio.timeout(60):
            assert f'publish to "{foreign.lower()}"' in await refused.get()
        await client.close()

    async def test_the_demo_journey(self, stack: Stack, stage: Stage) -> None:
        assert await play(stage) == len(SCENES)

    @pytest.mark.parametrize("service", ["inventory", "orders", "gateway"])
    async def test_who_is_killed_comes_back_and_the_journey_goes_on(
        self, stack: Stack, stage: Stage, service: str
    ) -> None:
        killed = stack.kill(service)
        seconds = await stack.until_back(service, killed)
        figures.note(f"{service} healthy again {seconds:.1f} s after kill -9")

        assert stack.process(service).pid != killed
        assert await play(stage) == len(SCENES)

    async def test_what_was_written_is_there_after_down_and_up(
        self, stack: Stack, stage: Stage
    ) -> None:
        before = await orders_of(stage)
        assert before
        stack.down()
        figures.note(f"up on existing volumes in {stack.up():.1f} s")

        assert await orders_of(stage) == before
        assert await play(stage) == len(SCENES)

    @pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
    async def test_a_service_starts_anew_and_rests_in_little_memory(
        self, stack: Stack, service: Service
    ) -> None:
        used = stack.process(service.name).memory_info().rss
        figures.started(service.name, *await stack.cold_start(service))
        await asyncio.sleep(REST_SECONDS)
        held = stack.process(service.name).memory_info().rss
        figures.resting(service.name, held, used)

        assert max(held, used) < MOST_MEMORY

    async def test_all_books_agree(self, stack: Stack) -> None:
        assert " 0 differences" in audited(stack)


def rights_of(process: int) -> dict[str, str]:
    """What the kernel lets a process do."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines)


async def orders_of(stage: Stage) -> list[str]:
    """The ids of all orders."""
    async with httpx.AsyncClient(base_url=stage.gateway, timeout=30) as http:
        who = {"email": stage.administrator.email, "password": stage.administrator.password}
        session = (await http.post("/v1/sessions:staff", json=who)).json()
        headers = {"Authorization": f"Bearer {session['accessToken']}"}
        answer = await http.get("/v1/orders", params={"pageSize": 100}, headers=headers)
        answer.raise_for_status()
        return sorted(order["id"] for order in answer.json()["orders"])
