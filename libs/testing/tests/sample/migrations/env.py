from sqlalchemy import MetaData

from comptoir_runtime.migrations import environment

environment(MetaData())
