"""Lists that callers may filter."""


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

    def __str__(self) -> str:
        return f"WHERE {' AND '.join(self._conditions)}" if self._conditions else ""
