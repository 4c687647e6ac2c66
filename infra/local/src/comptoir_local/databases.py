"""One database and one role per service on a PostgreSQL server, embedded or not."""

import hashlib
import hmac
import urllib.parse

import psycopg
from psycopg import sql


class DatabaseServer:
    """A server reached as an administrator.

    Role passwords are derived from `secret`, so nothing else is stored.
    """

    def __init__(self, admin_url: str, secret: str) -> None:
        self.admin_url = admin_url
        self._secret = secret

    def ensure_database(self, name: str) -> str:
        """Create database and role `name` unless they exist; returns the role's URL."""
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            self._ensure_role(connection, name)
            found = connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", [name]
            ).fetchone()
            if found is None:
                identifier = sql.Identifier(name)
                connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(identifier, identifier)
                )
                # A service must not reach its neighbours' data, not even by mistake.
                connection.execute(
                    sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(identifier)
                )
        return self.url(name)

    def _ensure_role(self, connection: psycopg.Connection, name: str) -> None:
        role, password = sql.Identifier(name), sql.Literal(self._password(name))
        found = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone()
        # An existing role gets the password again: the secret may be newer than the server.
        verb = (
            "CREATE ROLE {} LOGIN PASSWORD {}"
            if found is None
            else "ALTER ROLE {} LOGIN PASSWORD {}"
        )
        connection.execute(sql.SQL(verb).format(role, password))
        if found is None:
            # Only a superuser may create a database for a role it is not a member of.
            connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(role))

    def url(self, database: str, role: str | None = None) -> str:
        """The connection URL of `database` as `role` (default: the role of the same name)."""
        role = role or database
        parts = urllib.parse.urlsplit(self.admin_url)
        place = parts.netloc.rpartition("@")[2]
        login = f"{urllib.parse.quote(role, safe='')}:{self._password(role)}"
        return urllib.parse.urlunsplit(
            (
                parts.scheme,
                f"{login}@{place}",
                f"/{urllib.parse.quote(database, safe='')}",
                parts.query,
                "",
            )
        )

    def _password(self, role: str) -> str:
        return hmac.new(self._secret.encode(), role.encode(), hashlib.sha256).hexdigest()
