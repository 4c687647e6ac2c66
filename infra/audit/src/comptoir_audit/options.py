"""What can be asked of an audit, apart from the audit: programs that offer it start quickly."""

import argparse
from datetime import timedelta

HEALTHY, DIFFERENCES, COULD_NOT_LOOK = 0, 1, 2
"""Exit codes."""
GRACE = timedelta(seconds=30)
"""What changed within it is in flight."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be asked of an audit."""
    how_often = parser.add_mutually_exclusive_group()
    how_often.add_argument("--once", action="store_true", help="look once (the default)")
    how_often.add_argument(
        "--every", type=float, metavar="SECONDS", help="look again and again; log differences only"
    )
    extent = parser.add_mutually_exclusive_group()
    extent.add_argument("--full", action="store_true", help="look at everything (the default)")
    extent.add_argument(
        "--since", type=float, metavar="HOURS", help="look at what has changed in these hours"
    )
    parser.add_argument(
        "--grace",
        type=float,
        default=GRACE.total_seconds(),
        metavar="SECONDS",
        help="what changed within them is in flight (default: %(default)g)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
