"""Imports the NATS client without what it would load for nothing.

Where aiohttp is installed, nats-py imports it for WebSocket connections, which nobody here
makes: 8 MB of memory and 0.2 s of start-up in every service.
"""

import importlib
import sys


def import_nats() -> None:
    """Imports `nats`; aiohttp stays as it was, loaded or not."""
    if "aiohttp" in sys.modules:
        importlib.import_module("nats")
        return
    # A module that is None cannot be imported: the client does without it then.
    sys.modules["aiohttp"] = None  # type: ignore[assignment]  # what the import system asks for
    try:
        importlib.import_module("nats")
    finally:
        del sys.modules["aiohttp"]


import_nats()
