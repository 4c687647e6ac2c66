"""`comptoir audit`: the auditor, on the platform that runs in a folder."""

import argparse
import os
import sys

from comptoir_audit import options
from comptoir_audit.settings import Addresses, NotSet, from_environment
from comptoir_local.stack import PROVIDER
from comptoir_local.workspace import Workspace
from comptoir_runtime.telemetry.logs import configure_logging

add_arguments = options.add_arguments


def run(workspace: Workspace, asked: argparse.Namespace) -> int:
    """The exit code of the audit: 0 healthy, 1 differences, 2 could not look."""
    configure_logging("audit", "info")
    addresses = _addresses(workspace)
    if addresses is None:
        sys.stderr.write(f"could not look: nothing is running in {workspace.root}\n")
        return options.COULD_NOT_LOOK
    # Drivers and an HTTP client take a while to import: not for the other commands.
    from comptoir_audit import command  # noqa: PLC0415

    return command.run(addresses, asked)


def _addresses(workspace: Workspace) -> Addresses | None:
    """Those of the platform that runs there, else those of the environment."""
    state = workspace.running()
    if state is not None:
        provider = f"http://{state['addresses'][PROVIDER.name]}"
        return Addresses(databases=state["audit_urls"], provider=provider)
    try:
        return from_environment(os.environ)
    except NotSet:
        return None
