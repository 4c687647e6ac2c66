"""`comptoir-audit`, or `python -m comptoir_audit`: the addresses are in the environment."""

import argparse
import sys
from collections.abc import Sequence

from comptoir_audit import command, options
from comptoir_audit.settings import NotSet, from_environment
from comptoir_runtime.telemetry.logs import configure_logging


def main(arguments: Sequence[str] | None = None) -> None:
    """Exit code 0 healthy, 1 differences, 2 could not look."""
    parser = argparse.ArgumentParser(prog="comptoir-audit", description=__doc__)
    options.add_arguments(parser)
    asked = parser.parse_args(arguments)
    configure_logging("audit", "info")
    try:
        addresses = from_environment()
    except NotSet as missing:
        sys.stderr.write(f"could not look: {missing} must be set\n")
        sys.exit(options.COULD_NOT_LOOK)
    sys.exit(command.run(addresses, asked))


if __name__ == "__main__":
    main()
