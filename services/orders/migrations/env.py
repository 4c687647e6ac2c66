from sqlmodel import SQLModel

from comptoir_orders import tables  # noqa: F401 - its shapes are what is compared
from comptoir_runtime.migrations import environment

environment(SQLModel.metadata)
