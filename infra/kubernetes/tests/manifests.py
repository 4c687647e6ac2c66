"""Manifests as they would be applied, and what their network policies allow."""

import functools
import subprocess
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).resolve().parents[1]
KUBECTL = Path(sysconfig.get_path("scripts")) / "kubectl"
OVERLAYS = ("development", "production")
GRPC = 50051

Manifest = dict[str, Any]


@functools.cache
def rendered(overlay: str) -> list[Manifest]:
    """What `kubectl kustomize` makes of an overlay."""
    command = [str(KUBECTL), "kustomize", str(FOLDER / "overlays" / overlay)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return list(yaml.safe_load_all(result.stdout))


def manifests(overlay: str, kind: str | None = None) -> list[Manifest]:
    """The manifests of an overlay, of one kind if it is given."""
    return [each for each in rendered(overlay) if kind is None or each["kind"] == kind]


def name_of(manifest: Manifest) -> str:
    name: str = manifest["metadata"]["name"]
    return name


def container(deployment: Manifest) -> Manifest:
    """The only container of a Deployment or a Job."""
    (only,) = deployment["spec"]["template"]["spec"]["containers"]
    found: Manifest = only
    return found


def services(overlay: str) -> dict[str, Manifest]:
    """The Deployments of services, by their names."""
    return {
        name_of(each): each
        for each in manifests(overlay, "Deployment")
        if each["metadata"]["labels"]["app.kubernetes.io/component"] == "service"
    }


def uncounted(overlay: str, resources: Manifest) -> set[str]:
    """What the quota of the namespace counts and a container does not say."""
    (quota,) = manifests(overlay, "ResourceQuota")
    told = {f"{side}.{name}" for side, each in resources.items() for name in each}
    return set(quota["spec"]["hard"]) - told


@dataclass(frozen=True, slots=True)
class Pod:
    """What a policy can tell one pod from another by; all of them are in our namespace."""

    name: str
    labels: tuple[tuple[str, str], ...]

    def matches(self, selector: Manifest) -> bool:
        """Whether a label selector chooses this pod."""
        labels = dict(self.labels)
        for expression in selector.get("matchExpressions", ()):
            value = labels.get(expression["key"])
            if value is None:
                return False
            if expression["operator"] == "In":
                if value not in expression["values"]:
                    return False
            else:
                assert expression["operator"] == "Exists", "teach this test the other operators"
        wanted: dict[str, str] = selector.get("matchLabels", {})
        return all(labels.get(key) == value for key, value in wanted.items())


def pod_of(manifest: Manifest) -> Pod:
    """A pod of a Deployment or a Job."""
    labels = manifest["spec"]["template"]["metadata"]["labels"]
    return Pod(name_of(manifest), tuple(sorted(labels.items())))


def allowed(overlay: str, source: Pod, target: Pod, port: int) -> bool:
    """Whether the source may leave for the target's port, and the target lets it in."""
    policies = manifests(overlay, "NetworkPolicy")
    leaves = any(
        _covers(rule, "to", target, port) for rule in _rules(policies, source, "Egress", "egress")
    )
    enters = any(
        _covers(rule, "from", source, port)
        for rule in _rules(policies, target, "Ingress", "ingress")
    )
    return leaves and enters


def beyond(overlay: str, field: str) -> set[tuple[str, str]]:
    """What is not of our namespace and may come in, or be reached; with the pod that it may.

    The names of things, which all may ask for, are left out.
    """
    side = {"ingress": "from", "egress": "to"}[field]
    return {
        (place, _chosen(policy))
        for policy in manifests(overlay, "NetworkPolicy")
        for rule in policy["spec"].get(field, ())
        for peer in rule.get(side, ({},))
        if (place := _place(peer)) not in ("", "kubernetes.io/metadata.name=kube-system")
    }


def _place(peer: Manifest) -> str:
    """What a rule says of somebody elsewhere; nothing of our own pods."""
    if "ipBlock" in peer:
        return str(peer["ipBlock"]["cidr"])
    if "namespaceSelector" in peer:
        ((key, value),) = peer["namespaceSelector"]["matchLabels"].items()
        return f"{key}={value}"
    return "" if peer else "anywhere"


def _chosen(policy: Manifest) -> str:
    """The name by which a policy chooses its pods; for all of them, nothing."""
    labels = policy["spec"]["podSelector"].get("matchLabels", {})
    return str(labels.get("cnpg.io/cluster", labels.get("app.kubernetes.io/name", "")))


def _rules(policies: list[Manifest], pod: Pod, kind: str, field: str) -> Iterator[Manifest]:
    for policy in policies:
        spec = policy["spec"]
        if kind in spec["policyTypes"] and pod.matches(spec["podSelector"]):
            yield from spec.get(field, ())


def _covers(rule: Manifest, side: str, peer: Pod, port: int) -> bool:
    ports = {each["port"] for each in rule.get("ports", ())}
    if ports and port not in ports:
        return False
    peers = rule.get(side)
    if peers is None:
        return True
    return any(
        "podSelector" in each
        and "namespaceSelector" not in each
        and peer.matches(each["podSelector"])
        for each in peers
    )
