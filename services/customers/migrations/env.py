"""Alembic's environment: all of it is shared."""

from sqlmodel import SQLModel

from comptoir_customers import tables  # noqa: F401 - the tables register themselves
from comptoir_runtime.migrations import environment

environment(SQLModel.metadata)
