"""The compose project is valid, says what the code says, and lets nobody do more than they must."""

import itertools
import re
from pathlib import Path

import pytest
import yaml

from comptoir_audit.settings import database_variable
from comptoir_local.databases import auditor_of, owner_of
from comptoir_local.nats_users import ADMINISTRATOR, as_configuration
from comptoir_local.stack import AUDITOR, BACKENDS, PROVIDER, SERVICES
from comptoir_testing.environments import called_by, longest_stop, needed_by, settings_of
from infra.compose.tests.project import FOLDER, Service, config, example, services

ROOT = FOLDER.parents[1]
SERVICE_NAMES = [service.name for service in SERVICES]
DEVELOPMENT = "compose.dev.yaml"
# All-in-one images of others that write where they like; only with the profile `telemetry`.
TAKEN_AS_THEY_ARE = {"grafana"}
JOBS = {"keys", "nats-users", "sample", "audit"} | {f"{each.name}-migrate" for each in BACKENDS}


def mounted(service: Service) -> dict[str, Service]:
    """What a service mounts, by volume or path."""
    return {each["source"]: each for each in service.get("volumes", ())}


def told(secret: str) -> set[str]:
    """Who has a secret in its environment."""
    found = re.compile(rf"(?<![\w-]){re.escape(secret)}(?![\w-])")
    return {
        name
        for name, service in services().items()
        if any(found.search(str(each)) for each in service.get("environment", {}).values())
    }


class TestProject:
    @pytest.mark.parametrize("overrides", [(), (DEVELOPMENT,)], ids=["compose", "development"])
    def test_docker_compose_takes_it_without_a_word(self, overrides: tuple[str, ...]) -> None:
        variables = ("--env-file", str(FOLDER / ".env.example"))
        result = config(*variables, "config", "--quiet", overrides=overrides)
        assert (result.returncode, result.stderr) == (0, "")

    def test_every_service_is_there_with_what_it_needs(self) -> None:
        servers, telemetry = {"postgres", "nats"}, {"collector", "grafana"}
        ours = {*SERVICE_NAMES, PROVIDER.name.replace("_", "-")}
        assert services().keys() == ours | servers | telemetry | JOBS

    @pytest.mark.parametrize("service", SERVICE_NAMES)
    def test_a_service_is_told_what_it_reads_and_nothing_else(self, service: str) -> None:
        told = set(services()[service]["environment"]) - {"GRPC_EXPERIMENTS"}

        assert told <= set(settings_of(service))
        assert needed_by(service) <= told

    @pytest.mark.parametrize("service", SERVICE_NAMES)
    def test_a_service_is_told_where_those_it_calls_listen(self, service: str) -> None:
        environment = services()[service]["environment"]
        targets = {name: value for name, value in environment.items() if name.endswith("_TARGET")}

        assert {name.removesuffix("_TARGET").lower() for name in targets} == called_by(service)
        for name, value in targets.items():
            called = name.removesuffix("_TARGET").lower()
            port = services()[called]["environment"]["LISTEN"].rpartition(":")[2]
            assert value == f"dns:///{called}:{port}"

    @pytest.mark.parametrize("service", [each.name for each in BACKENDS])
    def test_a_service_waits_for_its_migration_on_its_own_database(self, service: str) -> None:
        serving, migrating = services()[service], services()[f"{service}-migrate"]

        waits = serving["depends_on"][f"{service}-migrate"]["condition"]
        assert waits == "service_completed_successfully"
        assert migrating["image"] == serving["image"]
        assert migrating["command"] == ["migrate"]
        database = f"comptoir_{service}"
        password = example()[f"{service.upper()}_DATABASE_PASSWORD"]
        url = f"postgresql://{database}:{password}@postgres/{database}"
        assert serving["environment"]["DATABASE_URL"] == url
        password = example()[f"{service.upper()}_OWNER_PASSWORD"]
        url = f"postgresql://{owner_of(database)}:{password}@postgres/{database}"
        assert migrating["environment"] == {"MIGRATION_DATABASE_URL": url}

    @pytest.mark.parametrize("service", [each.name for each in BACKENDS])
    def test_the_auditor_reads_a_database_as_its_auditor(self, service: str) -> None:
        database = f"comptoir_{service}"
        password = example()[f"{service.upper()}_AUDIT_PASSWORD"]
        url = f"postgresql://{auditor_of(database)}:{password}@postgres/{database}"
        assert services()["audit"]["environment"][database_variable(service)] == url

    def test_the_databases_that_are_made_are_those_of_the_services(self) -> None:
        script = (FOLDER / "postgres/databases.sh").read_text()
        (names,) = re.findall(r"^for service in (.+); do$", script, re.MULTILINE)
        server = services()["postgres"]["environment"]

        assert names.split() == [service.name for service in BACKENDS]
        for role, service in itertools.product(("DATABASE", "OWNER", "AUDIT"), BACKENDS):
            variable = f"{service.name.upper()}_{role}_PASSWORD"
            assert server[variable] == example()[variable]

    def test_what_roles_may_do_is_said_where_it_is_for_everybody(self) -> None:
        script = (FOLDER / "postgres/databases.sh").read_text()
        mount = mounted(services()["postgres"])[str(ROOT / "infra/postgres/roles.sql")]

        assert f"--file {mount['target']}\n" in script
        assert mount["read_only"] is True
        assert "GRANT" not in script
        assert "'REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC'" in script

    def test_every_service_is_a_user_of_nats_whose_password_the_server_is_told(self) -> None:
        server = services()["nats"]["environment"]
        variables = {
            name: f"NATS_{name.upper()}_PASSWORD" for name in (*SERVICE_NAMES, ADMINISTRATOR)
        }

        # A text, whatever it looks like.
        assert server == {each: f"'{example()[each]}'" for each in variables.values()}
        assert set(server) == set(re.findall(r"\$(NATS_\w+)", as_configuration()))
        for service in SERVICE_NAMES:
            url = f"nats://{service}:{example()[variables[service]]}@nats:4222"
            assert services()[service]["environment"]["NATS_URL"] == url

    def test_nats_reads_the_users_that_are_made_from_the_code_of_the_services(self) -> None:
        job, nats = services()["nats-users"], services()["nats"]
        _, _, sources, _, output = job["command"]
        written, read = mounted(job)["nats-users"], mounted(nats)["nats-users"]
        (included,) = re.findall(
            r"^include (.+)$", (FOLDER / "nats/nats.conf").read_text(), re.MULTILINE
        )
        (configuration,) = [each["target"] for each in nats["volumes"] if each["type"] == "bind"]

        assert mounted(job)[str(ROOT / "services")]["target"] == sources
        assert Path(configuration).parent / included == Path(read["target"]) / Path(output).name
        assert Path(output).parent == Path(written["target"])
        assert read["read_only"] is True
        waits = nats["depends_on"]["nats-users"]["condition"]
        assert waits == "service_completed_successfully"

    def test_nats_syncs_always(self) -> None:
        assert "\n  sync_interval: always\n" in (FOLDER / "nats/nats.conf").read_text()

    @pytest.mark.parametrize("service", SERVICE_NAMES)
    def test_a_service_has_time_to_drain(self, service: str) -> None:
        found = services()[service]
        grace = re.fullmatch(r"(\d+)s", found["stop_grace_period"])

        assert grace is not None
        assert int(grace[1]) > longest_stop(float(found["environment"]["DRAIN_SECONDS"]))

    @pytest.mark.parametrize("service", SERVICE_NAMES)
    def test_live_reload_reads_the_checkout_and_watches_it(self, service: str) -> None:
        found = services(DEVELOPMENT)[service]
        watched = {each["path"]: each["action"] for each in found["develop"]["watch"]}

        for name in (f"services/{service}", "libs/runtime"):
            mount = mounted(found)[str(ROOT / name)]
            assert mount["read_only"] is True
            assert f"{mount['target']}/src" in found["environment"]["PYTHONPATH"].split(":")
            assert watched[str(ROOT / name / "src")] == "restart"
        assert watched[str(ROOT / "protos")] == "rebuild"

    def test_telemetry_goes_through_the_collector_to_what_shows_it(self) -> None:
        """What the collector and the dashboards hold is checked in `infra/observability`."""
        collector, grafana = services()["collector"], services()["grafana"]
        observability = ROOT / "infra/observability"

        assert mounted(collector)[str(observability / "collector.yaml")]["read_only"] is True
        provider = yaml.safe_load((observability / "grafana/dashboards.yaml").read_text())
        (place,) = [each["options"]["path"] for each in provider["providers"]]
        assert mounted(grafana)[str(observability / "dashboards")]["target"] == place
        assert str(observability / "grafana/dashboards.yaml") in mounted(grafana)


class TestImages:
    def test_each_is_built_from_a_folder_the_dockerfile_gets(self) -> None:
        let_in = (ROOT / "infra/images/Dockerfile.dockerignore").read_text().splitlines()
        built = {each["image"]: each["build"] for each in services().values() if "build" in each}

        assert {image.split(":")[0] for image in built} == {
            f"comptoir/{name}" for name in (*SERVICE_NAMES, PROVIDER.name, AUDITOR.name, "local")
        }
        for image, build in built.items():
            arguments = build["args"]
            folder = f"{arguments.get('FOLDER', 'services')}/{arguments['SERVICE']}"
            assert image == f"comptoir/{arguments['SERVICE']}:{arguments['VERSION']}"
            assert (ROOT / build["context"] / build["dockerfile"]).is_file()
            assert (ROOT / "requirements" / arguments.get("LOCK", "runtime.txt")).is_file()
            for needed in (folder, arguments.get("NEEDS", folder)):
                assert (ROOT / needed / "pyproject.toml").is_file()
                assert {f"!{needed}", f"!{Path(needed).parts[0]}"} & set(let_in), needed

    def test_servers_come_from_their_makers(self) -> None:
        assert services()["postgres"]["image"] == "postgres:17"
        version = re.fullmatch(r"nats:(\d+)\.(\d+)-alpine", services()["nats"]["image"])
        # From here on a batch of messages is stored as a whole.
        assert version is not None
        assert (int(version[1]), int(version[2])) >= (2, 12)


class TestRights:
    @pytest.mark.parametrize("name", sorted(services().keys() - TAKEN_AS_THEY_ARE))
    def test_nobody_may_do_more_than_they_must(self, name: str) -> None:
        found = services()[name]

        assert found["read_only"] is True
        assert found["cap_drop"] == ["ALL"]
        assert found["security_opt"] == ["no-new-privileges:true"]
        assert "privileged" not in found
        assert "cap_add" not in found
        # The images of ours, and the collector's, say it themselves.
        assert ("user" in found) is (name in {"postgres", "nats"})

    def test_what_is_published_is_published_to_this_machine_only(self) -> None:
        published = {
            name: [port["host_ip"] for port in each["ports"]]
            for name, each in services().items()
            if each.get("ports")
        }
        assert published == {name: ["127.0.0.1"] for name in ("gateway", "psp-sandbox", "grafana")}

    def test_the_private_key_of_a_service_is_its_own(self) -> None:
        holders = {name for name, each in services().items() if "orders-key" in mounted(each)}
        assert holders == {"keys", "orders"}
        public = {name: mounted(each).get("service-keys") for name, each in services().items()}
        writers = {name for name, each in public.items() if each and not each.get("read_only")}
        assert writers == {"keys"}

    def test_the_password_of_a_role_is_told_to_that_role(self) -> None:
        """And to the server that checks it."""
        for service in (each.name for each in BACKENDS):
            prefix = service.upper()
            holders = {
                f"{prefix}_OWNER_PASSWORD": {"postgres", f"{service}-migrate"},
                f"{prefix}_DATABASE_PASSWORD": {"postgres", service},
                f"{prefix}_AUDIT_PASSWORD": {"postgres", "audit"},
                f"NATS_{prefix}_PASSWORD": {"nats", service},
            }
            assert {each: told(example()[each]) for each in holders} == holders

    def test_no_secret_has_a_default(self) -> None:
        text = (FOLDER / "compose.yaml").read_text()
        secret = r"\$\{(\w*(?:PASSWORD|SECRET|ENCRYPTION_KEY))([^}]*)\}"
        for name, rest in re.findall(secret, text):
            assert rest in {"", ":?copy .env.example to .env"}, name
            assert example()[name], name

        result = config("config", "--quiet")
        missing = set(re.findall(r"required variable (\w+) is missing", result.stderr))
        assert result.returncode != 0
        assert missing <= example().keys()
        assert {name for name, _ in re.findall(secret, text)} <= missing
