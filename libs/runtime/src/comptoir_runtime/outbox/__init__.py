"""The outbox: what a transaction says to the world, and the relay that brings it to NATS."""

from comptoir_runtime.outbox.measures import measure
from comptoir_runtime.outbox.questions import replay_subject, replayed_subject
from comptoir_runtime.outbox.relay import Relay

__all__ = ["Relay", "measure", "replay_subject", "replayed_subject"]
