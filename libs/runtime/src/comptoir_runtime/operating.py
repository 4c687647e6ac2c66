"""What people do to the events of a service that runs: publish again, look after dead letters.

`python -m comptoir_<service> events …` where that service runs; it speaks with the service's own
identity to the address in LISTEN.
"""

import argparse
from collections.abc import AsyncIterator
from datetime import UTC
from uuid import uuid4

import grpc

from comptoir.events.v1 import events_service_pb2 as pb
from comptoir.options.v1 import event_pb2
from comptoir_runtime.channel import Client
from comptoir_runtime.errors import Failure
from comptoir_runtime.events_service import SERVICE

_KINDS = {"facts": event_pb2.Event.KIND_FACT, "states": event_pb2.Event.KIND_STATE}
_STATES = {
    name.removeprefix("STATE_").lower(): value
    for name, value in pb.DeadLetter.State.items()
    if value
}
_PAGE = 100
_SECONDS = 300.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be asked for."""
    actions = parser.add_subparsers(dest="action", required=True)
    replay = actions.add_parser("replay", help="publish again what this service has published")
    replay.add_argument("kind", choices=sorted(_KINDS))
    replay.add_argument("--first", type=int, default=1, help="producer sequence (default: 1)")
    replay.add_argument("--last", type=int, default=0, help="producer sequence (default: newest)")
    letters = actions.add_parser("dead-letters", help="list what this service could not handle")
    letters.add_argument("--state", choices=sorted(_STATES), default="quarantined")
    redrive = actions.add_parser("redrive", help="handle dead letters once more")
    chosen = redrive.add_mutually_exclusive_group(required=True)
    chosen.add_argument("id", nargs="?", help="of the event")
    chosen.add_argument("--all", action="store_true", help="all that are in quarantine")
    discard = actions.add_parser("discard", help="give a dead letter up")
    discard.add_argument("id", help="of the event")
    discard.add_argument("--reason", required=True, help="kept with the letter")


async def run(asked: argparse.Namespace, channel: grpc.aio.Channel) -> AsyncIterator[str]:
    """Does as asked; a line for each thing done. Refusals are raised as they come."""
    client = Client(channel, SERVICE)
    match asked.action:
        case "replay":
            yield await _replay(client, _KINDS[asked.kind], asked.first, asked.last)
        case "dead-letters":
            async for letter in _letters(client, _STATES[asked.state]):
                yield _line(letter)
        case "redrive":
            async for line in _redrive(client, None if asked.all else asked.id):
                yield line
        case "discard":
            given_up = pb.DiscardDeadLetterRequest(
                request_id=str(uuid4()), id=asked.id, reason=asked.reason
            )
            answer = await client.call("DiscardDeadLetter", given_up)
            yield _line(answer.dead_letter)


async def _replay(
    client: Client, kind: "event_pb2.Event.Kind.ValueType", first: int, last: int
) -> str:
    request = pb.ReplayEventsRequest(kind=kind, first_sequence=first, last_sequence=last)
    answer = await client.call("ReplayEvents", request, timeout=_SECONDS)
    return f"{answer.replayed_count} events published again"


async def _redrive(client: Client, wanted: str | None) -> AsyncIterator[str]:
    """One letter, or all that wait; those that fail again keep none of the others waiting."""
    waiting = pb.DeadLetter.STATE_QUARANTINED
    ids = [wanted] if wanted else [each.id async for each in _letters(client, waiting)]
    failed: Failure | None = None
    for event_id in ids:
        request = pb.RedriveDeadLetterRequest(request_id=str(uuid4()), id=event_id)
        try:
            answer = await client.call("RedriveDeadLetter", request, timeout=_SECONDS)
        except Failure as failure:
            failed = failure
            yield f"{event_id}  {failure.reason}  {failure.message}"
        else:
            yield _line(answer.dead_letter)
    if failed is not None:
        raise failed


async def _letters(
    client: Client, state: "pb.DeadLetter.State.ValueType"
) -> AsyncIterator[pb.DeadLetter]:
    request = pb.ListDeadLettersRequest(page_size=_PAGE, state=state)
    while True:
        answer = await client.call("ListDeadLetters", request)
        for letter in answer.dead_letters:
            yield letter
        if not answer.next_page_token:
            return
        request.page_token = answer.next_page_token


def _line(letter: pb.DeadLetter) -> str:
    state = pb.DeadLetter.State.Name(letter.state).removeprefix("STATE_").lower()
    since = letter.quarantine_time.ToDatetime(UTC).isoformat(timespec="seconds")
    return f"{letter.id}  {state}  {since}  {letter.subject}  {letter.error}"
