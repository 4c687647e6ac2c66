"""All images of the project, built with podman, and what they are built on."""

import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from comptoir_local.embedded.binaries import nats_program
from infra.compose.tests.containers.podman import STANDINS, Failed, NotHere, Podman

ROOT = Path(__file__).resolve().parents[4]
DOCKERFILE = ROOT / "infra/images/Dockerfile"
STANDIN_BASE = "localhost/comptoir-standin-base"
STANDIN_SERVERS = ("postgres", "nats")
RELEASE = "trixie"
PYTHON = "python3,python3-venv,ca-certificates"
# A company's own authorities, for whoever downloads from behind them.
AUTHORITIES = ("SSL_CERT_FILE", "PIP_CERT")
OURS = "label=org.opencontainers.image.vendor=Comptoir"
# Something small from each of the servers that builds download from.
ASK_FOR_PACKAGES = """
apt-get --quiet=2 -o APT::Update::Error-Mode=any update
python3 -m venv /tmp/asking
/tmp/asking/bin/pip download --quiet --no-deps --dest /tmp/asking pip
"""


@dataclass(frozen=True)
class Built:
    """An image of ours: how long its build took, and the bytes it adds to its base."""

    name: str
    seconds: float
    added: int


@dataclass(frozen=True)
class Workshop:
    """Where images come from: public ones, or stand-ins where those cannot be had."""

    podman: Podman
    base: str
    public: bool
    fresh: bool
    """Whether to build without what is left of earlier builds."""

    def build(self, service: dict[str, Any]) -> Built:
        """Builds the image of a service of the project, as the project says."""
        command = ["--ignorefile", f"{DOCKERFILE}.dockerignore", *trusting()]
        command += ["--no-cache" if self.fresh else "--layers", "--file", str(DOCKERFILE)]
        for name, value in service["build"]["args"].items():
            if name != "BASE_IMAGE":
                command += ["--build-arg", f"{name}={value}"]
        started = time.monotonic()
        build(self.podman, self.base, tag_of(service["image"]), *command, str(ROOT))
        seconds = time.monotonic() - started
        size = self.podman.image(tag_of(service["image"]))["Size"]
        added = size - self.podman.image(self.base)["Size"]
        return Built(service["image"].partition(":")[0], seconds, added)

    def tidy(self) -> None:
        """Forgets what no image is made of any more, and was not built today."""
        self.podman.run("image", "prune", "--force", "--filter", OURS, "--filter", "until=24h")


def tag_of(image: str) -> str:
    """The name podman gives to what Docker's API calls `image`."""
    return f"docker.io/{image}"


def build(podman: Podman, base: str, tag: str, *arguments: str) -> None:
    """Builds an image; raises NotHere when what it would download cannot be had."""
    command = ("build", "--format", "docker", "--tag", tag, "--build-arg", f"BASE_IMAGE={base}")
    try:
        podman.run(*command, *arguments, minutes=20)
    except Failed as failure:
        try:
            ask = ("run", "--rm", *trusting(), base, "sh", "-euc", ASK_FOR_PACKAGES)
            podman.run(*ask)
        except Failed as unreachable:
            raise NotHere(f"packages cannot be downloaded: {unreachable}") from failure
        raise


def trusting() -> list[str]:
    """Options that let a build download as whoever runs the tests does."""
    options = ["--network", "host"]
    for name in AUTHORITIES:
        if path := os.environ.get(name):
            folder = Path(path).parent
            options += ["--env", f"{name}={path}", "--volume", f"{folder}:{folder}:ro"]
    return options


def open_workshop(podman: Podman, images: list[str], *, fresh: bool) -> Workshop:
    """Pulls the public images; makes stand-ins where they cannot be had.

    `images` are Python's first, then those of the servers.
    """
    if all(pulled(podman, image) for image in images):
        return Workshop(podman, images[0], True, fresh)
    if not podman.has_image(STANDIN_BASE):
        make_base(podman)
    podman.try_out(STANDIN_BASE)
    for server in STANDIN_SERVERS:
        make_server(podman, server)
    return Workshop(podman, STANDIN_BASE, False, fresh)


def pulled(podman: Podman, image: str) -> bool:
    """Whether a public image is there, now."""
    name = image if "/" in image else f"library/{image}"
    try:
        podman.run("pull", "--quiet", "--policy", "missing", f"docker.io/{name}")
    except Failed:
        return False
    return True


def make_base(podman: Podman) -> None:
    """Debian and its Python, from Debian's own packages."""
    if shutil.which("debootstrap") is None:
        raise NotHere("public images cannot be pulled, and debootstrap is not installed")
    with tempfile.TemporaryDirectory(prefix="comptoir-base-") as name:
        root = Path(name) / "root"
        command = ["debootstrap", "--variant=minbase", f"--include={PYTHON}", RELEASE, str(root)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise NotHere(f"debootstrap failed: {result.stdout[-500:]}{result.stderr[-500:]}")
        for waste in ("var/cache/apt", "var/lib/apt/lists"):
            shutil.rmtree(root / waste)
        archive = Path(name) / "root.tar"
        subprocess.run(["tar", "-C", str(root), "-cf", str(archive), "."], check=True)
        podman.run("import", str(archive), STANDIN_BASE)


def make_server(podman: Podman, server: str) -> None:
    """PostgreSQL from Debian's package, NATS from the wheel."""
    with tempfile.TemporaryDirectory(prefix="comptoir-server-") as name:
        context = Path(name)
        shutil.copy(STANDINS / "entrypoint.sh", context)
        shutil.copy(nats_program(), context / "nats-server")
        file = ("--file", str(STANDINS / f"{server}.Dockerfile"))
        tag = tag_of(f"comptoir/standin-{server}:latest")
        build(podman, STANDIN_BASE, tag, "--layers", *file, "--network", "host", str(context))
