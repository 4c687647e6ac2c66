"""One NATS user per service, with exactly the permissions that its code needs.

`comptoir nats-users` prints them for a server's configuration, `--helm` as values for the chart of
NATS. Passwords are the server's to know: `NATS_CART_PASSWORD` and so on in its environment.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from comptoir_local.conversation import SOURCES, parts
from comptoir_local.stack import SERVICES
from comptoir_runtime.bus.permissions import Part, permissions

ADMINISTRATOR = "administrator"
_MADE_BY = "# Made by `comptoir nats-users` from the code of the services: what each of them needs."


def users(password: Callable[[str], str], sources: Path = SOURCES) -> list[dict[str, Any]]:
    """As NATS wants them: every service, and an administrator who may do everything."""
    everybody = parts(sources)
    found = [_user(part, everybody, password(part.service)) for part in everybody]
    return [*found, {"user": ADMINISTRATOR, "password": password(ADMINISTRATOR)}]


def as_configuration(sources: Path = SOURCES) -> str:
    """To be included in the configuration of a server."""
    lines = json.dumps({"users": users(_variable, sources)}, indent=2)
    for service in _names():
        # What is quoted is a text; a variable stands alone.
        lines = lines.replace(f'"{_variable(service)}"', _variable(service))
    return f"{_MADE_BY}\nauthorization: {lines}\n"


def as_helm_values(passwords: str, sources: Path = SOURCES) -> str:
    """Values for the chart, as JSON, which is YAML; `passwords` names the Secret that has them."""
    environment = {
        _variable(name)[1:]: {"valueFrom": {"secretKeyRef": {"name": passwords, "key": name}}}
        for name in _names()
    }
    values = {
        "config": {
            # The chart takes what is between << and >> out of its quotes.
            "merge": {
                "authorization": {
                    "users": users(lambda name: f"<< {_variable(name)} >>", sources),
                }
            }
        },
        "container": {"env": environment},
    }
    return f"{_MADE_BY}\n{json.dumps(values, indent=2)}\n"


def _user(part: Part, everybody: Sequence[Part], password: str) -> dict[str, Any]:
    may = permissions(part, everybody)
    publish = {"allow": may.publish} | ({"deny": may.denied} if may.denied else {})
    return {
        "user": part.service,
        "password": password,
        "permissions": {"publish": publish, "subscribe": {"allow": may.subscribe}},
    }


def _names() -> list[str]:
    return [*(service.name for service in SERVICES), ADMINISTRATOR]


def _variable(name: str) -> str:
    return f"$NATS_{name.upper()}_PASSWORD"
