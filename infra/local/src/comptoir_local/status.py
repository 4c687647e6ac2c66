"""What `comptoir status` says of the platform that runs in a folder."""

import asyncio
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from comptoir_local.health import grpc_is_ready, http_is_ready
from comptoir_local.protection import Protection, dial_openly
from comptoir_local.stack import BACKENDS, GATEWAY, PROVIDER
from comptoir_local.workspace import Workspace

_NOT_RUNNING = 3


def show(workspace: Workspace, console: Console) -> int:
    """Print a line per process; 0 when all are ready, 1 when some are not, 3 when none runs."""
    state = workspace.running()
    if state is None:
        console.print(f"Nothing is running in {workspace.root}.")
        return _NOT_RUNNING
    ready = asyncio.run(_ask(state["addresses"], state["replicas"], state["certificates"]))
    table = Table(title=f"{state['gateway']}  (process {state['pid']})", title_justify="left")
    for column in ("process", "pid", "address", "state"):
        table.add_column(column)
    for name, is_ready in ready.items():
        mark = "[green]ready[/]" if is_ready else "[red]not ready[/]"
        table.add_row(name, str(state["processes"].get(name, "")), state["addresses"][name], mark)
    console.print(table)
    return 0 if all(ready.values()) else 1


async def _ask(addresses: dict[str, Any], replicas: int, certificates: str) -> dict[str, bool]:
    protection = Protection(Path(certificates)) if certificates else None
    questions = {}
    for service in BACKENDS:
        dial = protection.dial_to(service.name) if protection else dial_openly
        for name in service.replicas(replicas):
            questions[name] = grpc_is_ready(addresses[name], dial)
    for service, count in ((GATEWAY, replicas), (PROVIDER, 1)):
        for name in service.replicas(count):
            questions[name] = http_is_ready(addresses[name], service.ready_path)
    answers = await asyncio.gather(*questions.values())
    return dict(zip(questions, answers, strict=True))
