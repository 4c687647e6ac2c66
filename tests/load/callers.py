"""Callers of one gRPC procedure, in processes of their own: `python -m tests.load.callers`.

h2load sends the same bytes each time, and a promise repeated under the same request id is no
second promise; grpc.aio burns as much as the server does. So the callers speak just enough HTTP/2
(`http2`), and a body is ready bytes, to which the fields `request_id` and `owner` are added. What
they burn is told apart from the platform's.
"""

import asyncio
import base64
import itertools
import json
import math
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field

import uvloop
from google.rpc import status_pb2

from comptoir_runtime.errors import from_status
from tests.load.figures import WrongResult
from tests.load.http2 import Lines, Refused

# Fields 1 and 2 of a ReserveRequest, as protobuf writes them.
_REQUEST_ID, _OWNER = b"\x0a", b"\x12"
_TIMEOUT = {"grpc-timeout": "20S"}
PROCESSES = 2


@dataclass(frozen=True, slots=True)
class Task:
    """What one process does: all `calls`, or as many as it can in `seconds`."""

    addresses: list[str]
    """The replicas of the service, one for each process in turn."""
    path: str
    token: str
    bodies: list[str]
    """In base64; taken in turn."""
    at_once: int
    calls: int = 0
    seconds: float = 0.0
    rate: float = 0.0
    """Calls a second at most, begun at even distances; 0 for as many as it can."""
    unique: bool = False
    """Whether each call gets a request id and an owner of its own."""


@dataclass(slots=True)
class Calls:
    """What became of calls."""

    outcomes: Counter[str] = field(default_factory=Counter)
    """By reason of the refusal; `OK` for those that were answered."""
    waits: list[float] = field(default_factory=list)
    """Seconds."""
    seconds: float = 0.0
    cpu: float = 0.0
    """Processor seconds of the callers."""

    @property
    def rate(self) -> float:
        """Calls per second."""
        return len(self.waits) / self.seconds


async def call(task: Task) -> Calls:
    """Splits the task over processes and adds up what became of it."""
    parts = [
        Task(
            **{
                **asdict(task),
                "addresses": [task.addresses[number % len(task.addresses)]],
                "at_once": task.at_once // PROCESSES,
                "calls": task.calls // PROCESSES,
                "rate": task.rate / PROCESSES,
                "bodies": task.bodies[number::PROCESSES] or task.bodies,
            }
        )
        for number in range(PROCESSES)
    ]
    total = Calls()
    for part in await asyncio.gather(*map(_in_process, parts)):
        total.outcomes.update(part.outcomes)
        total.waits += part.waits
        total.seconds = max(total.seconds, part.seconds)
        total.cpu += part.cpu
    return total


async def _in_process(task: Task) -> Calls:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.load.callers"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate(json.dumps(asdict(task)).encode())
    if process.returncode:
        raise WrongResult("the callers broke off")
    told = json.loads(output)
    return Calls(Counter(told["outcomes"]), told["waits"], told["seconds"], told["cpu"])


async def _carry_out(task: Task) -> Calls:
    done = Calls()
    reasons: dict[tuple[str, bytes], str] = {}
    numbers = itertools.count()
    bodies = bodies_of(task)
    headers = {"authorization": task.token} if task.token else {}
    with closing(Lines(task.addresses[0], task.path, headers | _TIMEOUT)) as lines:
        await lines.connected()
        began, cpu = time.perf_counter(), time.process_time()
        end = began + task.seconds if task.seconds else math.inf
        most = task.calls or math.inf

        async def caller() -> None:
            while (number := next(numbers)) < most and time.perf_counter() < end:
                started = time.perf_counter()
                if task.rate:
                    due = began + number / task.rate
                    if due > started:
                        await asyncio.sleep(due - started)
                    started = due  # a call that could not begin in time has been waiting
                try:
                    await lines.call(next(bodies))
                    done.outcomes["OK"] += 1
                except Refused as error:
                    done.outcomes[_reason(error, reasons)] += 1
                done.waits.append(time.perf_counter() - started)

        await asyncio.gather(*(caller() for _ in range(task.at_once)))
        done.seconds = time.perf_counter() - began
        done.cpu = time.process_time() - cpu
    return done


def bodies_of(task: Task) -> Iterator[bytes]:
    """What is sent, one body for each call."""
    ready = [base64.b64decode(body) for body in task.bodies]
    mine = f"{os.getpid():x}{time.time_ns():x}".encode()
    for number in itertools.count():
        body = ready[number % len(ready)]
        if task.unique:
            name = b"%s-%x" % (mine, number)
            size = bytes([len(name)])
            body += _REQUEST_ID + size + name + _OWNER + size + name
        yield body


def _reason(refused: Refused, known: dict[tuple[str, bytes], str]) -> str:
    """The reason of a refusal, or its status when it gives none; the same bytes are read once."""
    key = refused.status, refused.details
    if key not in known:
        given = bool(refused.details)
        status = status_pb2.Status.FromString(refused.details)
        known[key] = from_status(status).reason if given else refused.status
    return known[key]


def encoded(bodies: Sequence[bytes]) -> list[str]:
    """Bodies as a task carries them."""
    return [base64.b64encode(body).decode() for body in bodies]


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found = runner.run(_carry_out(Task(**json.load(sys.stdin))))
    # Not with asdict: it cannot rebuild a Counter.
    told = {field: getattr(found, field) for field in ("outcomes", "waits", "seconds", "cpu")}
    json.dump(told, sys.stdout)
