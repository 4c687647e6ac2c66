"""A past for a platform: what some real orders have left behind, written again and again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import asyncpg

from tests.load.figures import WrongResult

# Facts are kept for a week: what is older needs none.
_LATEST, _EARLIEST = timedelta(days=10), timedelta(days=110)
_COPIES_AT_ONCE = 500

# Ids are a prefix and 26 characters, of which the first ten are the time; copies keep both.
_COPIES = """
SELECT n, at, now() - at AS shift, (
    SELECT string_agg(substr('0123456789abcdefghjkmnpqrstvwxyz',
      ((floor(extract(epoch FROM at) * 1000)::bigint >> bits) & 31)::int + 1, 1), ''
      ORDER BY bits DESC)
    FROM generate_series(0, 45, 5) AS bits) || lpad(to_hex(n), 6, '0') AS stamp
FROM (SELECT n, now() - $3::interval + ($4::interval - $5::interval) * n / $6::int AS at
  FROM generate_series($1::int, $2::int) AS n) AS moments"""
_ID = "left({0}, -26) || copies.stamp || right({0}, 10)"
_UNIQUE = "coalesce(nullif({0}, '') || '-' || copies.n, '')"
# Copies take and give in turn, so that an even number of them has changed nothing.
_IN_TURN = "CASE WHEN copies.n % 2 = 0 THEN {0} ELSE -{0} END"
_MOMENT = "{0} - copies.shift"

_COLUMNS = """
SELECT column_name, data_type FROM information_schema.columns
WHERE table_schema = 'public' AND table_name = $1 AND is_identity = 'NO'
ORDER BY ordinal_position"""


@dataclass(frozen=True, slots=True)
class Table:
    """Which of its rows are copied, and what of them is another in each copy; times all are."""

    name: str
    rows: str
    ids: Sequence[str]
    unique: Sequence[str] = ()
    in_turn: Sequence[str] = ()
    guards: Sequence[str] = field(default=())
    """Triggers that are off meanwhile, as they would look at each row: look at all afterwards.

    The sums of movements stay what they are: copies give and take in turn.
    """


_PAID = "SELECT id FROM payment WHERE state = 'captured' AND refunding_amount = 0"
_MOVED = f"SELECT id FROM operation WHERE payment_id IN ({_PAID}) AND next_attempt_at IS NULL"
_OVER = "SELECT id FROM orders WHERE state = 'FULFILLED'"
TABLES: Mapping[str, Sequence[Table]] = {
    "payments": (
        Table("payment", f"id IN ({_PAID})", ("id", "order_id"), ("provider_reference",)),
        Table(
            "operation",
            f"id IN ({_MOVED})",
            ("id", "payment_id"),
            ("request_id", "provider_reference"),
        ),
        Table(
            "ledger_transfer",
            f"operation_id IN ({_MOVED})",
            ("operation_id", "payment_id"),
            guards=("ledger_transfer_balanced",),
        ),
        Table(
            "ledger_entry",
            f"operation_id IN ({_MOVED})",
            ("operation_id",),
            guards=("ledger_entry_balanced",),
        ),
    ),
    "orders": (
        Table("orders", f"id IN ({_OVER})", ("id", "cart", "customer"), ("number",)),
        Table(
            "process",
            f"order_id IN ({_OVER}) AND next_run_at IS NULL",
            ("id", "order_id"),
            ("request_id",),
        ),
        Table("fulfilment", f"order_id IN ({_OVER})", ("id", "order_id")),
    ),
    "inventory": (
        Table("reservation", "state = 3", ("id", "owner"), ("request_id",)),
        Table(
            "movement",
            "units < 0",
            ("id",),
            in_turn=("units",),
            guards=("movement_summed",),
        ),
    ),
}


class Past:
    """The past of one service: its rows of today, and how many copies of them there are."""

    def __init__(self, service: str, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._tables = TABLES[service]
        self._connection = connection
        self._copies = 0

    async def begin(self) -> None:
        """Remember what there is now: that is what copies are made of."""
        for table in self._tables:
            await self._connection.execute(
                f"CREATE TEMPORARY TABLE first_{table.name} AS"
                f" SELECT * FROM {table.name} WHERE {table.rows}"
            )
            await self.first(table.name)

    async def first(self, table: str) -> int:
        """How many rows of a table are copied each time."""
        count: int = await self._connection.fetchval(f"SELECT count(*) FROM first_{table}")
        if not count:
            raise WrongResult(f"there is nothing in {table} of which there could be more")
        return count

    async def grow(self, copies: int) -> None:
        """Make it so many copies, the oldest first."""
        await self._guard("DISABLE")
        for start in range(self._copies + 1, copies + 1, _COPIES_AT_ONCE):
            end = min(start + _COPIES_AT_ONCE - 1, copies)
            async with self._connection.transaction():
                for table in self._tables:
                    await self._copy(table, start, end, copies)
        await self._guard("ENABLE")
        self._copies = copies
        for table in self._tables:
            await self._connection.execute(f"VACUUM ANALYZE {table.name}")

    async def _guard(self, verb: str) -> None:
        for table in self._tables:
            for guard in table.guards:
                await self._connection.execute(f"ALTER TABLE {table.name} {verb} TRIGGER {guard}")

    async def _copy(self, table: Table, start: int, end: int, copies: int) -> None:
        columns = await self._connection.fetch(_COLUMNS, table.name)
        values = [_value(table, each["column_name"], each["data_type"]) for each in columns]
        names = ", ".join(each["column_name"] for each in columns)
        await self._connection.execute(
            f"INSERT INTO {table.name} ({names}) SELECT {', '.join(values)}"
            f" FROM ({_COPIES}) AS copies CROSS JOIN first_{table.name} AS first",
            start,
            end,
            _EARLIEST,
            _EARLIEST,
            _LATEST,
            copies,
            timeout=600,
        )


def _value(table: Table, column: str, kind: str) -> str:
    for columns, expression in (
        (table.ids, _ID),
        (table.unique, _UNIQUE),
        (table.in_turn, _IN_TURN),
    ):
        if column in columns:
            return expression.format(f"first.{column}")
    if kind == "timestamp with time zone":
        return _MOMENT.format(f"first.{column}")
    return f"first.{column}"
