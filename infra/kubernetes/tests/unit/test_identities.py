"""Who is who, by certificates and users; and what NATS, somebody else's chart, is given for it."""

from fnmatch import fnmatch
from typing import Any

import pytest
import yaml

from comptoir_local.stack import BACKENDS, SERVICES
from comptoir_runtime.tls import identity_of
from comptoir_testing.environments import called_by
from infra.kubernetes.tests.manifests import (
    FOLDER,
    GRPC,
    container,
    manifests,
    name_of,
    services,
    uncounted,
)

SERVICE_NAMES = [service.name for service in SERVICES]


def told(service: str) -> dict[str, Any]:
    """What a service is told in production, by the name of the variable."""
    return {
        each["name"]: each.get("value", each.get("valueFrom"))
        for each in container(services("production")[service])["env"]
    }


class TestCertificates:
    @pytest.mark.parametrize("service", SERVICE_NAMES)
    def test_a_service_shows_who_it_is(self, service: str) -> None:
        (certificate,) = (
            each["spec"]
            for each in manifests("production", "Certificate")
            if name_of(each) == service
        )
        pod = services("production")[service]["spec"]["template"]["spec"]
        (mounted,) = (each for each in pod["volumes"] if each["name"] == "certificate")

        assert certificate["uris"] == [identity_of(service)]
        assert certificate["dnsNames"] == [service]
        assert mounted["secret"]["secretName"] == certificate["secretName"]
        assert told(service)["TLS_CERTIFICATE"] == "/etc/comptoir-tls/tls.crt"

    def test_all_keys_are_renewed_but_the_one_that_all_believe(self) -> None:
        """With another key of the authority's, what it has certified before would be refused."""
        kept = {
            name_of(each): each["spec"]["privateKey"]["rotationPolicy"]
            for each in manifests("production", "Certificate")
        }

        assert kept == {
            **dict.fromkeys([*SERVICE_NAMES, "nats"], "Always"),
            "authority": "Never",
        }

    @pytest.mark.parametrize("service", [each.name for each in BACKENDS])
    def test_a_service_takes_calls_from_those_that_the_code_lets_call(self, service: str) -> None:
        callers = {each for each in SERVICE_NAMES if service in called_by(each)}

        assert set(told(service)["CALLERS"].split(",")) == callers

    @pytest.mark.parametrize("service", [each.name for each in BACKENDS])
    def test_health_is_asked_for_where_it_is_told_without_a_certificate(self, service: str) -> None:
        only = container(services("production")[service])
        port = int(told(service)["HEALTH_LISTEN"].rpartition(":")[2])
        asked = {
            only[f"{kind}Probe"]["grpc"]["port"] for kind in ("startup", "readiness", "liveness")
        }

        assert asked == {port} != {GRPC}

    @pytest.mark.parametrize("service", SERVICE_NAMES)
    def test_each_service_has_a_nats_user_of_its_own(self, service: str) -> None:
        assert told(service)["NATS_URL"] == {
            "secretKeyRef": {"name": f"{service}-nats", "key": "url"}
        }


class TestNats:
    """The chart is somebody else's: these are the values it is given."""

    VALUES = yaml.safe_load((FOLDER / "dependencies/nats.yaml").read_text())

    @pytest.mark.parametrize("container", ["container", "reloader"])
    def test_the_namespace_lets_it_in(self, container: str) -> None:
        pod = self.VALUES["podTemplate"]["merge"]["spec"]["securityContext"]
        asked = self.VALUES[container]["merge"]

        assert pod["runAsNonRoot"] is True
        assert pod["runAsUser"] == pod["fsGroup"] > 0
        assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
        assert asked["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        }
        assert uncounted("production", asked["resources"]) == set()

    def test_its_certificate_bears_the_names_it_is_called_by(self) -> None:
        (names,) = (
            each["spec"]["dnsNames"]
            for each in manifests("production", "Certificate")
            if name_of(each) == "nats"
        )
        servers = range(self.VALUES["config"]["cluster"]["replicas"])
        # The chart's own names for the routes between its servers.
        called = {"nats", *(f"nats-{number}.nats-headless" for number in servers)}

        assert {each for each in called if not any(fnmatch(each, name) for name in names)} == set()
