"""Who reaches whom: what the network policies allow is what the code calls."""

import itertools

import pytest

from comptoir_local.stack import AUDITOR, BACKENDS, SERVICES
from comptoir_testing.environments import called_by
from infra.kubernetes.tests.manifests import (
    GRPC,
    OVERLAYS,
    Pod,
    allowed,
    beyond,
    manifests,
    pod_of,
    services,
)


def databases() -> list[Pod]:
    return [
        Pod(name, (("cnpg.io/cluster", name),))
        for name in (f"{service.name}-database" for service in BACKENDS)
    ]


@pytest.mark.parametrize("overlay", OVERLAYS)
class TestEdges:
    def test_the_edges_between_services_are_those_of_the_code(self, overlay: str) -> None:
        pods = {name: pod_of(each) for name, each in services(overlay).items()}
        of_the_policies = {
            (caller, called)
            for caller, called in itertools.permutations(pods, 2)
            if allowed(overlay, pods[caller], pods[called], GRPC)
        }
        of_the_code = {(caller, called) for caller in pods for called in called_by(caller)}

        assert of_the_policies == of_the_code

    def test_a_database_is_reached_by_its_service_its_migration_and_the_auditor_only(
        self, overlay: str
    ) -> None:
        callers = [
            pod_of(each) for each in (*manifests(overlay, "Deployment"), *manifests(overlay, "Job"))
        ]
        reached = {
            (pod.name, database.name)
            for pod, database in itertools.product(callers, databases())
            if allowed(overlay, pod, database, 5432)
        }

        assert reached == {
            (name, f"{service.name}-database")
            for service in BACKENDS
            for name in (service.name, f"{service.name}-migrate", AUDITOR.name)
        }

    def test_the_servers_of_a_database_reach_each_other_and_no_other_database(
        self, overlay: str
    ) -> None:
        reached = {
            (source.name, target.name)
            for source, target in itertools.product(databases(), databases())
            for port in (5432, 8000)
            if allowed(overlay, source, target, port)
        }

        assert reached == {(each.name, each.name) for each in databases()}

    def test_who_is_reached_from_elsewhere_and_who_reaches_further(self, overlay: str) -> None:
        clusters = {database.name for database in databases()}
        collector = {"opentelemetry-collector"} if overlay == "production" else set()

        assert beyond(overlay, "ingress") == {
            ("comptoir.dev/ingress=true", "gateway"),
            *(("kubernetes.io/metadata.name=cnpg-system", cluster) for cluster in clusters),
        }
        assert beyond(overlay, "egress") == {
            ("0.0.0.0/0", "payments"),
            # The API server, whose address every cluster gives itself.
            *(("anywhere", cluster) for cluster in clusters),
            *(("comptoir.dev/observability=true", each) for each in collector),
        }

    def test_every_service_speaks_to_nats_and_nobody_else_does(self, overlay: str) -> None:
        nats = Pod("nats", (("app.kubernetes.io/name", "nats"),))
        pods = [pod_of(each) for each in manifests(overlay, "Deployment")]
        pods += [pod_of(each) for each in manifests(overlay, "Job")]

        speaking = {pod.name for pod in pods if allowed(overlay, pod, nats, 4222)}

        assert speaking == {service.name for service in SERVICES}

    def test_services_and_the_auditor_may_tell_the_collector_and_nobody_else_does(
        self, overlay: str
    ) -> None:
        pods = [pod_of(each) for each in manifests(overlay, "Deployment")]
        pods += [pod_of(each) for each in manifests(overlay, "Job")]
        collectors = [pod for pod in pods if pod.name == "opentelemetry-collector"]

        assert len(collectors) == (overlay == "production")
        for collector in collectors:
            telling = {pod.name for pod in pods if allowed(overlay, pod, collector, 4317)}
            assert telling == {*(service.name for service in SERVICES), AUDITOR.name}

    def test_what_no_policy_names_may_do_nothing(self, overlay: str) -> None:
        stranger = Pod("stranger", (("app.kubernetes.io/name", "stranger"),))
        pods = [pod_of(each) for each in manifests(overlay, "Deployment")]
        for pod in (*pods, *databases()):
            for port in (GRPC, 8080, 5432, 4222):
                assert not allowed(overlay, stranger, pod, port), f"{pod.name}:{port}"
