"""Commands for a platform that runs elsewhere, in containers for example."""

import argparse
import asyncio
import os
import sys
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from comptoir_local.keys import ServiceKeys
from comptoir_local.platform import StartFailed

_EMAIL, _PASSWORD = "BOOTSTRAP_STAFF_EMAIL", "BOOTSTRAP_STAFF_PASSWORD"


def add_keys_arguments(parser: argparse.ArgumentParser) -> None:
    """What `comptoir keys` can be told."""
    parser.add_argument("--private", type=Path, required=True, metavar="DIR")
    parser.add_argument("--public", type=Path, required=True, metavar="FILE")
    parser.add_argument(
        "--next", action="store_true", help="also the keys that follow, DIR/<service>.next.pem"
    )
    parser.add_argument("services", nargs="+", metavar="SERVICE")


def make_keys(asked: argparse.Namespace) -> int:
    """Makes the missing key pairs."""
    ServiceKeys(asked.private, asked.public).ensure(asked.services, following=asked.next)
    return 0


def add_nats_users_arguments(parser: argparse.ArgumentParser) -> None:
    """What `comptoir nats-users` can be told."""
    parser.add_argument("--helm", metavar="SECRET", help="as chart values; names their passwords")
    parser.add_argument("--output", type=Path, metavar="FILE", help="written instead of printed")
    parser.add_argument(
        "--sources",
        type=Path,
        metavar="DIR",
        help="the services' code, a folder for each (default: that of the checkout this runs from)",
    )


def tell_nats_users(asked: argparse.Namespace) -> int:
    """Prints or writes the users; exit code 1 with the reason when the code cannot be read."""
    # Reads the code and imports all contracts: not for the other commands.
    from comptoir_local import conversation, nats_users  # noqa: PLC0415

    sources = asked.sources or conversation.SOURCES
    try:
        if asked.helm:
            text = nats_users.as_helm_values(asked.helm, sources)
        else:
            text = nats_users.as_configuration(sources)
    except conversation.CannotBeRead as reason:
        sys.stderr.write(f"{reason}\n")
        return 1
    if asked.output:
        asked.output.write_text(text)
    else:
        sys.stdout.write(text)
    return 0


def add_load_arguments(parser: argparse.ArgumentParser) -> None:
    """What `comptoir load` can be told."""
    parser.add_argument("--gateway", required=True, metavar="URL")
    parser.add_argument("--pim", required=True, metavar="HOST:PORT", help="takes the product files")
    parser.add_argument("--note", type=Path, required=True, metavar="DIR", help="what was loaded")
    parser.add_argument("--catalogue", type=Path, required=True, metavar="DIR")


def load(asked: argparse.Namespace, console: Console) -> int:
    """Loads a catalogue unless it was loaded; exit code 1 with the reason when it is not in."""
    # Its HTTP client takes a while to import: not for the other commands.
    from comptoir_local.catalogue.first import Door, ensure_catalogue, tell  # noqa: PLC0415

    if missing := [name for name in (_EMAIL, _PASSWORD) if not os.environ.get(name)]:
        sys.stderr.write(f"not set: {', '.join(missing)}\n")
        return 2
    door = Door(asked.gateway, asked.pim, os.environ[_EMAIL], os.environ[_PASSWORD])
    try:
        report = asyncio.run(ensure_catalogue(door, asked.note, asked.catalogue, console))
    except StartFailed as failure:
        console.print(f"[bold red]✗[/] {escape(str(failure))}", soft_wrap=True)
        return 1
    if report is None:
        console.print("This catalogue is in already.")
    else:
        tell(report, asked.note / "catalogue-remarks.txt", console)
    return 0
