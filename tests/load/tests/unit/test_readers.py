"""What other programs print, and what the gateway answers, is read rightly."""

from collections import Counter

import orjson
import pytest

from tests.load.client import Answer
from tests.load.figures import WrongResult
from tests.load.oversell import check, outcome
from tests.load.processes import Sample, name_of
from tests.load.wrk import parse

WRK = """Running 8s test @ http://127.0.0.1:1
  2 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     5.02ms    1.71ms  39.05ms   90.26%
    Req/Sec     1.62k   154.79     1.84k    83.75%
  Latency Distribution
     50%    4.71ms
     99%   {p99}
  25861 requests in 8.01s, 201.11MB read
{errors}Requests/sec:   3228.10
"""


class TestWrk:
    @pytest.mark.parametrize(
        ("written", "milliseconds"), [("12.35ms", 12.35), ("850.00us", 0.85), ("1.20s", 1200.0)]
    )
    def test_rate_and_99th_percentile_are_read(self, written: str, milliseconds: float) -> None:
        hits = parse(WRK.format(p99=written, errors=""))

        assert hits.rate == 3228.10
        assert hits.p99_ms == pytest.approx(milliseconds)

    @pytest.mark.parametrize(
        "error",
        [
            "  Non-2xx or 3xx responses: 12\n",
            "  Socket errors: connect 0, read 3, write 0, timeout 0\n",
        ],
    )
    def test_answers_that_failed_are_no_figures(self, error: str) -> None:
        with pytest.raises(WrongResult, match=error.strip()):
            parse(WRK.format(p99="1.00ms", errors=error))

    def test_a_text_without_figures_is_shown(self) -> None:
        with pytest.raises(WrongResult, match="unable to connect"):
            parse("unable to connect to 127.0.0.1:1 Connection refused")


class TestProcesses:
    @pytest.mark.parametrize(
        ("command", "name"),
        [
            ("postgres: comptoir_cart comptoir_cart 127.0.0.1(53042) idle", "postgres.cart"),
            ("postgres: comptoir_pim comptoir_pim 127.0.0.1(1) INSERT", "postgres.pim"),
            ("postgres: walwriter ", "postgres"),
            ("/opt/pg/bin/postgres", "postgres"),
            ("/venv/bin/nats-server", "nats"),
            ("sleep", "other"),
        ],
    )
    def test_each_is_named_after_what_it_does(self, command: str, name: str) -> None:
        assert name_of([command]) == name

    def test_only_what_was_burnt_in_between_counts(self) -> None:
        before = Sample({("cart", 1): 5.0, ("nats", 2): 1.0})
        after = Sample({("cart", 1): 5.5, ("cart", 9): 0.25, ("nats", 2): 3.0})

        assert after.since(before) == {"nats": 2.0, "cart": 0.75}


def answer(status: int, **content: object) -> Answer:
    return Answer(status, orjson.dumps(content))


class TestOversell:
    def test_a_refusal_counts_when_it_says_what_is_missing(self) -> None:
        short = {"subject": "SHO-1", "description": "0 available"}
        clear = answer(409, reason="OUT_OF_STOCK", preconditions=[short])

        assert outcome(clear, "SHO-1") == "refused"
        assert outcome(answer(409, reason="OUT_OF_STOCK"), "SHO-1") == "409 OUT_OF_STOCK"
        assert outcome(answer(503, reason="OVERLOADED"), "SHO-1") == "503 OVERLOADED"

    def test_an_order_counts_once_it_stands(self) -> None:
        assert outcome(answer(200, state="STATE_PLACED"), "SHO-1") == "placed"
        assert outcome(answer(200, state="STATE_RUNNING"), "SHO-1") == "STATE_RUNNING"

    def test_fifty_orders_fifty_charges_and_nothing_left_is_right(self) -> None:
        check(Counter(placed=50, refused=150), charged=50, left=0)

    @pytest.mark.parametrize(
        ("placed", "refused", "charged", "left"),
        [(51, 149, 51, 0), (50, 150, 51, 0), (49, 151, 49, 1), (50, 149, 50, 0)],
    )
    def test_anything_else_is_wrong(
        self, placed: int, refused: int, charged: int, left: int
    ) -> None:
        with pytest.raises(WrongResult, match=f"{charged} authorisations"):
            check(Counter(placed=placed, refused=refused), charged, left)
