"""Whether this process should get calls: asked for again and again, and told to the server."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from comptoir_runtime import migrations
from comptoir_runtime.auth import KeyRing
from comptoir_runtime.database import Transactions
from comptoir_runtime.errors import Overloaded

log = logging.getLogger(__name__)

Check = Callable[[], Awaitable[bool]]
INTERVAL_SECONDS = 2.0
TIMEOUT_SECONDS = 2.0
TIMES_LATE = 3
"""A check that passed may be late as often before it counts as failed; the machine may be busy."""


class Readiness:
    """Named checks; ready when all of them pass."""

    def __init__(
        self, checks: Mapping[str, Check], tell: Callable[[bool], Awaitable[None]]
    ) -> None:
        self._checks = dict(checks)
        self._tell = tell
        self._missing: frozenset[str] | None = None
        self._late: dict[str, int] = {}

    async def watch(self) -> None:
        """Asks for ever; quickly while something is missing, calmly afterwards."""
        while True:
            missing = await self.ask()
            await asyncio.sleep(INTERVAL_SECONDS / 8 if missing else INTERVAL_SECONDS)

    async def ask(self) -> frozenset[str]:
        """The names of the checks that do not pass now; the server is told."""
        names = self._checks.keys()
        passed = await asyncio.gather(*(self._passes(name) for name in names))
        missing = frozenset(name for name, good in zip(names, passed, strict=True) if not good)
        if missing != self._missing:
            log.info("not ready" if missing else "ready", extra={"missing": sorted(missing)})
            self._missing = missing
        await self._tell(not missing)
        return missing

    async def _passes(self, name: str) -> bool:
        was_good = self._missing is not None and name not in self._missing
        late = self._late.pop(name, 0)
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                return await self._checks[name]()
        except Overloaded:
            # Busy is not broken. Callers leave who is not ready, and the others would get its
            # calls, too, until nobody is ready.
            return was_good
        except TimeoutError:
            self._late[name] = late + 1
            return was_good and late + 1 < TIMES_LATE
        except Exception as error:  # noqa: BLE001 - whatever it is, the answer is no
            log.debug("a readiness check failed", extra={"check": name, "error": repr(error)})
            return False


def migrated(transactions: Transactions, package: str) -> Check:
    """The database answers and has all migrations of the package, or of a later release of it."""
    known = migrations.revisions(package)
    seen = False

    async def check() -> bool:
        nonlocal seen
        async with transactions.reading() as session:
            if seen:  # a database does not go back; asking whether it answers is cheaper
                return bool(await session.fetchval("SELECT true"))
            seen = known.are_in(await migrations.current(session))
        return seen

    return check


def has_user_keys(keyring: KeyRing) -> Check:
    """There is a key to verify users' tokens with."""

    async def check() -> bool:
        if not keyring.has_user_keys:
            await keyring.reload()
        return keyring.has_user_keys

    return check
