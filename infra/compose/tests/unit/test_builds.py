"""A build that fails is a failure, unless what it downloads cannot be had by anybody here."""

import pytest

from infra.compose.tests.containers.images import build
from infra.compose.tests.containers.podman import Failed, NotHere, Podman


class Refusing(Podman):
    """Fails at the commands it is told to fail at."""

    def __init__(self, *refused: str) -> None:
        self.refused = refused
        self.ran: list[str] = []

    def run(self, *arguments: str, minutes: float = 5, text: str | None = None) -> str:
        self.ran.append(arguments[0])
        if arguments[0] in self.refused:
            raise Failed(f"no {arguments[0]}")
        return ""


class TestBuild:
    def test_what_works_asks_nobody(self) -> None:
        podman = Refusing()
        build(podman, "base", "tag")
        assert podman.ran == ["build"]

    def test_what_fails_although_packages_can_be_had_is_a_failure(self) -> None:
        podman = Refusing("build")
        with pytest.raises(Failed, match="no build"):
            build(podman, "base", "tag")
        assert podman.ran == ["build", "run"]

    def test_where_packages_cannot_be_had_nothing_can_be_built(self) -> None:
        with pytest.raises(NotHere, match="packages cannot be downloaded: no run"):
            build(Refusing("build", "run"), "base", "tag")
