"""`python -m services.orders.tests.model` explores placements in full and prints what it saw."""

import asyncio
import sys
import time

from comptoir_orders.domain.tenders import TenderChoice
from services.orders.tests.model.explore import explore
from services.orders.tests.model.placements import Setting

TWO = (TenderChoice("gift_card", "", 40), TenderChoice("card", ""))
SETTINGS = {
    "two buyers of one unit, messages lost": Setting(
        placements=2, crowd=False, crashes=0, tricks=0, calling_off=False
    ),
    "one buyer in a crowd, two crashes": Setting(tricks=0, calling_off=False),
    "one buyer in a crowd, late and double messages": Setting(crashes=1, calling_off=False),
    "one buyer in a crowd who calls it off": Setting(crashes=1, tricks=0),
    "two tabs, one cart": Setting(one_cart=True, crashes=1, tricks=0, calling_off=False),
    "two tenders": Setting(tenders=TWO, crowd=False, crashes=1, tricks=0),
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
