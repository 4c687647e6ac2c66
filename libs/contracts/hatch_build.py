"""Makes the contracts from the protos before hatchling packs them.

Runs for wheels and for editable installs alike, so that a fresh clone has its
contracts as soon as it is installed and none of them is kept in git.
"""

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.builders.wheel import WheelBuilderConfig


class ContractsHook(BuildHookInterface[WheelBuilderConfig]):
    """Runs the generator of the package that is being built."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        # A source distribution carries the protos; the wheel is made from them.
        if self.target_name != "wheel":
            return
        source = Path(self.root) / "src"
        sys.path.insert(0, str(source))
        try:
            # The package is found only once its own source is on the path.
            from comptoir_contracts import generate  # noqa: PLC0415 - see above

            generate.generate(generate.find_protos(Path(self.root)), source)
        finally:
            sys.path.remove(str(source))
