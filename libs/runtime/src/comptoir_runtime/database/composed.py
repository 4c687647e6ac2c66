"""SQLAlchemy statements on asyncpg connections, for administrative paths.

Imported on first use only: SQLAlchemy costs memory that most services never need.
"""

from typing import Any

from sqlalchemy.dialects.postgresql import asyncpg as asyncpg_dialect
from sqlalchemy.sql import Executable
from sqlalchemy.sql.compiler import SQLCompiler


def _as_is(value: Any) -> Any:
    return value


# The connection has its own jsonb codec: the dialect must not encode a second time.
_dialect = asyncpg_dialect.dialect(json_serializer=_as_is, json_deserializer=_as_is)  # type: ignore[no-untyped-call]


def compile_statement(statement: Executable) -> tuple[str, list[Any]]:
    """SQL with `$1` parameters, and the arguments in their order."""
    compiled = statement.compile(  # type: ignore[attr-defined]  # every Executable is also compilable
        dialect=_dialect, compile_kwargs={"render_postcompile": True}
    )
    if not isinstance(compiled, SQLCompiler):
        raise TypeError(f"not a statement that can be run here: {type(statement).__name__}")
    # Enumerations, for one, become text here.
    processors = compiled._bind_processors  # noqa: SLF001 - the dialect's own way, without its driver
    arguments = []
    for name in compiled.positiontup or ():
        value, processor = compiled.params[name], processors.get(name)
        arguments.append(value if processor is None else processor(value))  # type: ignore[operator]  # its key type is too wide
    return compiled.string, arguments
