import json
from pathlib import Path

from comptoir_local.keys import ServiceKeys
from comptoir_runtime.auth import (
    KeyRing,
    Kind,
    Principal,
    ServiceIdentity,
    TokenRefused,
    Verifier,
    keys_of_jwks,
)


class TestServiceKeys:
    async def test_what_a_service_signs_the_others_verify(self, tmp_path: Path) -> None:
        keys = ServiceKeys(tmp_path)
        keys.ensure(["cart", "orders"])
        listed = keys_of_jwks(keys.jwks)
        orders = ServiceIdentity.from_pem("orders", keys.private("orders"), listed)
        verifier = Verifier(KeyRing(listed))

        principal = await verifier.verify(orders.authorization().removeprefix("Bearer "))

        assert principal == Principal(Kind.SERVICE, "orders")

    def test_keys_stay_when_a_service_is_added(self, tmp_path: Path) -> None:
        keys = ServiceKeys(tmp_path)
        keys.ensure(["cart"])
        before = json.loads(keys.jwks.read_text())["keys"]
        keys.ensure(["cart", "pim"])
        after = json.loads(keys.jwks.read_text())["keys"]

        assert after[0] == before[0]
        assert [key["iss"] for key in after] == ["service:cart", "service:pim"]

    async def test_a_key_follows_another_and_nobody_is_refused(self, tmp_path: Path) -> None:
        keys = ServiceKeys(tmp_path)
        keys.ensure(["cart", "orders"])
        of_before = token_of("orders", keys)
        accepted: list[tuple[bool, bool]] = []

        async def look() -> None:
            """Whether the old and the present token pass where the list is as it is now."""
            accepted.append((await passes(of_before, keys), await passes(present, keys)))

        keys.ensure(["cart", "orders"], following=True)
        present = token_of("orders", keys)
        await look()
        keys.private("orders").rename(tmp_path / "orders.old.pem")
        keys.next("orders").rename(keys.private("orders"))
        keys.ensure(["cart", "orders"])
        present = token_of("orders", keys)
        await look()
        (tmp_path / "orders.old.pem").unlink()
        keys.ensure(["cart", "orders"])
        present = token_of("orders", keys)
        await look()

        assert accepted == [(True, True), (True, True), (False, True)]

    def test_a_key_keeps_the_name_it_is_known_by(self, tmp_path: Path) -> None:
        keys = ServiceKeys(tmp_path)
        keys.ensure(["cart"])
        named = json.loads(keys.jwks.read_text())
        named["keys"][0]["kid"] = "service:cart"
        keys.jwks.write_text(json.dumps(named))
        keys.ensure(["cart"], following=True)
        first, second = json.loads(keys.jwks.read_text())["keys"]

        assert first["kid"] == "service:cart"
        assert second["kid"].startswith("service:cart:")

    def test_private_keys_are_private(self, tmp_path: Path) -> None:
        keys = ServiceKeys(tmp_path)
        keys.ensure(["cart"])

        assert keys.private("cart").stat().st_mode & 0o777 == 0o600
        assert "PRIVATE" not in keys.jwks.read_text()


def token_of(service: str, keys: ServiceKeys) -> str:
    """What the service signs now."""
    identity = ServiceIdentity.from_pem(service, keys.private(service), keys_of_jwks(keys.jwks))
    return identity.authorization().removeprefix("Bearer ")


async def passes(token: str, keys: ServiceKeys) -> bool:
    """Whether whoever reads the list now takes it."""
    try:
        await Verifier(KeyRing(keys_of_jwks(keys.jwks))).verify(token)
    except TokenRefused:
        return False
    return True
