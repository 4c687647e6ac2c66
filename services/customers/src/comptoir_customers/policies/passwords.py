"""Hashing passwords: slow on purpose, so in threads, few at a time and in no transaction.

Whoever waits for their turn must not keep a connection to the database from the others.
"""

from __future__ import annotations

import asyncio
import os

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from comptoir_runtime.guard import outside_transaction


class Argon2Passwords:
    """Argon2id with 19 MiB and two passes; made inside the event loop."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
        # More at once than there are cores only makes everybody wait longer.
        self._turns = asyncio.Semaphore(os.cpu_count() or 1)
        # Compared with when there is no account, so that it takes the same time.
        self._nobody = self._hasher.hash("nobody has this password")

    async def hash(self, password: str) -> str:
        """The hash to store."""
        outside_transaction()
        async with self._turns:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def matches(self, password: str, stored: str | None) -> bool:
        """Whether the password is the one that was stored; without one, never."""
        outside_transaction()
        async with self._turns:
            right = await asyncio.to_thread(self._verify, stored or self._nobody, password)
        return right and stored is not None

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False
