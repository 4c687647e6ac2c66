from sqlmodel import SQLModel

from comptoir_pim import tables  # noqa: F401 - its shapes are what is compared
from comptoir_runtime.migrations import environment

environment(SQLModel.metadata)
