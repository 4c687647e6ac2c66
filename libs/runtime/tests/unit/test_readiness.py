import asyncio
from collections.abc import Iterable

import pytest

from comptoir_runtime import readiness
from comptoir_runtime.auth import USER_ISSUER, KeyRing, SigningKey, VerificationKey, public_jwk
from comptoir_runtime.auth.keys import verification_key
from comptoir_runtime.errors import Overloaded
from comptoir_runtime.readiness import Readiness, has_user_keys


async def yes() -> bool:
    return True


async def no() -> bool:
    return False


async def broken() -> bool:
    raise OSError("gone")


class Told:
    def __init__(self) -> None:
        self.answers: list[bool] = []
        self.ready = asyncio.Event()

    async def __call__(self, ready: bool) -> None:
        self.answers.append(ready)
        if ready:
            self.ready.set()


class TestReadiness:
    async def test_ready_when_every_check_passes(self) -> None:
        told = Told()
        assert await Readiness({"a": yes, "b": yes}, told).ask() == frozenset()
        assert told.answers == [True]

    async def test_names_what_is_missing(self) -> None:
        told = Told()
        assert await Readiness({"a": yes, "b": no, "c": broken}, told).ask() == {"b", "c"}
        assert told.answers == [False]

    async def test_who_is_busy_stays_ready_but_does_not_become_it(self) -> None:
        async def busy() -> bool:
            raise Overloaded("all connections are in use")

        told = Told()
        assert await Readiness({"a": busy}, told).ask() == {"a"}
        answers = iter([yes, busy])

        async def later_busy() -> bool:
            return await next(answers)()

        asked = Readiness({"a": later_busy}, told)
        for _ in range(2):
            assert await asked.ask() == frozenset()
        assert told.answers == [False, True, True]

    async def test_a_check_may_be_late_twice(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(readiness, "TIMEOUT_SECONDS", 0.01)
        told, answers = Told(), iter(["good", "late", "late", "good", "late", "late", "late"])

        async def sometimes() -> bool:
            if next(answers) == "late":
                await asyncio.Event().wait()
            return True

        asked = Readiness({"a": sometimes}, told)
        for _ in range(7):
            await asked.ask()
        assert told.answers == [True] * 6 + [False]

    async def test_keeps_asking(self) -> None:
        told = Told()
        answers = iter([False, True])

        async def later() -> bool:
            return next(answers)

        watching = asyncio.create_task(Readiness({"a": later}, told).watch())
        await told.ready.wait()
        watching.cancel()
        assert told.answers == [False, True]


class TestHasUserKeys:
    async def test_loads_the_keys_until_there_is_one(self) -> None:
        stored: list[VerificationKey] = []

        async def load() -> Iterable[VerificationKey]:
            return stored

        clock = [0.0]
        keyring = KeyRing(load=load, monotonic=lambda: clock[0])
        check = has_user_keys(keyring)
        assert await check() is False
        stored.append(verification_key(public_jwk(SigningKey.generate("k")), USER_ISSUER))
        clock[0] += 1
        assert await check() is True
