"""What a benchmark found: figures, how they are summed up, and the file they go to."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table


class WrongResult(Exception):
    """The platform was not slow but wrong, or could not be measured."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One number with its unit."""

    name: str
    value: float
    unit: str
    reference: float | None = None
    """The same unit of work on the same machine in the same run, without our code."""

    @property
    def ratio(self) -> float | None:
        """How many times the reference."""
        return None if not self.reference else self.value / self.reference

    def as_json(self) -> dict[str, Any]:
        """The object of the results file."""
        content: dict[str, Any] = {
            "name": self.name,
            "value": significant(self.value),
            "unit": self.unit,
        }
        if self.reference is not None and self.ratio is not None:
            content["reference"] = significant(self.reference)
            content["ratio"] = significant(self.ratio)
        return content


def percentile(samples: Sequence[float], percent: float) -> float:
    """The smallest sample that at least `percent` of them do not exceed (nearest rank)."""
    if not samples:
        raise WrongResult("nothing was measured")
    rank = math.ceil(percent / 100 * len(samples))
    return sorted(samples)[max(rank, 1) - 1]


def latencies(name: str, seconds: Sequence[float]) -> list[Figure]:
    """Median and 99th percentile in milliseconds."""
    return [
        Figure(f"{name}.p{percent}", percentile(seconds, percent) * 1000, "ms")
        for percent in (50, 99)
    ]


def significant(value: float) -> float:
    """Four digits: more would claim a precision that no run has."""
    return float(f"{value:.4g}")


def write(folder: Path, name: str, figures: Sequence[Figure]) -> Path:
    """Write build/bench/<name>.json; its first object must bear the benchmark's own name."""
    if not figures or figures[0].name != name:
        raise ValueError(f"the first figure of {name} must be called {name}")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps([figure.as_json() for figure in figures], indent=2) + "\n")
    return path


def table(name: str, figures: Sequence[Figure]) -> Table:
    """The figures for a person."""
    shown = Table(title=name, title_justify="left")
    shown.add_column("figure")
    for column in ("value", "unit", "reference", "ratio"):
        shown.add_column(column, justify="left" if column == "unit" else "right")
    for figure in figures:
        reference, ratio = figure.reference, figure.ratio
        shown.add_row(
            figure.name,
            _written(figure.value),
            figure.unit,
            "" if reference is None else _written(reference),
            "" if ratio is None else f"{ratio:.3f}",
        )
    return shown


def _written(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{significant(value):g}"
