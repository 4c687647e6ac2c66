"""`comptoir`, or `python -m comptoir_local`: the whole platform on this machine."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from comptoir_local import auditing, elsewhere, shell, status
from comptoir_local.embedded import LaunchError
from comptoir_local.platform import Crashed, Options, Platform, StartFailed
from comptoir_local.stopping import stopped_by_signals
from comptoir_local.workspace import DEFAULT, Workspace

_FAILED = 1
# More would only wait for each other on one machine.
MOST_REPLICAS = 4


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; `up` when none is named. Exit code 0, or 1 when it failed."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or (given[0].startswith("-") and given[0] not in {"-h", "--help"}):
        given.insert(0, "up")
    parsed = _parser().parse_args(given)
    console = Console(stderr=False, highlight=False)
    workspace = Workspace(getattr(parsed, "data", DEFAULT))
    if parsed.command == "status":
        sys.exit(status.show(workspace, console))
    if parsed.command == "audit":
        sys.exit(auditing.run(workspace, parsed))
    if parsed.command == "keys":
        sys.exit(elsewhere.make_keys(parsed))
    if parsed.command == "load":
        sys.exit(elsewhere.load(parsed, console))
    if parsed.command == "env":
        sys.exit(shell.show(workspace, parsed.service))
    if parsed.command == "nats-users":
        sys.exit(elsewhere.tell_nats_users(parsed))
    options = Options(
        database_url=os.environ.get("DATABASE_URL") or None,
        nats_url=os.environ.get("NATS_URL") or None,
        gateway_port=parsed.port,
        fresh=parsed.fresh,
        secure=parsed.secure,
        verbose=parsed.verbose,
        replicas=parsed.replicas,
    )
    sys.exit(asyncio.run(_up(workspace, options, parsed, console)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="comptoir", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start everything and run until Ctrl-C (the default)")
    up.add_argument("--fresh", action="store_true", help="delete all data first")
    up.add_argument(
        "--secure", action="store_true", help="certificates and NATS users between all parts"
    )
    up.add_argument("--port", type=int, help="of the gateway; 8080 if free, else another")
    up.add_argument(
        "--replicas",
        type=int,
        choices=range(1, MOST_REPLICAS + 1),
        default=1,
        metavar="N",
        help=f"processes of each service, 1 to {MOST_REPLICAS}; further gateways get further ports",
    )
    catalogue = up.add_mutually_exclusive_group()
    catalogue.add_argument(
        "--catalogue", type=Path, metavar="DIR", help="load these CSV files, not the sample"
    )
    catalogue.add_argument("--empty", action="store_true", help="load no catalogue")
    up.add_argument("--verbose", action="store_true", help="show all logs, not only warnings")
    show = commands.add_parser("status", help="say what runs, where, and whether it is ready")
    audit = commands.add_parser(
        "audit", help="compare what all services and the payment provider have written"
    )
    auditing.add_arguments(audit)
    env = commands.add_parser(
        "env", help='what a service is told, for a shell: eval "$(comptoir env cart)"'
    )
    env.add_argument("service", choices=shell.NAMES)
    for command in (up, show, audit, env):
        command.add_argument(
            "--data", type=Path, default=DEFAULT, help=f"folder of all data (default: {DEFAULT})"
        )
    users = commands.add_parser(
        "nats-users", help="print NATS users with the permissions that the code needs"
    )
    elsewhere.add_nats_users_arguments(users)
    keys = commands.add_parser("keys", help="elsewhere: make the keys services sign calls with")
    elsewhere.add_keys_arguments(keys)
    load = commands.add_parser("load", help="elsewhere: load a catalogue through the gateway")
    elsewhere.add_load_arguments(load)
    return parser


async def _up(
    workspace: Workspace, options: Options, parsed: argparse.Namespace, console: Console
) -> int:
    platform = Platform(workspace, options, console)
    with stopped_by_signals(platform):
        try:
            async with platform:
                _announce(platform, workspace, console)
                if not parsed.empty:
                    await platform.during(_stock_up(platform, workspace, parsed.catalogue, console))
                await platform.keep_auditing()
                await platform.until_crash()
        except asyncio.CancelledError:
            console.print("Stopped.")
        except (LaunchError, StartFailed, Crashed) as failure:
            console.print(f"[bold red]✗[/] {escape(str(failure))}", soft_wrap=True)
            return _FAILED
    return 0


async def _stock_up(
    platform: Platform, workspace: Workspace, folder: Path | None, console: Console
) -> None:
    """Load the catalogue that is wanted, unless it is there."""
    # Its HTTP client takes a while to import: only once everything runs.
    from comptoir_local.catalogue.first import Door, ensure_catalogue, tell  # noqa: PLC0415

    door = Door.of(platform.surroundings)
    report = await ensure_catalogue(door, workspace.root, folder, console)
    if report is not None:
        tell(report, workspace.logs / "catalogue-remarks.txt", console)


def _announce(platform: Platform, workspace: Workspace, console: Console) -> None:
    surroundings = platform.surroundings
    gateways = "  ".join(surroundings.gateway_urls)
    console.print(
        f"\nReady in [bold]{platform.steps.seconds:.1f} s[/]:  {gateways}"
        f"   (documentation: {surroundings.gateway_url}/docs)\n"
        f"Staff: {surroundings.administrator.email}  {surroundings.administrator.password}\n"
        f"Logs: {workspace.logs}   Ctrl-C stops everything.",
        soft_wrap=True,
    )


if __name__ == "__main__":
    main()
