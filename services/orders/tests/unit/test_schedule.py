from comptoir_orders.domain import schedule


def test_a_lost_answer_is_asked_for_after_2_5_15_then_every_60_seconds() -> None:
    pauses = [schedule.ask_again(attempt).total_seconds() for attempt in range(6)]

    assert pauses == [2, 5, 15, 60, 60, 60]


def test_what_must_be_done_is_tried_less_and_less_often_but_never_given_up() -> None:
    pauses = [schedule.try_again(attempt).total_seconds() for attempt in (0, 1, 2, 8, 9, 10**6)]

    assert pauses == [1, 2, 4, 256, 300, 300]


def test_no_call_outlasts_the_lease_and_no_wait_the_stock() -> None:
    assert schedule.LEASE.total_seconds() > schedule.DRIVE_SECONDS
    assert schedule.HOLD > schedule.PAYER + 2 * schedule.HOLD_MARGIN
