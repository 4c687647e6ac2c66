import json
from pathlib import Path

from comptoir_local.keys import ServiceKeys
from comptoir_runtime.auth import KeyRing, Kind, Principal, ServiceIdentity, Verifier, keys_of_jwks


class TestServiceKeys:
    async def test_what_a_service_signs_the_others_verify(self, tmp_path: Path) -> None:
        keys = ServiceKeys(tmp_path)
        keys.ensure(["cart", "orders"])
        orders = ServiceIdentity.from_pem("orders", keys.private("orders"))
        verifier = Verifier(KeyRing(keys_of_jwks(keys.jwks)))

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

    def test_private_keys_are_private(self, tmp_path: Path) -> None:
        keys = ServiceKeys(tmp_path)
        keys.ensure(["cart"])

        assert keys.private("cart").stat().st_mode & 0o777 == 0o600
        assert "PRIVATE" not in keys.jwks.read_text()
