"""What the gateway loads when it starts."""

import subprocess
import sys

# Packages of the runtime that it stands on without using them: it has no database and checks no
# constraint. import-linter does not see what a package's `__init__` brings along.
NOT_NEEDED = ("alembic", "asyncpg", "psycopg", "sqlalchemy", "sqlmodel", "protovalidate")
LOADED = """
import sys
import comptoir_gateway.__main__
print(*(name for name in sys.argv[1:] if name in sys.modules))
"""


def test_nothing_that_only_services_with_a_database_need() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", LOADED, "uvicorn", *NOT_NEEDED],
        check=True,
        capture_output=True,
        text=True,
    )
    assert loaded.stdout.split() == ["uvicorn"]
