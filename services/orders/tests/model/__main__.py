"""`python -m services.orders.tests.model` explores placements in full and prints what it saw.

Each takes a minute or two of CPU. What is larger than `--at-most` states is bounded, breadth first:
then it is printed how many moves deep all was seen, and what was not.
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
SETTINGS = {
    "two buyers of one unit, messages lost": replace(STILL, placements=2, crowd=False),
    "one buyer in a crowd, a message late or twice": replace(STILL, tricks=1),
    "one buyer in a crowd, a crash": replace(STILL, crashes=1),
    "two tabs with one cart, a crash": replace(STILL, one_cart=True, crashes=1),
    "two tabs with one cart, a message late or twice": replace(STILL, one_cart=True, tricks=1),
    "two tenders, a crash": replace(STILL, tenders=TWO, crowd=False, crashes=1),
    "one buyer in a crowd, a crash, called off": replace(STILL, crashes=1, calling_off=True),
    "one buyer in a crowd, two crashes": replace(STILL, crashes=2),
    "one buyer in a crowd, a crash, a message late or twice": replace(STILL, crashes=1, tricks=1),
}


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
