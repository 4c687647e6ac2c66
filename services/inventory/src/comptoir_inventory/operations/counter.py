"""Selling over the counter: goods leave at once, without having been promised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from comptoir_inventory.domain.promising import Ask, Decision
from comptoir_inventory.domain.reservations import Reservation, State
from comptoir_inventory.domain.stock import Reason, sold, summed, taken_off
from comptoir_inventory.operations.board import Board
from comptoir_inventory.operations.promising import Answer, decide, promised_before, write
from comptoir_inventory.operations.stock import move
from comptoir_runtime.database import Session
from comptoir_runtime.ids import new_id


async def sell_stock(
    session: Session,
    board: Board,
    sales: Sequence[tuple[Ask, str]],
    *,
    waits: bool,
    again: bool = False,
) -> list[Answer]:
    """Sells all lines of a sale or none, each with the name of who sells; as `reserve`.

    Nothing is sold beyond stock.
    """
    asks = [ask for ask, _ in sales]
    if again and (before := await promised_before(session, asks)):
        return list(before.values())
    decided = await decide(session, asks, waits=waits, beyond_stock=False)
    answers: list[Answer] = []
    made, moves = [], []
    for (ask, actor), each in zip(sales, decided, strict=True):
        if not isinstance(each, Decision):
            answers.append(each)
            continue
        now = session.clock.now()
        gone = tuple(replace(line, consumed=line.units) for line in each.lines)
        receipt = Reservation(new_id("rsv"), ask.owner, State.CONSUMED, gone, now, now)
        made.append((receipt, ask.request_id))
        moves.append((summed(ask.lines), ask.owner, actor))
        answers.append(receipt)
    if made:
        leaving = summed(line for lines, _, _ in moves for line in lines)
        await write(session, board, [sold(units) for units in leaving], made)
        for lines, owner, actor in moves:
            await move(session, taken_off(lines), Reason.SALE, owner, actor)
    return answers
