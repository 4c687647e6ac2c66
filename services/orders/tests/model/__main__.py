"""`python -m services.orders.tests.model` explores placements in full and prints what it saw.

Each takes up to four minutes of CPU. What is larger than `--at-most` states is bounded, breadth
first: then it is printed how many moves deep all was seen, and what was not.
"""

import argparse
import asyncio
import sys
import time
from dataclasses import replace

from comptoir_orders.domain.tenders import TenderChoice
from services.orders.tests.model.explore import explore
from services.orders.tests.model.worlds import Setting

TWO = (TenderChoice("gift_card", "", 40), TenderChoice("card", ""))
STILL = Setting(crashes=0, tricks=0, calling_off=False)
ALL = replace(STILL, crashes=1, tricks=1, calling_off=True)
SETTINGS = {
    "two buyers of one unit, messages lost": replace(STILL, placements=2, crowd=False),
    "one buyer in a crowd, two crashes, a trick, called off": replace(ALL, crashes=2),
    "one buyer in a crowd, a crash, two tricks, called off": replace(ALL, tricks=2),
    "two tabs with one cart, a crash, a trick, called off": replace(ALL, one_cart=True),
    "two tenders, a crash, a trick, called off": replace(ALL, tenders=TWO, crowd=False),
}
"""A trick is a request that arrives late or twice, or a provider that changes its mind after a no:
each of them, at any moment, together with everything else."""


async def main(at_most: int, words: list[str]) -> int:
    """The number of settings with a violation."""
    bad = 0
    chosen = {name: each for name, each in SETTINGS.items() if all(word in name for word in words)}
    for name, setting in chosen.items():
        began = time.process_time()
        found = await explore(setting, at_most=at_most)
        seconds = time.process_time() - began
        told = [
            f"{name}: {found.states:,} states, {found.transitions:,} transitions,",
            f"  {found.ends:,} ends, {len(found.violations)} violations, {seconds:.0f} s of CPU",
            *(f"  {violation}" for violation in found.violations),
        ]
        if found.unseen:
            told.append(
                f"  bounded: all that may happen in {found.moves_deep} moves;"
                f" {found.unseen:,} states were reached and not followed"
            )
        sys.stdout.write("\n".join(told) + "\n")
        sys.stdout.flush()
        bad += bool(found.violations)
    return bad


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m services.orders.tests.model")
    parser.add_argument("words", nargs="*", metavar="WORD", help="of the name of a setting")
    parser.add_argument("--at-most", type=int, default=3_000_000, metavar="STATES")
    options = parser.parse_args()
    sys.exit(asyncio.run(main(options.at_most, options.words)))
