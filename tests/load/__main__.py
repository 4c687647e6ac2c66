"""`make bench NAME=checkout`, or `python -m tests.load checkout`; without a name, all of them.

Prints a table for each and writes build/bench/<name>.json. No figure fails a run: machines differ.
A wrong result does (exit code 1), such as stock sold twice.
"""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TypeAlias

import uvloop
from rich.console import Console
from rich.markup import escape

from tests.load import (
    against,
    authorise,
    availability,
    browse,
    checkout,
    lag,
    oversell,
    repair,
    reserving,
    startup,
    volume,
)
from tests.load.client import Disconnected
from tests.load.figures import Figure, WrongResult, table, write
from tests.load.world import World, running

RESULTS = Path("build/bench")


class Bench:
    """What the benchmarks of one run share."""

    def __init__(
        self, console: Console, seconds: float | None, replicas: int, stack: AsyncExitStack
    ) -> None:
        self.console = console
        self.seconds = seconds
        self._replicas = replicas
        self._stack = stack
        self._world: World | None = None

    async def other(self, python: Path) -> World:
        """The platform of another clone, as its own environment runs it."""
        with self.console.status("the other platform starts …"):
            data = RESULTS / "other"
            other = await self._stack.enter_async_context(
                running(data, fresh=True, python=str(python))
            )
        await other.stock_up(self.console)
        return other

    async def world(self) -> World:
        """A platform with the sample catalogue, started for the first benchmark that asks."""
        if self._world is None:
            with self.console.status("a platform of our own starts …"):
                data = RESULTS / "platform"
                self._world = await self._stack.enter_async_context(
                    running(data, fresh=True, replicas=self._replicas)
                )
            await self._world.stock_up(self.console)
        return self._world


async def _startup(bench: Bench) -> list[Figure]:
    rest = bench.seconds or startup.SECONDS
    return await startup.measure(RESULTS / "startup", bench.console, rest)


async def _authorise(bench: Bench) -> list[Figure]:
    return await authorise.measure(await bench.world(), bench.seconds or authorise.SECONDS)


async def _checkout(bench: Bench) -> list[Figure]:
    return await checkout.measure(await bench.world(), bench.seconds or checkout.SECONDS)


async def _browse(bench: Bench) -> list[Figure]:
    return await browse.measure(await bench.world(), bench.seconds or browse.SECONDS)


async def _oversell(bench: Bench) -> list[Figure]:
    return await oversell.measure(await bench.world())


async def _flash(bench: Bench) -> list[Figure]:
    return await reserving.flash(await bench.world(), bench.seconds or reserving.SECONDS)


async def _reserve_spread(bench: Bench) -> list[Figure]:
    return await reserving.spread(await bench.world(), bench.seconds or reserving.SECONDS)


async def _availability(bench: Bench) -> list[Figure]:
    return await availability.measure(await bench.world(), bench.seconds or availability.SECONDS)


async def _lag(bench: Bench) -> list[Figure]:
    return await lag.measure(await bench.world(), bench.seconds or lag.SECONDS)


async def _repair(bench: Bench) -> list[Figure]:
    return await repair.measure(RESULTS / "repair", bench.seconds or repair.SECONDS)


async def _volume(bench: Bench) -> list[Figure]:
    return await volume.measure(RESULTS / "volume", bench.console)


Benchmark: TypeAlias = Callable[[Bench], Awaitable[list[Figure]]]

# Startup first: it runs a platform of its own, and nothing else may run beside it.
BENCHMARKS: dict[str, Benchmark] = {
    "startup": _startup,
    "browse": _browse,
    "authorise": _authorise,
    "checkout": _checkout,
    "oversell": _oversell,
    "lag": _lag,
    "repair": _repair,
    "availability": _availability,
    "flash": _flash,
    "reserve-spread": _reserve_spread,
    "volume": _volume,
}


async def _run(
    benchmarks: Mapping[str, Benchmark], options: argparse.Namespace, console: Console
) -> int:
    failed = []
    async with AsyncExitStack() as stack:
        bench = Bench(console, options.seconds, options.replicas, stack)
        for name, benchmark in benchmarks.items():
            try:
                with console.status(f"{name} …"):
                    figures = await benchmark(bench)
            except (WrongResult, Disconnected, TimeoutError) as failure:
                text = str(failure) or type(failure).__name__
                console.print(f"[bold red]✗ {name}[/] {escape(text)}", soft_wrap=True)
                failed.append(name)
                continue
            console.print(table(name, figures))
            console.print(f"[dim]{write(RESULTS, name, figures)}[/]\n")
    return 1 if failed else 0


def _against(python: Path) -> Benchmark:
    async def compare(bench: Bench) -> list[Figure]:
        this, other = await bench.world(), await bench.other(python)
        return await against.measure(this, other, bench.seconds or against.SECONDS)

    return compare


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--seconds", type=float, help="how long each measures; short by default")
    parser.add_argument(
        "--replicas", type=int, default=1, help="processes of each service; one by default"
    )
    parser.add_argument(
        "--against", type=Path, metavar="CLONE", help="checkout here and there, in turn"
    )
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark is called {', '.join(unknown)}; there are {list(BENCHMARKS)}")
    wanted = {name: BENCHMARKS[name] for name in options.names or BENCHMARKS}
    if options.against is not None:
        python = options.against.absolute() / ".tox" / "dev" / "bin" / "python"
        if not python.exists():
            parser.error(f"{python} does not exist: `make unit` there makes it")
        wanted = {"against": _against(python)}
    console = Console(highlight=False)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            code = runner.run(_run(wanted, options, console))
        except KeyboardInterrupt:
            code = 130
    sys.exit(code)


if __name__ == "__main__":
    main()
