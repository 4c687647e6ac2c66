from sqlmodel import SQLModel

import comptoir_payments.tables  # noqa: F401 - registers the tables
from comptoir_runtime import migrations

migrations.environment(SQLModel.metadata)
