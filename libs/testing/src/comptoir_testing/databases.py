"""A fresh database per test: the migrated template of a service, cloned in milliseconds."""

import itertools
from types import TracebackType
from typing import Self

import psycopg
from psycopg import sql

from comptoir_local.databases import DatabaseServer, auditor_of, owner_of

_numbers = itertools.count(1)


class Clones:
    """Makes and drops clones of template databases over one administrator's connection.

    Files are copied as they are (`FILE_COPY`), which is ten times as fast as the default that
    logs every page, and costs nothing here: these servers never recover.
    """

    def __init__(self, server: DatabaseServer) -> None:
        self._server = server
        self._connection = psycopg.connect(server.admin_url, autocommit=True)
        self._retired: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._connection.close()

    def clone(self, template: str) -> str:
        """The name of a new copy of database `template`, with the same three roles."""
        self._drop_retired()
        name = f"{template}_{next(_numbers)}"
        self._connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {} STRATEGY file_copy").format(
                sql.Identifier(name), sql.Identifier(template), sql.Identifier(owner_of(template))
            )
        )
        # Of a template everything is copied but who may connect.
        self._connection.execute(
            sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name))
        )
        self._connection.execute(
            sql.SQL("GRANT CONNECT ON DATABASE {} TO {}, {}").format(
                sql.Identifier(name),
                sql.Identifier(template),
                sql.Identifier(auditor_of(template)),
            )
        )
        return name

    def url(self, name: str, template: str) -> str:
        """The connection URL of a clone as the role that serves: rows, no tables."""
        return self._server.url(name, template)

    def owner_url(self, name: str, template: str) -> str:
        """The connection URL of a clone as the owner of its tables."""
        return self._server.owner_url(name, template)

    def retire(self, name: str) -> None:
        """Drop the clone when the next one is made.

        Dropping waits for the sessions to be gone, which after a disconnection takes a moment;
        by the next test it costs nothing.
        """
        self._retired.append(name)

    def _drop_retired(self) -> None:
        while self._retired:
            name = sql.Identifier(self._retired.pop())
            self._connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
