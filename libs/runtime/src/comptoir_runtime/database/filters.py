"""Lists that callers may filter."""

from collections.abc import Sequence


class Where:
    """The conditions that a caller has given, of those there could be.

    Each combination is a statement of its own, with a plan of its own. Plans are generic: of
    `$1 = '' OR order_id = $1` there would be one for both, and it reads everything.
    """

    __slots__ = ("_conditions", "values")

    def __init__(self) -> None:
        self._conditions: list[str] = []
        self.values: list[object] = []

    def add(self, condition: str, *values: object) -> None:
        """A condition; each `{}` in it becomes the parameter of a value."""
        parameters = [self.parameter(value) for value in values]
        self._conditions.append(condition.format(*parameters))

    def parameter(self, value: object) -> str:
        """The parameter of a value that stands outside of the conditions, such as a limit."""
        self.values.append(value)
        return f"${len(self.values)}"

    def walk(
        self,
        keys: Sequence[str],
        after: Sequence[object] | None,
        *,
        among: tuple[str, object] | None = None,
        until: object = None,
        descending: bool = False,
    ) -> str:
        """Has the list go on after the row with these values of its keys; answers its ORDER BY.

        `among`, a column and its value, leaves out the others by a range that is sorted by first:
        only an index that begins with the column will do. With `=` that of the keys alone would do
        as well, and is taken as long as statistics know no other value: it reads everything.
        `until` is the last value of the first key that is wanted.
        """
        columns, last = list(keys), None if after is None else list(after)
        beyond, before = ("<", ">") if descending else (">", "<")
        if among is not None:
            column, value = among
            if until is None:
                self.add(f"{column} {before}= {{}}", value)
            else:
                self.add(f"({column}, {columns[0]}) {before}= ({{}}, {{}})", value, until)
            if last is None:
                self.add(f"{column} {beyond}= {{}}", value)
            else:
                # The row says where to begin. Said twice, the index begins with the first one.
                last.insert(0, value)
            columns.insert(0, column)
        elif until is not None:
            self.add(f"{columns[0]} {before}= {{}}", until)
        if last is not None:
            places = ", ".join("{}" for _ in last)
            self.add(f"({', '.join(columns)}) {beyond} ({places})", *last)
        direction = " DESC" if descending else ""
        return "ORDER BY " + ", ".join(f"{column}{direction}" for column in columns)

    def __str__(self) -> str:
        return f"WHERE {' AND '.join(self._conditions)}" if self._conditions else ""
