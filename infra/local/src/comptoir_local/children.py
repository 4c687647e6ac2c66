"""The processes of the platform, as asyncio children that never outlive it."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Mapping

from comptoir_local.embedded.child import tied_to_us
from comptoir_local.logs import LogBook

# What would send a child to a database or a bus that is not its own.
_NOT_INHERITED = frozenset(
    {
        "CALLERS",
        "DATABASE_URL",
        "HEALTH_LISTEN",
        "MIGRATION_DATABASE_URL",
        "NATS_URL",
        "PYTHONWARNINGS",
        "TLS_CA",
        "TLS_CERTIFICATE",
        "TLS_KEY",
    }
)
_CHUNK = 65_536


class Child:
    """A Python program of ours. Can be started again after it has ended."""

    def __init__(
        self, name: str, arguments: list[str], environment: Mapping[str, str], log: LogBook
    ) -> None:
        self.name = name
        self.log = log
        self._command = [sys.executable, *arguments]
        self._environment = environment
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._ended: asyncio.Task[int] | None = None
        self.is_wanted = False
        """Whether the platform wants it to run; when it ends all the same, it has crashed."""

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        running = self._process is not None and self._process.returncode is None
        return self._process.pid if running and self._process is not None else None

    async def start(self, on_end: Callable[["Child", int], None] | None = None) -> None:
        """Start the process; `on_end` is called with its exit code when it has ended.

        Must run in the main thread: the kernel ties the child's life to the thread that forked.
        """
        inherited = {key: text for key, text in os.environ.items() if key not in _NOT_INHERITED}
        self._process = await asyncio.create_subprocess_exec(
            *tied_to_us(self._command, signal.SIGKILL),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**inherited, "PYTHONUNBUFFERED": "1", **self._environment},
            process_group=0,  # Ctrl-C is for the platform, which then stops each in its turn.
        )
        self.is_wanted = True
        self._ended = asyncio.create_task(self._watch(self._process, on_end))

    async def wait(self) -> int:
        """The exit code, once the process has ended and all it said is in the log."""
        assert self._ended is not None, "not started"
        return await asyncio.shield(self._ended)

    async def stop(self, patience: float) -> None:
        """SIGTERM, then SIGKILL for its whole group after `patience` seconds."""
        self.is_wanted = False
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.wait(), patience)
        self.kill()
        await self.wait()

    def kill(self) -> None:
        """SIGKILL for its whole group, at once."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def _watch(
        self,
        process: asyncio.subprocess.Process,
        on_end: Callable[["Child", int], None] | None,
    ) -> int:
        assert process.stdout is not None
        reading = asyncio.create_task(self._read(process.stdout))
        code = await process.wait()
        # A grandchild may hold the pipe open; what the process itself said is there by now.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(reading, 1)
        if self.is_wanted and on_end is not None:
            on_end(self, code)
        return code

    async def _read(self, output: asyncio.StreamReader) -> None:
        rest = b""
        while chunk := await output.read(_CHUNK):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self.log.write(line)
        if rest:
            self.log.write(rest)


def describe_exit(code: int) -> str:
    """`exit code 1`, `killed by SIGKILL`."""
    return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"
