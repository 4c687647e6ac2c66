"""Card numbers that somebody types into a cart are refused before anything is written down."""

from collections.abc import Callable
from typing import Any

import pytest

from comptoir.cart.v1 import cart_service_pb2 as pb
from comptoir.type.v1 import address_pb2
from comptoir_runtime.errors import RemoteFailure
from services.cart.tests.factories import JACKET, Shop, ship_to_lyon, unique

NUMBER = "4242 4242 4242 4242"
IN_ADDRESS = "delivery.address"


def noted(cart: str) -> pb.AddLineRequest:
    return pb.AddLineRequest(
        cart=cart, sku=JACKET, quantity=1, note=f"mine: {NUMBER}", request_id=unique()
    )


def sent_to(**changes: Any) -> Callable[[str], pb.SetDeliveryRequest]:
    def request(cart: str) -> pb.SetDeliveryRequest:
        made = pb.SetDeliveryRequest(cart=cart, delivery=ship_to_lyon(), request_id=unique())
        made.delivery.address.MergeFrom(address_pb2.Address(**changes))  # lines come behind
        return made

    return request


@pytest.mark.parametrize(
    ("procedure", "make", "reason", "field"),
    [
        ("AddLine", noted, "CARD_NUMBER_REFUSED", "note"),
        *(
            ("SetDelivery", sent_to(**changes), reason, f"{IN_ADDRESS}.{field}")
            for changes, reason, field in (
                ({"recipient": NUMBER}, "CARD_NUMBER_REFUSED", "recipient"),
                ({"lines": [NUMBER]}, "CARD_NUMBER_REFUSED", "lines[1]"),
                ({"postal_code": NUMBER.replace(" ", "")}, "CARD_NUMBER_REFUSED", "postal_code"),
                ({"city": NUMBER}, "CARD_NUMBER_REFUSED", "city"),
                ({"phone": NUMBER}, "INVALID_FIELDS", "phone"),
            )
        ),
    ],
    ids=["note", "recipient", "line", "postal code", "city", "phone"],
)
async def test_72_e7_one_is_refused_kept_nowhere_and_never_repeated(
    shop: Shop, procedure: str, make: Callable[[str], Any], reason: str, field: str
) -> None:
    cart = await shop.ready_cart()
    before = await shop.harness.snapshot()

    with pytest.raises(RemoteFailure) as refused:
        await shop.harness.call(procedure, make(cart.id), shop.customer)

    assert refused.value.reason == reason
    assert [each.field for each in refused.value.violations] == [field]
    assert "4242" not in refused.value.message + str(refused.value.violations)
    assert not before.changes_to(await shop.harness.snapshot())


async def test_72_a_number_that_is_none_is_a_note_as_any(shop: Shop) -> None:
    cart = await shop.cart()
    changed = await shop.add(cart.id, JACKET, note="order 4242 4242 4242 4241, +49 1511 2345678")
    assert changed.lines[0].note == "order 4242 4242 4242 4241, +49 1511 2345678"
