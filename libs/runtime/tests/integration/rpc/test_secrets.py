"""Whatever goes wrong with a secret, it is not in what the service says about it."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from comptoir_local.certificates import Authority
from comptoir_local.databases import DatabaseServer
from comptoir_local.embedded import EmbeddedNats
from libs.runtime.tests.integration.rpc.test_service import FILES

SECRET = "s3cr3t-Wort"
# As they are mistyped: not escaped, or with something forgotten.
BROKEN = (
    f"postgresql://vault:{SECRET}/x@127.0.0.1/vault",
    f"postgresql://vault:{SECRET}@127.0.0.1:{SECRET}/vault",
    f"postgresql:/vault:{SECRET}@127.0.0.1/vault",
    f"vault {SECRET}",
    f"postgresql://vault:{SECRET}@[127.0.0.1/vault",
    f"postgresql://vault@127.0.0.1/vault?password={SECRET}&port=x",
)


class Safe:
    """A service that is told secrets, and all it says."""

    def __init__(self, folder: Path, urls: dict[str, str]) -> None:
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(folder),
            "LISTEN": "127.0.0.1:0",
            "LOG_LEVEL": "DEBUG",
            "NATS_URL": "nats://127.0.0.1:1",
            "OTEL_EXPORTER_OTLP_ENDPOINT": "",
            **urls,
        }

    async def says(self, *arguments: str, until: str = "", **told: str) -> str:
        """Everything it wrote until it said `until`, or ended."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "printer", *arguments),
            env=self.environment | told,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        assert process.stdout is not None
        said = ""
        try:
            async with asyncio.timeout(50):
                while line := await process.stdout.readline():
                    said += line.decode()
                    if until and until.lower() in line.decode().lower():
                        break
        finally:
            if process.returncode is None:
                process.kill()
        await process.wait()
        assert said
        return said


@pytest.fixture
def safe(tmp_path: Path, postgres_server: DatabaseServer) -> Safe:
    for name, text in FILES.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    postgres_server.ensure_database("vault")
    owner = postgres_server.owner_url("vault")
    return Safe(
        tmp_path,
        {"DATABASE_URL": postgres_server.url("vault"), "MIGRATION_DATABASE_URL": owner},
    )


def wrong(url: str) -> str:
    """The URL with the secret in place of the password."""
    before, _, place = url.rpartition("@")
    return f"{before.rpartition(':')[0]}:{SECRET}@{place}"


class TestDatabase:
    async def test_a_wrong_password_is_named_and_not_told(self, safe: Safe) -> None:
        said = await safe.says(DATABASE_URL=wrong(safe.environment["DATABASE_URL"]))

        assert "password authentication failed" in said
        assert SECRET not in said

    async def test_neither_is_that_of_the_migrations(self, safe: Safe) -> None:
        url = wrong(safe.environment["MIGRATION_DATABASE_URL"])
        said = await safe.says("migrate", MIGRATION_DATABASE_URL=url)

        assert "password authentication failed" in said
        assert SECRET not in said

    @pytest.mark.parametrize("command", [(), ("migrate",)], ids=["serve", "migrate"])
    @pytest.mark.parametrize("url", BROKEN)
    async def test_a_url_that_cannot_be_read_is_not_told(
        self, safe: Safe, url: str, command: tuple[str, ...]
    ) -> None:
        told = {"DATABASE_URL": url, "MIGRATION_DATABASE_URL": url}
        said = await safe.says(*command, until="waiting for the database", **told)

        assert SECRET.lower() not in said.lower()


class TestNats:
    async def test_a_wrong_password_is_named_and_not_told(
        self, safe: Safe, nats_server: EmbeddedNats
    ) -> None:
        said = await safe.says(until="Authorization Violation", NATS_URL=wrong(nats_server.url))

        assert "Authorization Violation" in said
        assert SECRET not in said

    @pytest.mark.parametrize(
        "url",
        [f"nats://cart:{SECRET}/x@127.0.0.1:4222", f"nats://cart:{SECRET}@127.0.0.1:{SECRET}"],
    )
    async def test_a_url_that_cannot_be_read_is_not_told(self, safe: Safe, url: str) -> None:
        said = await safe.says(NATS_URL=url)

        assert "NATS_URL: not a URL" in said
        assert SECRET.lower() not in said.lower()

    async def test_a_refused_certificate_is_named_and_no_key_is_told(
        self, safe: Safe, tmp_path: Path
    ) -> None:
        server = Authority().issue(tmp_path / "nats", "nats")
        files = Authority("stranger").issue(tmp_path / "cart", "cart")
        told = {
            "TLS_CERTIFICATE": str(files.certificate),
            "TLS_KEY": str(files.key),
            "TLS_CA": str(files.authority),
        }
        with EmbeddedNats(tmp_path / "store", fsync=False, certificate=server) as running:
            said = await safe.says(until="certificate verify failed", NATS_URL=running.url, **told)

        assert "certificate verify failed" in said
        for line in files.key.read_text().splitlines():
            assert line not in said


class TestCertificates:
    async def test_a_key_that_cannot_be_read_is_not_told(self, safe: Safe, tmp_path: Path) -> None:
        files = Authority().issue(tmp_path / "cart", "cart")
        files.key.write_text(f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----\n")
        said = await safe.says(
            TLS_CERTIFICATE=str(files.certificate),
            TLS_KEY=str(files.key),
            TLS_CA=str(files.authority),
        )

        assert "cart.key" in said
        assert SECRET not in said
