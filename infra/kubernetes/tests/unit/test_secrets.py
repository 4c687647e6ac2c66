"""The page that says how to deploy makes every secret that the manifests ask for, and no other."""

import os
import re
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from comptoir_local.nats_users import ADMINISTRATOR
from comptoir_local.stack import BACKENDS, SERVICES
from infra.kubernetes.tests.manifests import FOLDER, manifests

# Beside much else what makes the keys starts slowly, and so does what renders the manifests.
pytestmark = pytest.mark.timeout(300)
PAGE = FOLDER.parents[1] / "docs/operations/deploy.md"
BLOCK = re.compile(r"^```sh secrets\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Says what it was asked, a word on a line: the real one takes half a second for each of thirty.
KUBECTL = '#!/bin/sh\necho "---"\nprintf "%s\\n" "$@"\n'
KINDS = {"configmap": "ConfigMap", "generic": "Secret"}
BY_OPERATORS = re.compile(r"-certificate$|-database-app$")
Made = dict[tuple[str, str], set[str]]
"""The keys of each, by kind and name."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """What the block of the page makes, without a cluster."""
    folder = tmp_path_factory.mktemp("secrets")
    kubectl = folder / "bin/kubectl"
    kubectl.parent.mkdir()
    kubectl.write_text(KUBECTL)
    kubectl.chmod(0o755)
    (block,) = BLOCK.findall(PAGE.read_text())
    programs = (str(kubectl.parent), sysconfig.get_path("scripts"), os.environ["PATH"])
    result = subprocess.run(
        ["/bin/bash", "-euc", block],
        cwd=folder,
        env={
            "PATH": ":".join(programs),
            "HOME": str(folder),
            "STAFF_EMAIL": "admin@comptoir.example",
            "STRIPE_API_KEY": "sk_test_1",
            "STRIPE_WEBHOOK_SECRETS": "whsec_1,whsec_2",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    asked = [each.split() for each in result.stdout.split("---\n")[1:]]
    return {(KINDS[each[-4]], each[-1]): {*keys_of(rest)} for each, rest in map(apart, asked)}


def apart(words: list[str]) -> tuple[list[str], list[str]]:
    """What is made, up to its name; and what is put into it."""
    options = next(number for number, word in enumerate(words) if word.startswith("--"))
    return words[:options], words[options:]


def keys_of(options: list[str]) -> Iterator[str]:
    for each in options:
        match each.split("=", 2):
            case ["--from-literal", key, value] if value:
                yield key
            case ["--from-file", path]:
                yield Path(path).name
            case ["--from-file", key, _]:
                yield key


def asked_for(node: Any) -> Iterator[tuple[str, str, str]]:
    """Kind, name and key of what a manifest takes from elsewhere; no key where it takes all."""
    if isinstance(node, list):
        for each in node:
            yield from asked_for(each)
    elif isinstance(node, dict):
        for field, value in node.items():
            match field:
                case "secretKeyRef":
                    yield "Secret", value["name"], value["key"]
                case "secretRef" | "passwordSecret" | "secret" if isinstance(value, dict):
                    yield "Secret", value.get("secretName") or value["name"], ""
                case "configMap" if value.get("name") == "service-keys":
                    yield "ConfigMap", value["name"], ""
                case _:
                    yield from asked_for(value)


def test_the_page_makes_what_the_manifests_ask_for_and_nothing_else(made: Made) -> None:
    asked = {
        each for each in asked_for(manifests("production")) if not BY_OPERATORS.search(each[1])
    }

    assert {(kind, name) for kind, name, _ in asked} | {("Secret", "nats-users")} == made.keys()
    for kind, name, key in asked:
        assert {key} - {""} <= made[kind, name], name


def test_every_user_of_nats_has_a_password(made: Made) -> None:
    assert made["Secret", "nats-users"] == {ADMINISTRATOR, *(each.name for each in SERVICES)}


def test_a_database_s_roles_are_told_to_its_operator_and_to_those_who_are_them(made: Made) -> None:
    for service in BACKENDS:
        for name in (f"{service.name}-database", f"{service.name}-database-audit"):
            assert made["Secret", name] == {"username", "password", "url"}


def test_a_service_finds_its_key_where_it_looks(made: Made) -> None:
    assert made["ConfigMap", "service-keys"] == {"services.jwks"}
    for service in SERVICES:
        assert made["Secret", f"{service.name}-key"] == {"key.pem"}
