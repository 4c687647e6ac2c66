"""NATS: facts and states on JetStream, signals on core NATS.

A service runs without it: what is to be published waits in the outbox, and
consumers go on where they stopped.
"""

import comptoir_runtime.bus.lean_client  # noqa: F401 - first, for its effect: others import nats
from comptoir_runtime.bus.connection import ApiError, Bus, BusUnavailable, Message
from comptoir_runtime.bus.follower import Follower
from comptoir_runtime.bus.publisher import Outgoing
from comptoir_runtime.bus.signals import Listener, signals
from comptoir_runtime.bus.streams import Limits
from comptoir_runtime.bus.subscription import Handler, Subscription

__all__ = [
    "ApiError",
    "Bus",
    "BusUnavailable",
    "Follower",
    "Handler",
    "Limits",
    "Listener",
    "Message",
    "Outgoing",
    "Subscription",
    "signals",
]
