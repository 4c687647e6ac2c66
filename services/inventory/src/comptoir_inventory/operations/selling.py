"""How skus are sold beyond stock, and what is expected of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple

from comptoir_inventory import errors
from comptoir_inventory.domain.selling import Backorder, Policy, Supply
from comptoir_inventory.operations.board import Board
from comptoir_inventory.operations.locations import require_known
from comptoir_inventory.store import selling as store
from comptoir_inventory.store import stock as stock_store
from comptoir_runtime import etag
from comptoir_runtime.database import Session, Transactions

RELEASED_AT_ONCE = 50


class Position(NamedTuple):
    """Where supply stands in its list."""

    expected_at: datetime
    sku: str
    location: str
    reference: str


_FIRST = Position(datetime.min.replace(tzinfo=UTC), "", "", "")


async def set_selling_policy(
    session: Session, board: Board, wanted: Policy, given_etag: str
) -> Policy:
    """Sets how a sku is sold when it is not there; promises that were made stand."""
    if wanted.backorder is Backorder.UNTIL_DATE and wanted.backorder_until is None:
        raise errors.invalid("policy.backorder_until_time", "say until when")
    version = await store.lock_policy(session, wanted.sku)
    etag.check(given_etag, version)
    policy = replace(wanted, version=version + 1)
    await store.save_policy(session, policy)
    await terms_changed(session, board, [policy.sku])
    return policy


async def announce_supply(session: Session, board: Board, supply: Sequence[Supply]) -> list[Supply]:
    """Sets what is expected of each sku, location and reference; no units call it off."""
    seen = set()
    for index, each in enumerate(supply):
        key = (each.sku, each.location, each.reference)
        if key in seen:
            raise errors.invalid(f"supply[{index}]", "the same supply was given before")
        seen.add(key)
    await require_known(session, {each.location for each in supply})
    await expect(session, board, supply)
    return list(supply)


async def expect(session: Session, board: Board, supply: Sequence[Supply]) -> None:
    """Notes what is expected; the places get figures, so that it can be promised from there.

    All places of these skus stay locked, in order: what else is changed of them comes afterwards.
    """
    await stock_store.make(session, sorted({(each.sku, each.location) for each in supply}))
    await terms_changed(session, board, sorted({each.sku for each in supply}))
    await store.announce(session, supply)


async def list_supply(
    session: Session, sku: str, location: str, after: Position | None, size: int
) -> list[Supply]:
    """What is expected after a position, soonest first."""
    return await store.page(session, sku, location, after or _FIRST, size)


def position(supply: Supply) -> Position:
    """Where it stands in its list."""
    return Position(supply.expected_at, supply.sku, supply.location, supply.reference)


async def tell_releases(transactions: Transactions, board: Board, since: datetime) -> datetime:
    """Has it told that what was sold in advance until now no longer is; answers until when.

    Some at a time: a season is released in one second, and all its places would be locked.
    """
    async with transactions.reading() as session:
        now = session.clock.now()
        skus = await store.released(session, since, now)
    for start in range(0, len(skus), RELEASED_AT_ONCE):
        some = skus[start : start + RELEASED_AT_ONCE]
        await transactions.run(partial(terms_changed, board=board, skus=some))
    return now


async def terms_changed(session: Session, board: Board, skus: Sequence[str]) -> None:
    """Has what can be promised of these skus told anew; all their places stay locked."""
    await stock_store.touch(session, skus)
    board.terms_changed(session, skus)
