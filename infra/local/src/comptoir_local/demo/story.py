"""Telling the demo: steps with their times, expectations, and the table at the end."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table


class BrokenExpectation(Exception):
    """Something did not happen that the demo promises."""


def expect(fact: bool, otherwise: str) -> None:
    """Raises `BrokenExpectation` with `otherwise` unless `fact` holds."""
    if not fact:
        raise BrokenExpectation(otherwise)


@dataclass
class Step:
    """One step of the story: what was done, how long it took, what was seen."""

    title: str
    seconds: float = 0.0
    seen: list[str] = field(default_factory=list)

    def saw(self, line: str) -> None:
        """Adds a line to what was seen."""
        self.seen.append(line)


class Story:
    """Prints each step when it ends, and all of them once more in a table."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.steps: list[Step] = []

    @asynccontextmanager
    async def step(self, title: str) -> AsyncIterator[Step]:
        """Runs one step; its time is wall-clock time, waiting for others included."""
        step = Step(title)
        number = len(self.steps) + 1
        started = time.perf_counter()
        with self._console.status(f"[bold]{number:>2}[/] {title} …"):
            try:
                yield step
            except Exception:
                self._console.print(f"[red]✗ {number:>2}  {title}[/]")
                raise
        step.seconds = time.perf_counter() - started
        self.steps.append(step)
        self._console.print(
            f"[green]✓[/] [bold]{number:>2}[/]  {title}  [dim]{step.seconds * 1000:,.0f} ms[/]"
        )
        for line in step.seen:
            self._console.print(f"       [dim]{line}[/]")

    def table(self) -> Table:
        """The summary: one row per step."""
        table = Table(title="What happened", title_justify="left", show_lines=False)
        table.add_column("#", justify="right")
        table.add_column("step")
        table.add_column("ms", justify="right")
        for number, step in enumerate(self.steps, start=1):
            table.add_row(str(number), step.title, f"{step.seconds * 1000:,.0f}")
        total = sum(step.seconds for step in self.steps)
        table.add_section()
        table.add_row("", "[bold]the whole journey[/]", f"[bold]{total * 1000:,.0f}[/]")
        return table
