"""Percent off the goods."""

from comptoir_runtime.money import round_half_up

FULL = 10_000


class PercentOff:
    """Takes hundredths of a percent off what the goods cost when its turn comes."""

    phase = 1

    def off(self, goods: int, value: int) -> int:
        return round_half_up(goods * value, FULL)
