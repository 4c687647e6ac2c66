"""An amount off the goods."""


class AmountOff:
    """Takes an amount off, at most what the goods cost; after the percentages."""

    phase = 2

    def off(self, goods: int, value: int) -> int:
        return min(goods, value)
