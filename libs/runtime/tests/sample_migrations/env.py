from sqlmodel import SQLModel

from comptoir_runtime import tables  # noqa: F401 - registers the runtime's tables
from comptoir_runtime.migrations import environment
from libs.runtime.tests import sample_tables  # noqa: F401 - registers the sample's tables

environment(SQLModel.metadata)
