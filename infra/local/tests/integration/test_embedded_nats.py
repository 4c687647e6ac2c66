import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import nats
import pytest

from comptoir_local.embedded import AlreadyRunning, EmbeddedNats, LaunchError

HOLDER = """
import sys, time
from pathlib import Path
from comptoir_local.embedded import EmbeddedNats
server = EmbeddedNats(Path(sys.argv[1]))
server.start()
print(server.process.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedNats]:
    with EmbeddedNats(tmp_path_factory.mktemp("nats"), fsync=False) as server:
        yield server


class TestServer:
    async def test_streams_survive_a_restart(self, tmp_path: Path) -> None:
        with EmbeddedNats(tmp_path) as first:
            connection = await nats.connect(first.url)
            stream = connection.jetstream()
            await stream.add_stream(name="facts", subjects=["facts.>"])
            await stream.publish("facts.one", b"kept")
            await connection.close()
        with EmbeddedNats(tmp_path) as second:
            connection = await nats.connect(second.url)
            message = await connection.jetstream().get_msg("facts", 1)
            await connection.close()

        assert message.data == b"kept"

    async def test_a_client_without_the_password_is_refused(self, server: EmbeddedNats) -> None:
        host, _, port = server.url.rpartition("@")[2].rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"CONNECT {}\r\nPING\r\n")
        greeting, answer = await reader.readline(), await reader.readline()
        writer.close()
        await writer.wait_closed()

        assert greeting.startswith(b"INFO ")
        assert answer == b"-ERR 'Authorization Violation'\r\n"

    async def test_payloads_are_limited_to_a_megabyte(self, server: EmbeddedNats) -> None:
        connection = await nats.connect(server.url)
        largest = connection.max_payload
        await connection.close()

        assert largest == 1024 * 1024

    def test_every_message_is_synced_unless_asked_otherwise(
        self, server: EmbeddedNats, tmp_path: Path
    ) -> None:
        with EmbeddedNats(tmp_path) as durable:
            assert "sync_interval: always" in (durable.home / "server.conf").read_text()
        assert "sync_interval" not in (server.home / "server.conf").read_text()

    def test_a_second_server_on_the_same_folder_is_refused(self, server: EmbeddedNats) -> None:
        with pytest.raises(AlreadyRunning, match="already using"):
            EmbeddedNats(server.home).start()
        assert server.process.poll() is None

    def test_a_given_port_that_is_taken_is_a_clear_error(
        self, server: EmbeddedNats, tmp_path: Path
    ) -> None:
        port = int(server.url.rpartition(":")[2])

        with pytest.raises(LaunchError, match="address already in use"):
            EmbeddedNats(tmp_path, port=port).start()

    def test_server_ends_with_a_killed_parent_and_the_folder_is_free(self, tmp_path: Path) -> None:
        holder = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert holder.stdout is not None
        orphan = int(holder.stdout.readline())
        holder.kill()
        holder.wait()
        holder.stdout.close()

        with EmbeddedNats(tmp_path) as server:
            assert server.process.pid != orphan
        deadline = time.monotonic() + 30
        while Path(f"/proc/{orphan}").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        state = Path(f"/proc/{orphan}/stat")
        assert not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z"
