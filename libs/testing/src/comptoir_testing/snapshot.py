"""What a database holds, to compare before and after."""

from dataclasses import dataclass

from comptoir_runtime.database import Session

# The relay and the consumers write these whenever they like; none of it is an effect of a call.
_BOOKKEEPING = frozenset({"outbox_stream", "outbox_sequence", "inbox_cursor", "alembic_version"})
# Rows are effects, their content is not: the relay marks what it has published.
_COUNTED = frozenset({"outbox"})

_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
_CONTENT = """
SELECT '{table}' AS name, count(*) AS rows, {digest} AS digest FROM "{table}" AS t"""
_DIGEST = r"md5(coalesce(string_agg(t::text, E'\n' ORDER BY t::text), ''))"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Number of rows and digest of their content, by table."""

    tables: dict[str, tuple[int, str]]

    def changes_to(self, later: "Snapshot") -> str:
        """What is different in `later`, one line per table; empty when nothing is."""
        lines = []
        for name, (rows, digest) in self.tables.items():
            later_rows, later_digest = later.tables[name]
            if later_rows != rows:
                lines.append(f"{name}: {rows} rows before, {later_rows} after")
            elif later_digest != digest:
                lines.append(f"{name}: other content in its {rows} rows")
        return "\n".join(lines)


async def take(session: Session, *, ignoring: frozenset[str] = frozenset()) -> Snapshot:
    """Read every table of the service, except `ignoring` and the relay's own bookkeeping."""
    names = [row["tablename"] for row in await session.fetch(_TABLES)]
    wanted = [name for name in names if name not in _BOOKKEEPING | ignoring]
    parts = [
        _CONTENT.format(table=name, digest="''" if name in _COUNTED else _DIGEST) for name in wanted
    ]
    rows = await session.fetch(" UNION ALL ".join(parts)) if parts else []
    return Snapshot({row["name"]: (row["rows"], row["digest"]) for row in rows})
