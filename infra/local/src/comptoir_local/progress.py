"""What a person sees while the platform starts."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn


class Steps:
    """Named steps, each printed with its time when done, under a bar of how many are left."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started = time.monotonic()
        self._running: dict[str, None] = {}
        self._progress: Progress | None = None

    @property
    def seconds(self) -> float:
        """Time since the first step could begin."""
        return time.monotonic() - self._started

    @contextmanager
    def shown(self, total: int) -> Iterator[None]:
        """Show the bar while the block runs."""
        columns = (SpinnerColumn(), BarColumn(bar_width=20), MofNCompleteColumn())
        description = TextColumn("{task.description}")
        with Progress(*columns, description, console=self._console, transient=True) as progress:
            self._progress = progress
            progress.add_task("", total=total)
            yield
        self._progress = None

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """One step; prints its name and time when the block ends without error."""
        started = time.monotonic()
        self._running[name] = None
        self._update()
        try:
            yield
        finally:
            del self._running[name]
            self._update()
        if self._progress is not None:
            self._progress.advance(self._progress.tasks[0].id)
        took = time.monotonic() - started
        self._console.print(f"  [green]✓[/] {name:<22} [dim]{took:6.2f} s[/]")

    def _update(self) -> None:
        if self._progress is not None:
            self._progress.update(self._progress.tasks[0].id, description=", ".join(self._running))
