"""One database and three roles per service on a PostgreSQL server, embedded or not."""

import hashlib
import hmac
import urllib.parse
from pathlib import Path

import psycopg
from psycopg import sql

# What the roles may do is said once, for whatever makes databases.
PRIVILEGES = Path(__file__).resolve().parents[3] / "postgres" / "roles.sql"
# Where PUBLIC may connect, or the auditor may not, nobody has said yet who may.
_LOOK = """
SELECT pg_get_userbyid(datdba), has_database_privilege('public', datname, 'CONNECT'),
  has_database_privilege(%(auditor)s, datname, 'CONNECT')
FROM pg_database WHERE datname = %(name)s"""


def owner_of(database: str) -> str:
    """The role that owns the tables of a database; the one that serves bears its name."""
    return f"{database}_owner"


def auditor_of(database: str) -> str:
    """The role that only reads a database."""
    return f"{database}_audit"


class DatabaseServer:
    """A server reached as an administrator.

    Role passwords are derived from `secret`, so nothing else is stored.
    """

    def __init__(self, admin_url: str, secret: str) -> None:
        self.admin_url = admin_url
        self._secret = secret

    def ensure_database(self, name: str) -> str:
        """Create the database and its roles unless they exist.

        Returns the URL of the role that serves, `name`, which can read and write rows.
        """
        owner, auditor = owner_of(name), auditor_of(name)
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            self._ensure_role(connection, name)
            self._ensure_role(connection, owner)
            self._ensure_role(connection, auditor)
            found = connection.execute(_LOOK, {"name": name, "auditor": auditor}).fetchone()
            if found is None:
                connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(
                        sql.Identifier(name), sql.Identifier(owner)
                    )
                )
        if found != (owner, False, True):
            self._share_out(name, found is not None and found[0] != owner)
        return self.url(name)

    def owner_url(self, database: str, name: str | None = None) -> str:
        """The URL of `database` for migrations (default: as the owner of the one of that name)."""
        return self.url(database, owner_of(name or database))

    def auditor_url(self, database: str, name: str | None = None) -> str:
        """The URL of `database` as its auditor (default: that of the one of that name)."""
        return self.url(database, auditor_of(name or database))

    def _share_out(self, name: str, is_old: bool) -> None:
        admin = self._at(self.admin_url, name)
        with psycopg.connect(admin, autocommit=True) as connection:
            if is_old:  # made when the role that serves still owned its tables
                role, owner = sql.Identifier(name), sql.Identifier(owner_of(name))
                connection.execute(sql.SQL("REASSIGN OWNED BY {} TO {}").format(role, owner))
            connection.execute(PRIVILEGES.read_bytes())

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
        login = f"{urllib.parse.quote(role, safe='')}:{self._password(role)}"
        return self._at(self.admin_url, database, login)

    @staticmethod
    def _at(url: str, database: str, login: str | None = None) -> str:
        """The URL with another database, and another login if one is given."""
        parts = urllib.parse.urlsplit(url)
        before, _, place = parts.netloc.rpartition("@")
        path = f"/{urllib.parse.quote(database, safe='')}"
        return urllib.parse.urlunsplit(
            (parts.scheme, f"{login or before}@{place}", path, parts.query, "")
        )

    def _password(self, role: str) -> str:
        return hmac.new(self._secret.encode(), role.encode(), hashlib.sha256).hexdigest()
