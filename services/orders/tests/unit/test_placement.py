import pytest
from hypothesis import given
from hypothesis import strategies as st

from comptoir_orders.domain.placement import (
    BEFORE_ASKING,
    DURABLE,
    MOVES,
    TERMINAL,
    UNDO,
    WAITING,
    ForbiddenMove,
    Outcome,
    State,
    check_moves,
    step,
)

FORWARD = [
    State.CREATED,
    State.CART_LOCKED,
    State.SOURCED,
    State.STOCK_HELD,
    State.AUTHORISED,
    State.STOCK_KEPT,
    State.PLACED,
]


class TestStep:
    def test_the_straight_way(self) -> None:
        state, way = State.CREATED, [State.CREATED]
        while state not in TERMINAL:
            state = step(state, Outcome.DONE)
            way.append(state)

        assert way == FORWARD

    def test_what_cannot_be_is_forbidden(self) -> None:
        with pytest.raises(ForbiddenMove, match="PLACED"):
            step(State.PLACED, Outcome.DONE)
        with pytest.raises(ForbiddenMove):
            step(State.VOIDING, Outcome.REFUSED)

    def test_the_table_is_sound(self) -> None:
        check_moves()

    @given(st.data())
    def test_every_way_ends(self, data: st.DataObject) -> None:
        """Once the outcomes that only mean "again" stop, a few steps lead to an end."""
        state, steps = State.CREATED, 0
        while state not in TERMINAL:
            steps += 1
            assert steps < 40
            moves = MOVES[state]
            on = {outcome: to for outcome, to in moves.items() if to is not state}
            choices = sorted(moves if steps < 20 else on)
            state = step(state, data.draw(st.sampled_from(choices)))

    @given(st.data())
    def test_undoing_goes_one_way_and_never_ends_placed(self, data: st.DataObject) -> None:
        order = [State.VOIDING, State.RELEASING, State.UNLOCKING, State.FAILED, State.CANCELLED]
        state = data.draw(st.sampled_from(sorted(UNDO)))
        for _ in range(20):
            if state in TERMINAL:
                break
            following = step(state, data.draw(st.sampled_from(sorted(MOVES[state]))))
            assert order.index(following) >= order.index(state)
            state = following
        assert state is not State.PLACED

    def test_money_that_may_have_been_asked_for_is_given_up_first(self) -> None:
        """From every state in which money may be kept, a way back leads through VOIDING."""
        asked = {State.STOCK_HELD, State.ACTION_REQUIRED, State.UNKNOWN}
        for state in sorted(asked | {State.AUTHORISED, State.STOCK_KEPT}):
            for outcome, to in MOVES[state].items():
                if to in UNDO:
                    # A refusal says that nothing is kept.
                    assert (to is State.VOIDING) == (outcome is not Outcome.REFUSED)
        assert MOVES[State.SOURCED][Outcome.LATE] is State.VOIDING

    def test_what_waits_is_written(self) -> None:
        assert WAITING | TERMINAL | {State.CREATED} | BEFORE_ASKING == DURABLE
