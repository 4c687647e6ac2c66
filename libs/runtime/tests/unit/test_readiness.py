import asyncio
from collections.abc import Iterable

from comptoir_runtime.auth import USER_ISSUER, KeyRing, SigningKey, VerificationKey, public_jwk
from comptoir_runtime.auth.keys import verification_key
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
