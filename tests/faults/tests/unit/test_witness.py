from pathlib import Path

from tests.faults.witness import Witness, purchases

CART = {
    "id": "crt_1",
    "lines": [{"sku": "LAMP", "quantity": 2}],
    "totals": {"total": {"currency": "EUR", "amount": "24.00"}},
}


def test_what_was_asked_and_heard_is_read_back(tmp_path: Path) -> None:
    witness = Witness(tmp_path / "witness")
    witness.asks("key", CART)
    witness.sends("key")
    witness.sends("key")
    witness.hears("key", {"state": "STATE_PLACED", "order": "ord_1"})
    witness.close()

    (purchase,) = purchases(witness.path)

    assert (purchase.cart, purchase.lines, purchase.attempts) == ("crt_1", [("LAMP", 2)], 2)
    assert (purchase.acknowledged, purchase.refused, purchase.placed) == (True, False, {"ord_1"})


def test_a_last_line_that_was_cut_short_is_not_believed(tmp_path: Path) -> None:
    witness = Witness(tmp_path / "witness")
    witness.asks("key", CART)
    witness.close()
    with witness.path.open("ab") as file:
        file.write(b'{"hears":"key","answer":{"state":"STATE_PLACED","ord')

    (purchase,) = purchases(witness.path)

    assert not purchase.acknowledged
    assert purchase.last == {}


def test_a_refusal_is_the_last_word_unless_the_order_stands(tmp_path: Path) -> None:
    witness = Witness(tmp_path / "witness")
    witness.asks("key", CART)
    witness.hears("key", {"state": "STATE_RUNNING", "order": "ord_1"})
    witness.hears("key", {"state": "REFUSED", "reason": "OUT_OF_STOCK"})
    witness.close()

    (purchase,) = purchases(witness.path)

    assert (purchase.acknowledged, purchase.refused) == (False, True)
