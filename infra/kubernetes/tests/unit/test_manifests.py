"""Manifests are valid, say what the code says, and let nobody do more than they must."""

import itertools
import re
from pathlib import Path

import pytest
from kubernetes_validate import utils as kubernetes

from comptoir_audit.invariant import SERVICES as AUDITED
from comptoir_audit.settings import PROVIDER_VARIABLE, database_variable
from comptoir_local.databases import auditor_of
from comptoir_local.stack import AUDITOR, BACKENDS, SERVICES
from comptoir_runtime.migrations.commands import CONNECT_OPTIONS
from comptoir_runtime.server import LIVENESS
from comptoir_testing.environments import called_by, longest_stop, needed_by, settings_of
from infra.compose.tests.project import services as compose
from infra.kubernetes.tests.manifests import (
    FOLDER,
    GRPC,
    OVERLAYS,
    Manifest,
    allowed,
    container,
    manifests,
    name_of,
    pod_of,
    services,
    uncounted,
)

VERSIONS = ("1.35", "1.36", "1.37")
# Kinds of operators and of the Gateway API: the schemas of Kubernetes do not hold them.
FOREIGN = {"Certificate", "Cluster", "HTTPRoute", "Issuer"}
SERVICE_NAMES = [service.name for service in SERVICES]


@pytest.mark.parametrize("overlay", OVERLAYS)
class TestManifests:
    @pytest.mark.parametrize("version", VERSIONS)
    def test_every_manifest_is_valid(self, overlay: str, version: str) -> None:
        for manifest in manifests(overlay):
            if manifest["kind"] not in FOREIGN:
                assert kubernetes.validate(manifest, version, strict=True), name_of(manifest)

    def test_every_service_is_deployed_with_all_it_needs(self, overlay: str) -> None:
        assert sorted(services(overlay)) == sorted(SERVICE_NAMES)
        for kind in ("Service", "PodDisruptionBudget", "HorizontalPodAutoscaler", "ServiceAccount"):
            names = {name_of(each) for each in manifests(overlay, kind)}
            assert names >= set(SERVICE_NAMES), kind
        jobs = [name_of(each) for each in manifests(overlay, "Job")]
        assert sorted(jobs) == sorted(f"{service.name}-migrate" for service in BACKENDS)

    def test_every_image_of_ours_is_one_that_is_built(self, overlay: str) -> None:
        pods = [*manifests(overlay, "Deployment"), *manifests(overlay, "Job")]
        images = {container(each)["image"] for each in pods}
        built = {each["image"].partition(":")[0] for each in compose().values() if "build" in each}
        ours = {
            image.removeprefix("registry.example/").partition(":")[0]
            for image in images
            if "comptoir/" in image
        }

        assert len(ours) >= len(SERVICE_NAMES)
        assert ours <= built

    @pytest.mark.parametrize("service", SERVICE_NAMES)
    def test_a_service_is_told_what_it_reads_and_nothing_else(
        self, overlay: str, service: str
    ) -> None:
        told = {each["name"] for each in container(services(overlay)[service])["env"]}
        known = settings_of(service)
        # What each provider gave us comes as a whole, from a secret.
        from_secret = {"PSP_URL"} if service == "payments" else set()

        assert told <= set(known)
        assert needed_by(service) - from_secret <= told

    @pytest.mark.parametrize("service", SERVICE_NAMES)
    def test_a_service_is_told_where_all_replicas_of_those_it_calls_listen(
        self, overlay: str, service: str
    ) -> None:
        told = {
            each["name"]: each.get("value") for each in container(services(overlay)[service])["env"]
        }
        doors = {name_of(each): each["spec"] for each in manifests(overlay, "Service")}

        for called in called_by(service):
            (port,) = doors[called]["ports"]
            # Headless: the name is the addresses of all of them.
            assert doors[called]["clusterIP"] == "None"
            assert (port["port"], port["targetPort"]) == (GRPC, "grpc")
            assert told[f"{called.upper()}_TARGET"] == f"dns:///{called}:{GRPC}"

    def test_only_migrations_are_told_how_to_change_tables(self, overlay: str) -> None:
        for manifest in (*manifests(overlay, "Deployment"), *manifests(overlay, "Job")):
            owners = {
                each["name"]
                for each in container(manifest).get("env", ())
                if each.get("valueFrom", {})
                .get("secretKeyRef", {})
                .get("name", "")
                .endswith("-database-app")
            }
            expected = {"MIGRATION_DATABASE_URL"} if manifest["kind"] == "Job" else set()
            assert owners == expected, name_of(manifest)

    def test_every_database_is_made_with_the_privileges_that_were_tested(
        self, overlay: str
    ) -> None:
        (roles,) = (
            each["data"]["roles.sql"]
            for each in manifests(overlay, "ConfigMap")
            if name_of(each) == "database-roles"
        )
        assert roles == (FOLDER.parent / "postgres" / "roles.sql").read_text()
        for cluster in manifests(overlay, "Cluster"):
            made = cluster["spec"]["bootstrap"]["initdb"]
            (reference,) = made["postInitApplicationSQLRefs"]["configMapRefs"]
            assert reference == {"name": "database-roles", "key": "roles.sql"}, name_of(cluster)
            # As the file wants it: who serves bears the name of the database.
            serving, reading = [role["name"] for role in cluster["spec"]["managed"]["roles"]]
            assert (made["database"], made["owner"] == serving) == (serving, False)
            assert reading == auditor_of(serving)
            # It grants to who exists: both do before it runs.
            assert {f"CREATE ROLE {role} LOGIN" for role in (serving, reading)} <= set(
                made["postInitSQL"]
            )

    def test_a_database_ends_no_work_that_may_take_long(self, overlay: str) -> None:
        """What is said here holds for all who do not say it themselves: migrations, above all."""
        said_by_migrations = set(re.findall(r"-c (\w+)=", CONNECT_OPTIONS))
        for cluster in manifests(overlay, "Cluster"):
            parameters = cluster["spec"]["postgresql"]["parameters"]
            limits = {name for name in parameters if name.endswith("_timeout")}
            # A session that does nothing, in the middle of a transaction.
            assert limits - {"idle_in_transaction_session_timeout"} <= said_by_migrations

    def test_what_all_of_them_are_told_is_what_they_read(self, overlay: str) -> None:
        (platform,) = [
            each["data"]
            for each in manifests(overlay, "ConfigMap")
            if name_of(each).startswith("platform")
        ]
        # Read by gRPC itself.
        told = set(platform) - {"GRPC_EXPERIMENTS"}
        assert told <= set().union(*(settings_of(service) for service in SERVICE_NAMES))
        assert platform["NATS_REPLICAS"] == {"production": "3", "development": "1"}[overlay]
        collector = platform["OTEL_EXPORTER_OTLP_ENDPOINT"]
        assert (
            collector
            == {
                "production": "http://opentelemetry-collector:4317",
                "development": "",
            }[overlay]
        )

    def test_replicas_come_and_go_one_by_one_and_stand_apart(self, overlay: str) -> None:
        budgets = {
            name_of(each): each["spec"] for each in manifests(overlay, "PodDisruptionBudget")
        }
        scalers = {
            name_of(each): each["spec"] for each in manifests(overlay, "HorizontalPodAutoscaler")
        }
        for name, manifest in services(overlay).items():
            rolling = manifest["spec"]["strategy"]["rollingUpdate"]
            assert rolling == {"maxUnavailable": 0, "maxSurge": 1}, name
            pod = manifest["spec"]["template"]
            keys = {each["topologyKey"] for each in pod["spec"]["topologySpreadConstraints"]}
            assert keys == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}, name
            for each in pod["spec"]["topologySpreadConstraints"]:
                labels = each["labelSelector"]["matchLabels"]
                assert labels.items() <= pod["metadata"]["labels"].items(), name
                # The pods of the release before will be gone.
                assert each["matchLabelKeys"] == ["pod-template-hash"], name
            assert budgets[name]["maxUnavailable"] == (1 if overlay == "production" else "100%")
            assert scalers[name]["minReplicas"] == (2 if overlay == "production" else 1)
            assert scalers[name]["scaleTargetRef"]["name"] == name

    def test_two_of_anything_are_not_on_one_machine(self, overlay: str) -> None:
        for manifest in manifests(overlay, "Deployment"):
            if manifest["spec"].get("replicas", 2) > 1:
                spread = manifest["spec"]["template"]["spec"]["topologySpreadConstraints"]
                keys = {each["topologyKey"] for each in spread}
                assert "kubernetes.io/hostname" in keys, name_of(manifest)

    def test_a_replica_is_added_when_the_core_that_a_process_uses_is_nearly_full(
        self, overlay: str
    ) -> None:
        """As docs/scaling.md reckons; a share of what a pod asks for would be another figure."""
        for scaler in manifests(overlay, "HorizontalPodAutoscaler"):
            (metric,) = scaler["spec"]["metrics"]
            target = metric["resource"]["target"]
            assert (metric["resource"]["name"], target["type"]) == ("cpu", "AverageValue")
            assert 600 <= int(target["averageValue"].removesuffix("m")) <= 700, name_of(scaler)

    def test_a_fail_over_loses_no_commit_and_a_new_version_comes_by_one(self, overlay: str) -> None:
        production = {"method": "any", "number": 1, "dataDurability": "required"}
        for cluster in manifests(overlay, "Cluster"):
            spec = cluster["spec"]
            # Of one instance nobody could confirm anything.
            expected = production if spec["instances"] > 1 else None
            assert spec["postgresql"].get("synchronous") == expected, name_of(cluster)
            assert (spec["instances"] > 1) is (overlay == "production")
            assert spec["primaryUpdateMethod"] == "switchover", name_of(cluster)
            # Their older form, which gives the confirmation up when standbys are away.
            assert {"minSyncReplicas", "maxSyncReplicas"}.isdisjoint(spec), name_of(cluster)

    def test_every_probe_asks_the_service_itself(self, overlay: str) -> None:
        for name, manifest in services(overlay).items():
            only = container(manifest)
            ports = {each["name"]: each["containerPort"] for each in only["ports"]}
            for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
                probe = only[kind]
                if name == "gateway":
                    assert probe["httpGet"]["port"] in ports
                else:
                    # Aside, where calls need a certificate that the kubelet has not.
                    asked = ports["health" if overlay == "production" else "grpc"]
                    assert probe["grpc"]["port"] == asked
                    assert ports["grpc"] == GRPC
            memory = only["resources"]
            assert memory["requests"]["memory"] == memory["limits"]["memory"], name

    def test_a_pod_is_killed_for_its_own_faults_only(self, overlay: str) -> None:
        """One whose database or NATS is away gets no calls, and waits."""
        for name, manifest in services(overlay).items():
            only = container(manifest)
            asked = [
                only[f"{kind}Probe"].get("httpGet", {}).get("path")
                or only[f"{kind}Probe"]["grpc"].get("service", "")
                for kind in ("startup", "liveness", "readiness")
            ]
            alive, ready = ("/healthz", "/readyz") if name == "gateway" else (LIVENESS, "")
            assert asked == [alive, alive, ready], name

    def test_databases_are_migrated_before_the_roll_out(self, overlay: str) -> None:
        for job in manifests(overlay, "Job"):
            assert job["metadata"]["annotations"]["argocd.argoproj.io/hook"] == "PreSync"
            assert job["metadata"]["labels"]["app.kubernetes.io/component"] == "migration"
            assert container(job)["args"] == ["migrate"]
            # Ten seconds after the first try, then twice as long each time, five minutes at most.
            waits = [min(10 * 2**each, 300) for each in range(job["spec"]["backoffLimit"])]
            assert sum(waits) >= job["spec"]["activeDeadlineSeconds"]
            owner = container(job)["env"][0]["valueFrom"]["secretKeyRef"]["name"]
            assert owner.endswith("-database-app"), "tables are the owner's to change"

    def test_no_pod_may_do_more_than_it_must(self, overlay: str) -> None:
        for manifest in (*manifests(overlay, "Deployment"), *manifests(overlay, "Job")):
            pod, only = manifest["spec"]["template"]["spec"], container(manifest)
            assert pod["automountServiceAccountToken"] is False, name_of(manifest)
            assert pod["securityContext"]["runAsNonRoot"] is True, name_of(manifest)
            assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
            assert only["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, name_of(manifest)
            assert only["resources"]["limits"]["memory"], name_of(manifest)

    def test_every_container_says_what_the_quota_counts(self, overlay: str) -> None:
        """One that does not is not let in."""
        pods = [*manifests(overlay, "Deployment"), *manifests(overlay, "Job")]
        asked = {name_of(each): container(each)["resources"] for each in pods}
        asked |= {
            name_of(each): each["spec"]["resources"] for each in manifests(overlay, "Cluster")
        }

        assert {name for name, each in asked.items() if uncounted(overlay, each)} == set()

    def test_a_pod_has_time_to_drain(self, overlay: str) -> None:
        for name, manifest in services(overlay).items():
            only = container(manifest)
            waits = only["lifecycle"]["preStop"]["sleep"]["seconds"]
            (drains,) = [each for each in only["env"] if each["name"] == "DRAIN_SECONDS"]
            grace = manifest["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
            assert grace > waits + longest_stop(float(drains["value"])), name


@pytest.mark.parametrize("overlay", OVERLAYS)
class TestAuditor:
    def auditor(self, overlay: str) -> Manifest:
        (found,) = (each for each in manifests(overlay, "Deployment") if name_of(each) == "audit")
        return found

    def test_there_is_one_and_never_a_second_beside_it(self, overlay: str) -> None:
        spec = self.auditor(overlay)["spec"]

        assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
        assert container(self.auditor(overlay))["args"] == ["--every", "60"]

    def test_it_is_told_what_it_reads_as_the_role_that_reads(self, overlay: str) -> None:
        told = {
            each["name"]: each.get("value", each.get("valueFrom"))
            for each in container(self.auditor(overlay))["env"]
        }
        databases = {
            database_variable(name): {
                "secretKeyRef": {"name": f"{name}-database-audit", "key": "url"}
            }
            for name in AUDITED
        }
        provider = {PROVIDER_VARIABLE: "http://psp-sandbox"} if overlay == "development" else {}

        assert told == databases | provider
        passwords = {
            role["passwordSecret"]["name"]
            for cluster in manifests(overlay, "Cluster")
            for role in cluster["spec"]["managed"]["roles"]
        }
        assert {each["secretKeyRef"]["name"] for each in databases.values()} <= passwords

    def test_it_calls_no_service_and_nobody_calls_it(self, overlay: str) -> None:
        auditor = pod_of(self.auditor(overlay))
        others = [pod_of(each) for each in manifests(overlay, "Deployment")]
        ports = (GRPC, 8080, 50052)
        called = {
            other.name
            for other, port in itertools.product(others, ports)
            if allowed(overlay, auditor, other, port)
        }

        assert called == ({"psp-sandbox"} if overlay == "development" else set())
        assert not any(
            allowed(overlay, other, auditor, port)
            for other, port in itertools.product(others, ports)
        )


def test_the_folder_of_every_service_is_part_of_the_platform() -> None:
    base = Path(__file__).resolve().parents[2] / "base"
    assert {path.name for path in base.iterdir() if path.is_dir()} == {
        *SERVICE_NAMES,
        AUDITOR.name,
        "platform",
    }
