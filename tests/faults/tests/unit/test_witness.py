from pathlib import Path

from tests.faults.witness import Deed, Part, Purchase, Witness, evidence

CART = {
    "id": "crt_1",
    "lines": [{"sku": "LAMP", "quantity": 2}],
    "totals": {"total": {"currency": "EUR", "amount": "24.00"}},
}
PARTS = [Part("gift_card", 200, "gft_1"), Part("card", 2200)]


def the_only_purchase(path: Path) -> Purchase:
    (purchase,) = evidence([path]).purchases
    return purchase


def test_what_was_asked_and_heard_is_read_back(tmp_path: Path) -> None:
    witness = Witness(tmp_path / "witness")
    witness.orders("key", CART, PARTS)
    witness.sends("key")
    witness.sends("key")
    witness.hears("key", {"state": "STATE_PLACED", "order": "ord_1"})
    witness.close()

    purchase = the_only_purchase(witness.path)

    assert (purchase.cart, purchase.lines, purchase.attempts) == ("crt_1", [("LAMP", 2)], 2)
    assert purchase.parts == PARTS
    assert (purchase.acknowledged, purchase.refused, purchase.placed) == (True, False, {"ord_1"})


def test_a_last_line_that_was_cut_short_is_not_believed(tmp_path: Path) -> None:
    witness = Witness(tmp_path / "witness")
    witness.orders("key", CART, PARTS)
    witness.close()
    with witness.path.open("ab") as file:
        file.write(b'{"hears":"key","answer":{"state":"STATE_PLACED","ord')

    purchase = the_only_purchase(witness.path)

    assert not purchase.acknowledged
    assert purchase.last == {}


def test_a_refusal_is_the_last_word_unless_the_order_stands(tmp_path: Path) -> None:
    witness = Witness(tmp_path / "witness")
    witness.orders("key", CART, PARTS)
    witness.hears("key", {"state": "STATE_RUNNING", "order": "ord_1"})
    witness.hears("key", {"state": "REFUSED", "reason": "OUT_OF_STOCK"})
    witness.close()

    purchase = the_only_purchase(witness.path)

    assert (purchase.acknowledged, purchase.refused) == (False, True)


def test_other_requests_are_granted_refused_or_open(tmp_path: Path) -> None:
    first, second = Witness(tmp_path / "first"), Witness(tmp_path / "second")
    first.asks("cancel", Deed.CANCEL, "ord_1")
    second.asks("refund", Deed.REFUND, "pay_1", 100)
    second.asks("ship", Deed.SHIP, "ful_1")
    first.hears("cancel", {"state": "REFUSED"})
    second.hears("refund", {"state": "GRANTED"})
    first.close()
    second.close()

    told = evidence([first.path, second.path])

    assert [(each.refused, each.granted) for each in told.asked(Deed.CANCEL)] == [(True, False)]
    assert [(each.refused, each.granted) for each in told.asked(Deed.SHIP)] == [(False, False)]
    (refund,) = told.granted(Deed.REFUND)
    assert (refund.of, refund.amount) == ("pay_1", 100)
