"""What the auditor believes about subscriptions is what the services' code says."""

import ast
from collections.abc import Iterator
from pathlib import Path

from comptoir_audit.invariants.subscriptions import SUBSCRIPTIONS

ROOT = Path(__file__).resolve().parents[4]


def subscribed(path: Path) -> Iterator[tuple[str, str]]:
    """Producer and message of each handler in `Subscription("pim", {pim_pb2.X: …})`."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Call(
                func=ast.Name(id="Subscription"),
                args=[ast.Constant(value=str(producer)), ast.Dict(keys=messages)],
            ):
                for message in messages:
                    assert isinstance(message, ast.Attribute | ast.Name), ast.dump(node)
                    name = message.attr if isinstance(message, ast.Attribute) else message.id
                    yield producer, name


class TestSubscriptions:
    def test_they_are_those_of_the_services(self) -> None:
        found: dict[tuple[str, str], set[str]] = {}
        for room in ROOT.glob("services/*/src/comptoir_*/subscribers*"):
            consumer = room.parts[-4]
            for path in [room] if room.is_file() else room.rglob("*.py"):
                for producer, message in subscribed(path):
                    found.setdefault((producer, consumer), set()).add(message)

        assert found == {pair: set(messages) for pair, messages in SUBSCRIPTIONS.items()}
