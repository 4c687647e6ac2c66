"""Dockerfiles are clean, and what the one of our images copies exists."""

import re
import subprocess
import sysconfig
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2]
ROOT = FOLDER.parents[1]
DOCKERFILE = FOLDER / "Dockerfile"
ALL = sorted({DOCKERFILE, *ROOT.glob("infra/**/*.Dockerfile")})
# What each variable in the names of what is copied may stand for.
SAMPLES = {"SERVICE": "cart", "FOLDER": "services", "NEEDS": "infra/audit", "LOCK": "tools.txt"}


@pytest.mark.parametrize("dockerfile", ALL, ids=lambda path: path.name)
def test_hadolint_has_nothing_to_say(dockerfile: Path) -> None:
    hadolint = Path(sysconfig.get_path("scripts")) / "hadolint"
    result = subprocess.run(
        [str(hadolint), str(dockerfile)], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout) == (0, "")


def test_what_it_copies_is_in_the_repository() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE.read_text(), re.MULTILINE)
    sources = [source for line in copied for source in line.split()]
    assert len(sources) == 8
    for source in sources:
        path = re.sub(r"\$\{(\w+)\}", lambda found: SAMPLES[found[1]], source)
        assert (ROOT / path).exists(), source


def test_it_runs_as_nobody_in_particular_and_asks_for_no_shell() -> None:
    last = DOCKERFILE.read_text().rsplit("\nFROM ", 1)[1]
    assert "\nUSER 10001:10001\n" in last
    assert '\nENTRYPOINT ["' in last
    assert "\nRUN " not in last
