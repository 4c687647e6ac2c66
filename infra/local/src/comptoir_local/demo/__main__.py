"""`make demo`, or `python -m comptoir_local.demo`: one customer buys across channels."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import httpx
from rich.console import Console
from rich.markup import escape

from comptoir_audit.sources import CouldNotLook
from comptoir_local.catalogue.first import Door, ensure_catalogue, tell
from comptoir_local.demo.api import Refused
from comptoir_local.demo.books import nothing_differs
from comptoir_local.demo.cast import Credentials, Stage
from comptoir_local.demo.run import play_all
from comptoir_local.demo.story import BrokenExpectation, Story
from comptoir_local.embedded import LaunchError
from comptoir_local.platform import Crashed, Options, Platform, StartFailed
from comptoir_local.stopping import stopped_by_signals
from comptoir_local.workspace import Workspace

_LOG_LINES = 4
_BROKEN = (
    BrokenExpectation,
    CouldNotLook,
    Refused,
    httpx.HTTPError,
    TimeoutError,
    LookupError,
    StopAsyncIteration,
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Start a platform, play, stop. Exit code 0, 1 when an expectation broke, 130 on Ctrl-C."""
    parser = argparse.ArgumentParser(prog="comptoir-demo", description=__doc__)
    parser.add_argument(
        "--data", type=Path, default=Path("build/demo"), help="folder of the demo's own data"
    )
    parser.add_argument(
        "--reuse", action="store_true", help="go on with the data of the last run, begin sooner"
    )
    parser.add_argument(
        "--keep", action="store_true", help="keep the platform running afterwards, until Ctrl-C"
    )
    parser.add_argument(
        "--secure", action="store_true", help="certificates and NATS users between all parts"
    )
    parser.add_argument("--verbose", action="store_true", help="show all logs, not only warnings")
    sys.exit(asyncio.run(_demo(parser.parse_args(arguments), Console(highlight=False))))


async def _demo(parsed: argparse.Namespace, console: Console) -> int:
    database_url, nats_url = os.environ.get("DATABASE_URL"), os.environ.get("NATS_URL")
    workspace = Workspace(parsed.data)
    options = Options(
        database_url=database_url or None,
        nats_url=nats_url or None,
        # Servers of somebody else's are not ours to empty; the demo can run again on its data.
        fresh=not (parsed.reuse or database_url or nats_url),
        secure=parsed.secure,
        verbose=parsed.verbose,
    )
    console.print("[bold]Comptoir[/]: one order through six services and the gateway\n")
    platform = Platform(workspace, options, console)
    with stopped_by_signals(platform):
        try:
            async with platform:
                code = await platform.during(_show(platform, workspace, console))
                if parsed.keep:
                    console.print("The platform keeps running. Ctrl-C stops it.")
                    await platform.until_crash()
                return code
        except asyncio.CancelledError:
            console.print("Stopped.")
            return 0 if parsed.keep else 130
        except (LaunchError, StartFailed, Crashed) as failure:
            console.print(f"[bold red]✗[/] {escape(str(failure))}", soft_wrap=True)
            return 1


async def _show(platform: Platform, workspace: Workspace, console: Console) -> int:
    """Load the catalogue, play, sum up; 1 when an expectation broke."""
    surroundings = platform.surroundings
    console.print(f"Ready in [bold]{platform.steps.seconds:.1f} s[/].")
    report = await ensure_catalogue(Door.of(surroundings), workspace.root, None, console)
    if report is not None:
        tell(report, workspace.logs / "catalogue-remarks.txt", console)
    console.print()
    administrator = Credentials(
        surroundings.administrator.email, surroundings.administrator.password
    )
    story = Story(console)
    try:
        await play_all(
            Stage(surroundings.gateway_url, surroundings.provider_url, administrator), story
        )
        async with story.step("The auditor compares everybody's books") as step:
            await nothing_differs(surroundings.audited, step)
    except _BROKEN as broken:
        _explain(broken, platform, workspace, console)
        return 1
    console.print()
    console.print(story.table())
    console.print(
        f"Gateway  {surroundings.gateway_url}   documentation  {surroundings.gateway_url}/docs\n"
        f"Provider {surroundings.provider_url}   logs  {workspace.logs}",
        soft_wrap=True,
    )
    return 0


def _explain(broken: Exception, platform: Platform, workspace: Workspace, console: Console) -> None:
    """Which expectation broke, and what the processes said last."""
    words = str(broken) or type(broken).__name__
    console.print(f"\n[bold red]Broken:[/] {escape(words)}\n", soft_wrap=True)
    for name, child in platform.children.items():
        lines = child.log.tail().splitlines()[-_LOG_LINES:]
        console.print(f"[bold]{name}[/]", *(f"\n  {escape(line)}" for line in lines))
    console.print(f"All logs: {workspace.logs}", soft_wrap=True)


if __name__ == "__main__":
    main()
