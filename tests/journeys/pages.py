"""The commands of the operations guide, as they are in its pages."""

import asyncio
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "operations"
_BLOCK = re.compile(r"^```sh tried=(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SECONDS = 180


def tried() -> dict[str, str]:
    """Every block that claims to be tried, by its name."""
    found: dict[str, str] = {}
    for page in sorted(FOLDER.glob("*.md")):
        for name, commands in _BLOCK.findall(page.read_text()):
            assert name not in found, f"{name} is the name of two blocks"
            found[name] = commands
    return found


class Operator:
    """Somebody with the guide and a shell, beside a platform's folder."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        programs = os.path.dirname(sys.executable)  # noqa: PTH120 - a link must not be followed
        self._environment = {
            **os.environ,
            **environment,
            "PATH": f"{programs}:{os.environ['PATH']}",
        }
        self._blocks = tried()
        self.done: list[str] = []

    async def does(self, *names: str, **more: str) -> str:
        """Runs blocks one after another in one shell; what they printed."""
        commands = "".join(self._blocks[name] for name in names)
        process = await asyncio.create_subprocess_exec(
            "bash",
            "-euo",
            "pipefail",
            "-c",
            commands,
            cwd=self._folder,
            env=self._environment | more,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(_SECONDS):
            output = (await process.communicate())[0].decode()
        assert process.returncode == 0, f"{names}: exit code {process.returncode}\n{output}"
        self.done += names
        return output
