"""The payment provider's journal, and what our books say of it."""

from collections.abc import Iterator
from typing import Any

from comptoir_audit.invariant import (
    PAYMENTS,
    PROVIDER,
    Across,
    Batch,
    Difference,
    Invariant,
    Joined,
    Query,
    Row,
)

# Nothing open: the provider has been asked for nothing whose outcome we do not know. It has given
# back what we have, except for what went to other means, such as store credit.
SETTLED = """
SELECT p.id, p.id AS key, p.order_id, p.state, p.currency, p.captured_amount AS captured,
  p.refunded_amount AS refunded, p.disputed_amount AS disputed,
  p.charged_back_amount AS charged_back,
  p.refunded_amount - coalesce((SELECT sum(o.amount) FROM operation AS o
    WHERE o.payment_id = p.id AND o.kind = 'refund' AND o.state = 'succeeded' AND o.means <> ''),
    0)::bigint AS returned,
  CASE WHEN p.state IN ('authorised', 'partially_captured')
    THEN p.authorised_amount - p.captured_amount ELSE 0 END AS held,
  p.updated_at < now() - :grace AND NOT EXISTS (SELECT FROM operation AS o
    WHERE o.payment_id = p.id AND o.state IN ('pending', 'unknown')) AS settled
FROM payment AS p"""
_OURS = f"""
SELECT * FROM ({SETTLED} WHERE p.provider = 'sandbox'
  AND p.id IN (SELECT id FROM @changed_payments AS c)) AS ours WHERE settled"""
_OURS_BY_REFERENCE = f"{SETTLED} WHERE p.id = ANY(:keys)"


def sum_of(rows: Any, figure: str) -> int:
    """Of one figure over rows."""
    return sum(row[figure] for row in rows)


_THEIR_FIGURES = ("captured", "refunded", "disputed", "charged_back")
_OUR_FIGURES = ("captured", "returned", "disputed", "charged_back")


def _told(figures: list[int]) -> str:
    captured, refunded, *disputes = figures
    told = f"captured {captured}, refunded {refunded}"
    return f"{told}, disputed {disputes[0]}, lost {disputes[1]}" if any(disputes) else told


def _journal_differs(ours: Row, theirs: Any) -> Iterator[Difference]:
    expected = [sum_of(theirs, each) for each in _THEIR_FIGURES]
    found = [ours[each] for each in _OUR_FIGURES]
    currencies = {each["currency"] for each in theirs if each["captured"]} - {ours["currency"]}
    if expected != found or currencies:
        named = [each["id"] for each in theirs]
        yield Difference(
            (ours["id"], ours["order_id"], *named),
            f"as the provider: {_told(expected)}"
            + "".join(f" in {each}" for each in sorted(currencies)),
            _told(found),
        )


def journal_equals_ours(batch: Batch) -> Iterator[Difference]:
    """Our payments, each compared with what the provider took and gave back for it."""
    for ours in batch.rows:
        yield from _journal_differs(ours, batch.of("theirs", ours["id"]))


def ours_equals_journal(batch: Batch) -> Iterator[Difference]:
    """The provider's payments, each of which must be one of ours with the same figures."""
    seen: set[str] = set()
    for theirs in batch.rows:
        reference = theirs["key"]
        if reference in seen:
            continue
        seen.add(reference)
        whole = batch.of("theirs", reference)
        ours = batch.of("ours", reference)
        if ours:
            if ours[0]["settled"]:
                yield from _journal_differs(ours[0], whole)
        elif sum_of(whole, "captured") or sum_of(whole, "held"):
            yield Difference(
                (reference, *(each["id"] for each in whole)),
                "no charge without a payment of ours",
                f"captured {sum_of(whole, 'captured')}, held {sum_of(whole, 'held')}",
            )


_THEIRS = Joined(query=Query(PROVIDER), by=lambda row: [row["key"]])

M5 = Across(
    id="M5",
    statement="what the provider captured and refunded is what our books say",
    lead=Query(PAYMENTS, _OURS),
    joined={"theirs": _THEIRS},
    compare=journal_equals_ours,
)

M5_JOURNAL = Across(
    id="M5.journal",
    statement="every charge in the provider's journal is one of ours",
    lead=Query(PROVIDER),
    joined={
        "theirs": _THEIRS,
        "ours": Joined(query=Query(PAYMENTS, _OURS_BY_REFERENCE), by=lambda row: [row["key"]]),
    },
    compare=ours_equals_journal,
)


def one_live_authorisation(batch: Batch) -> Iterator[Difference]:
    """The provider holds what our books say it holds, by one authorisation."""
    for ours in batch.rows:
        theirs = batch.of("theirs", ours["id"])
        live = [each for each in theirs if each["held"] or each["captured"]]
        held = sum_of(theirs, "held")
        if len(live) > 1 or held != ours["held"]:
            yield Difference(
                (ours["id"], ours["order_id"], *(each["id"] for each in live)),
                f"held {ours['held']} by at most one authorisation",
                f"held {held} by {len(live)}",
            )


M6_HELD = Across(
    id="M6.held",
    statement="a payment has at most one live authorisation, and it holds what we think it holds",
    lead=Query(PAYMENTS, _OURS),
    joined={"theirs": _THEIRS},
    compare=one_live_authorisation,
)

JOURNAL: tuple[Invariant, ...] = (M5, M5_JOURNAL, M6_HELD)
