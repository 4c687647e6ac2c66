"""Three roles per database: one that serves changes rows, the owner changes tables, one reads."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import errors

from comptoir_local.databases import PRIVILEGES, DatabaseServer

_TABLES = """
CREATE TABLE note (number bigint GENERATED ALWAYS AS IDENTITY, text text);
CREATE SEQUENCE counted;
CREATE FUNCTION loud() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    NEW.text := upper(NEW.text); RETURN NEW;
END $$;
CREATE TRIGGER loud BEFORE INSERT ON note FOR EACH ROW EXECUTE FUNCTION loud()"""


@contextmanager
def connected(url: str) -> Iterator["psycopg.Connection[tuple[object, ...]]"]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def shop(postgres_server: DatabaseServer) -> DatabaseServer:
    """A server with the database `shop`, migrated by its owner."""
    postgres_server.ensure_database("shop")
    with connected(postgres_server.owner_url("shop")) as owner:
        owner.execute(_TABLES)
    return postgres_server


class TestWhoServes:
    def test_reads_and_writes_rows_of_tables_that_a_migration_made(
        self, shop: DatabaseServer
    ) -> None:
        with connected(shop.url("shop")) as service:
            service.execute("INSERT INTO note (text) VALUES ('a'), ('b')")
            service.execute("UPDATE note SET text = 'c' WHERE text = 'A'")
            service.execute("DELETE FROM note WHERE text = 'B'")
            row = service.execute("SELECT text, nextval('counted') > 0 FROM note").fetchone()
            service.execute("DELETE FROM note")

        assert row == ("c", True)

    @pytest.mark.parametrize(
        "statement",
        [
            "CREATE TABLE mine ()",
            "CREATE TEMP TABLE mine ()",
            "CREATE SCHEMA mine",
            "CREATE VIEW mine AS SELECT 1",
            "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "CREATE EXTENSION pg_trgm",
            "CREATE INDEX ON note (text)",
            "ALTER TABLE note ADD COLUMN more text",
            "ALTER TABLE note DISABLE TRIGGER loud",
            "CREATE OR REPLACE TRIGGER loud AFTER INSERT ON note EXECUTE FUNCTION loud()",
            "DROP TABLE note",
            "TRUNCATE note",
            "ALTER SEQUENCE counted RESTART",
            "SELECT setval('counted', 1)",
            "SET ROLE shop_owner",
            "SET session_replication_role = replica",
            "CREATE ROLE mine",
            "CREATE DATABASE mine",
            "ALTER DATABASE shop RENAME TO mine",
            "COPY note TO PROGRAM 'cat'",
        ],
    )
    def test_changes_nothing_else(self, shop: DatabaseServer, statement: str) -> None:
        with (
            connected(shop.url("shop")) as service,
            pytest.raises(errors.InsufficientPrivilege),
        ):
            service.execute(statement.encode())

    def test_hands_nothing_on(self, shop: DatabaseServer) -> None:
        shop.ensure_database("stranger")
        with connected(shop.url("shop")) as service:
            service.execute("GRANT SELECT ON note TO stranger")  # a warning: nothing was granted
        with connected(shop.owner_url("shop")) as owner:
            row = owner.execute("SELECT has_table_privilege('stranger', 'note', 'SELECT')")

            assert row.fetchone() == (False,)

    @pytest.mark.parametrize("role", ["shop", "shop_owner", "shop_audit"])
    @pytest.mark.parametrize("database", ["neighbour", "postgres", "template1"])
    def test_opens_no_other_database(self, shop: DatabaseServer, role: str, database: str) -> None:
        shop.ensure_database("neighbour")
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(shop.url(database, role))


class TestWhoReads:
    def test_sees_every_row_of_tables_that_a_migration_made(self, shop: DatabaseServer) -> None:
        with connected(shop.url("shop")) as service:
            service.execute("INSERT INTO note (text) VALUES ('a')")
        with connected(shop.auditor_url("shop")) as auditor:
            row = auditor.execute("SELECT text FROM note").fetchone()
        with connected(shop.url("shop")) as service:
            service.execute("DELETE FROM note")

        assert row == ("A",)

    @pytest.mark.parametrize(
        "statement",
        [
            "INSERT INTO note (text) VALUES ('a')",
            "UPDATE note SET text = 'a'",
            "DELETE FROM note",
            "SELECT * FROM note FOR UPDATE",
            "SELECT nextval('counted')",
            "TRUNCATE note",
            "DROP TABLE note",
            "CREATE TABLE mine ()",
            "CREATE TEMP TABLE mine ()",
            "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "COPY note TO PROGRAM 'cat'",
            "SET ROLE shop",
            "SET ROLE shop_owner",
        ],
    )
    def test_changes_nothing(self, shop: DatabaseServer, statement: str) -> None:
        with (
            connected(shop.auditor_url("shop")) as auditor,
            pytest.raises(errors.InsufficientPrivilege),
        ):
            auditor.execute(statement.encode())

    def test_is_let_into_a_database_that_was_made_without_it(
        self, postgres_server: DatabaseServer
    ) -> None:
        postgres_server.ensure_database("early")
        with connected(postgres_server.owner_url("early")) as owner:
            owner.execute("CREATE TABLE kept AS SELECT 7 AS value")
            owner.execute("REVOKE ALL ON DATABASE early FROM early_audit")
            owner.execute("REVOKE ALL ON SCHEMA public FROM early_audit")
            owner.execute("REVOKE ALL ON kept FROM early_audit")

        postgres_server.ensure_database("early")

        with connected(postgres_server.auditor_url("early")) as auditor:
            assert auditor.execute("SELECT value FROM kept").fetchone() == (7,)

    def test_need_not_exist(self, postgres_server: DatabaseServer) -> None:
        with connected(postgres_server.admin_url) as connection:
            connection.execute("CREATE ROLE alone LOGIN PASSWORD 'x'")
            connection.execute("CREATE ROLE alone_owner")
            connection.execute("CREATE DATABASE alone OWNER alone_owner")
        with connected(f"{postgres_server.admin_url.rpartition('/')[0]}/alone") as connection:
            connection.execute(PRIVILEGES.read_bytes())
            row = connection.execute("SELECT has_schema_privilege('alone', 'public', 'USAGE')")

            assert row.fetchone() == (True,)


class TestDatabasesOfBefore:
    def test_tables_of_the_role_that_served_get_an_owner(
        self, postgres_server: DatabaseServer
    ) -> None:
        admin = postgres_server.admin_url
        with connected(admin) as connection:
            connection.execute("CREATE ROLE former LOGIN")
            connection.execute("CREATE DATABASE former OWNER former")
            connection.execute("REVOKE ALL ON DATABASE former FROM PUBLIC")
        with connected(f"{admin.rpartition('/')[0]}/former") as connection:
            connection.execute("SET ROLE former")
            connection.execute("CREATE TABLE kept AS SELECT 7 AS value")

        url = postgres_server.ensure_database("former")
        with connected(postgres_server.owner_url("former")) as owner:
            owner.execute("ALTER TABLE kept ADD COLUMN more int")

        with connected(url) as service:
            assert service.execute("SELECT value, more FROM kept").fetchone() == (7, None)
            with pytest.raises(errors.InsufficientPrivilege):
                service.execute("ALTER TABLE kept DROP COLUMN more")


class TestSomebodyElsesServer:
    def test_an_administrator_need_not_be_a_superuser(
        self, postgres_server: DatabaseServer
    ) -> None:
        with connected(postgres_server.admin_url) as connection:
            connection.execute("CREATE ROLE hosted LOGIN CREATEDB CREATEROLE PASSWORD 'guest'")
            connection.execute("CREATE DATABASE hosted OWNER hosted")
        place = postgres_server.admin_url.rpartition("@")[2].partition("/")[0]
        server = DatabaseServer(f"postgresql://hosted:guest@{place}/hosted", "a secret")

        url = server.ensure_database("let")
        with connected(server.owner_url("let")) as owner:
            owner.execute("CREATE TABLE note (text text)")

        with connected(url) as service:
            service.execute("INSERT INTO note VALUES ('a')")
            with pytest.raises(errors.InsufficientPrivilege):
                service.execute("DROP TABLE note")
