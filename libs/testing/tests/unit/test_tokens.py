from comptoir_runtime.auth import KeyRing, Kind, Principal, Verifier
from comptoir_testing import TokenFactory


class TestTokenFactory:
    async def test_a_ring_trusts_tokens_made_before_and_after(self) -> None:
        tokens, ring = TokenFactory(), KeyRing()
        before = tokens.service("cart")
        tokens.trust_in(ring)
        verifier = Verifier(ring)

        assert await verifier.verify(before) == Principal(Kind.SERVICE, "cart")
        assert await verifier.verify(tokens.service("pim")) == Principal(Kind.SERVICE, "pim")

    async def test_a_token_carries_what_it_was_asked_for(self) -> None:
        tokens, ring = TokenFactory(), KeyRing()
        tokens.trust_in(ring)
        verifier = Verifier(ring)

        staff = await verifier.verify(tokens.staff("stock.write", store="lyon"))
        customer = await verifier.verify(tokens.customer("cus_1", visitor="vis_1"))

        assert staff.permissions == {"stock.write"}
        assert staff.store == "lyon"
        assert (customer.kind, customer.subject, customer.visitor) == (
            Kind.CUSTOMER,
            "cus_1",
            "vis_1",
        )

    def test_it_remembers_whom_a_token_speaks_for(self) -> None:
        tokens = TokenFactory()

        assert tokens.principal_of(tokens.visitor("vis_1")) == Principal(Kind.VISITOR, "vis_1")
