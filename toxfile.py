"""All tasks of tox.ini run in one environment.

tox gives every task an environment of its own and, when two share a folder,
recreates it whenever the name of the task changes. Ours need the same packages:
one environment is installed once, and a second run starts at once, offline.
"""

from pathlib import Path
from typing import Any

from tox.plugin import impl
from tox.tox_env.info import Info
from tox.tox_env.register import ToxEnvRegister
from tox_uv._run import UvVenvRunner


class SharedInfo(Info):
    """What tox remembers about an environment, without the name of the task."""

    def compare(self, value: Any, section: str, sub_section: str | None = None) -> Any:
        if section == "ToxEnv":
            value = {**value, "name": "shared"}
        return super().compare(value, section, sub_section)


class SharedEnvironment(UvVenvRunner):
    """A virtual environment made by uv that several tasks use."""

    @staticmethod
    def id() -> str:
        return "shared"

    @property
    def cache(self) -> Info:
        return SharedInfo(Path(self.env_dir))


@impl
def tox_register_tox_env(register: ToxEnvRegister) -> None:
    register.add_run_env(SharedEnvironment)
