"""`python -m services.orders.tests.model` explores placements in full and prints what it saw.

The first settings take a minute, the last ones many, and gigabytes of memory.
"""

import asyncio
import sys
import time
from dataclasses import replace

from comptoir_orders.domain.tenders import TenderChoice
from services.orders.tests.model.explore import explore
from services.orders.tests.model.placements import Setting

TWO = (TenderChoice("gift_card", "", 40), TenderChoice("card", ""))
STILL = Setting(crashes=0, tricks=0, calling_off=False)
SETTINGS = {
    "two buyers of one unit, messages lost": replace(STILL, placements=2, crowd=False),
    "one buyer in a crowd, a message late or twice": replace(STILL, tricks=1),
    "one buyer in a crowd, a crash": replace(STILL, crashes=1),
    "two tabs with one cart, a crash": replace(STILL, one_cart=True, crashes=1),
    "two tenders, a crash": replace(STILL, tenders=TWO, crowd=False, crashes=1),
    "one buyer in a crowd, a crash, called off": replace(STILL, crashes=1, calling_off=True),
    "one buyer in a crowd, two crashes": replace(STILL, crashes=2),
    "one buyer in a crowd, a crash, a message late or twice": replace(STILL, crashes=1, tricks=1),
}


async def main() -> int:
    """The number of settings with a violation."""
    bad = 0
    for name, setting in SETTINGS.items():
        began = time.monotonic()
        found = await explore(setting)
        seconds = time.monotonic() - began
        told = [
            f"{name}: {found.states:,} states, {found.transitions:,} transitions,",
            f"  {found.ends:,} ends, {len(found.violations)} violations, {seconds:.0f} s",
            *(f"  {violation}" for violation in found.violations),
        ]
        sys.stdout.write("\n".join(told) + "\n")
        sys.stdout.flush()
        bad += bool(found.violations)
    return bad


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
