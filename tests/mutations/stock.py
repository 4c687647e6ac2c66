"""Bugs worth fearing in what is promised of stock."""

from tests.mutations.mutant import Mutant

_STOCK = "services/inventory/src/comptoir_inventory"
_STOCK_TESTS = "services/inventory/tests/integration"

STOCK = (
    Mutant(
        "the sweeper takes promises whatever their state",
        f"{_STOCK}/store/reservations.py",
        "FROM reservation WHERE state = 1 AND expires_at <= $1",
        "FROM reservation WHERE expires_at <= $1",
        f"{_STOCK_TESTS}/test_reservations.py -k leaves_what_was_confirmed",
    ),
    Mutant(
        "stock is promised without its guard",
        f"{_STOCK}/store/stock.py",
        "        AND s.reserved + k.held >= 0 AND (k.needed IS NULL OR {_FREE} >= k.needed)\n",
        "        AND s.reserved + k.held >= 0\n",
        f"{_STOCK_TESTS}/test_stock.py -k whatever_was_decided",
    ),
    Mutant(
        "a place offers its stock to channels that it does not serve",
        f"{_STOCK}/domain/promising.py",
        "        return self if serves(self.channels, channel) else NOTHING\n",
        "        return self\n",
        f"{_STOCK_TESTS}/test_locations.py -k takes_nothing_from",
    ),
    Mutant(
        "what has come for one promise leaves with another",
        f"{_STOCK}/operations/reservations.py",
        "    await _require_come(session, reservation, units)\n",
        "",
        f"{_STOCK_TESTS}/test_selling.py -k leaves_with_nobody_else",
    ),
    Mutant(
        "what was sold in advance goes on being promised",
        f"{_STOCK}/store/selling.py",
        "preorder_at > $1 AND preorder_at <= $2",
        "preorder_at > $2 AND preorder_at <= $1",
        f"{_STOCK_TESTS}/test_selling.py -k after_the_release",
    ),
    Mutant(
        "who needs stock passes over what another is giving back",
        f"{_STOCK}/store/reservations.py",
        "statement = LOCK_EXPIRED if waits else LOCK_EXPIRED_AND_FREE",
        "statement = LOCK_EXPIRED_AND_FREE",
        f"{_STOCK_TESTS}/test_locks.py -k giving_back",
    ),
    Mutant(
        "supply is locked before the places it comes to",
        f"{_STOCK}/operations/selling.py",
        "    await terms_changed(session, board, sorted({each.sku for each in supply}))\n"
        "    await store.announce(session, supply)\n",
        "    await store.announce(session, supply)\n"
        "    await terms_changed(session, board, sorted({each.sku for each in supply}))\n",
        f"{_STOCK_TESTS}/test_locks.py -k announced",
    ),
    Mutant(
        "what has expired is promised again to whoever is late",
        f"{_STOCK}/operations/reservations.py",
        "        if held_only:\n            raise errors.ReservationExpired(reservation.id)\n",
        "",
        f"{_STOCK_TESTS}/test_reservations.py -k confirms_only_what_is_held",
    ),
    Mutant(
        "what is given back stays promised",
        f"{_STOCK}/domain/stock.py",
        "    return Change(units.sku, units.location, promised=-units.units)\n",
        "    return Change(units.sku, units.location)\n",
        f"{_STOCK_TESTS}/test_reservations.py -k gives_back_what_was_not_confirmed",
    ),
)
