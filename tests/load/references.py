"""What the same machine does without our code, measured in the same run."""

import asyncio
import re
import tempfile
from pathlib import Path

import psycopg

from comptoir_local.embedded.binaries import postgres_programs
from tests.load.figures import WrongResult

_ROWS = 100_000
_SCHEMA = "bench_reference"
_PREPARE = f"""
DROP SCHEMA IF EXISTS {_SCHEMA} CASCADE;
CREATE SCHEMA {_SCHEMA};
CREATE TABLE {_SCHEMA}.stock (id int PRIMARY KEY, reserved int NOT NULL);
CREATE TABLE {_SCHEMA}.movement (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stock int NOT NULL,
    quantity int NOT NULL
);
INSERT INTO {_SCHEMA}.stock SELECT n, 0 FROM generate_series(1, %(rows)s) AS n;
"""
_CLEAN_UP = f"DROP SCHEMA {_SCHEMA} CASCADE"
# The least a shop could write: one row changes, one row is added.
_TRANSACTION = f"""
\\set id random(1, %(rows)s)
BEGIN;
UPDATE {_SCHEMA}.stock SET reserved = reserved + 1 WHERE id = :id AND reserved < 2000000000;
INSERT INTO {_SCHEMA}.movement (stock, quantity) VALUES (:id, 1);
COMMIT;
"""
_TPS = re.compile(r"^tps = ([\d.]+)", re.MULTILINE)


async def pgbench(database_url: str, *, clients: int, seconds: int, rows: int = _ROWS) -> float:
    """Prepared one-row transactions per second on the server that the platform uses.

    The clients choose among `rows` rows; with one they all want the same.
    """
    programs, _ = postgres_programs(None)
    await asyncio.to_thread(_execute, database_url, _PREPARE % {"rows": rows})
    try:
        with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
            script.write(_TRANSACTION % {"rows": rows})
            script.flush()
            output = await _run(programs / "pgbench", database_url, script.name, clients, seconds)
    finally:
        await asyncio.to_thread(_execute, database_url, _CLEAN_UP)
    found = _TPS.search(output)
    if found is None:
        raise WrongResult(f"pgbench did not tell its rate:\n{output}")
    return float(found[1])


def _execute(database_url: str, statements: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        for statement in statements.split(";"):
            if statement.strip():
                connection.execute(statement.encode())


async def _run(program: Path, database_url: str, script: str, clients: int, seconds: int) -> str:
    arguments = [f"--client={clients}", "--jobs=2", f"--time={seconds}", "--protocol=prepared"]
    process = await asyncio.create_subprocess_exec(
        program,
        *arguments,
        "--no-vacuum",
        f"--file={script}",
        database_url,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return output.decode(errors="replace")
