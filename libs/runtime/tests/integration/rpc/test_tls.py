"""Who may connect, who may call, and certificates that are renewed while everybody talks."""

import asyncio
import os
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from comptoir_local.certificates import Authority
from comptoir_local.embedded.ports import free_port
from comptoir_runtime import tls
from comptoir_runtime.auth import KeyRing, Verifier
from comptoir_runtime.channel import Client, open_channel
from comptoir_runtime.clock import SystemClock
from comptoir_runtime.database import Database, DatabaseSettings
from comptoir_runtime.errors import RemoteFailure, from_rpc_error
from comptoir_runtime.rpc import Binding, Pipeline
from comptoir_runtime.server import Server
from comptoir_runtime.tls import Admission, CertificateFiles, Certificates, UnusableCertificate
from comptoir_testing.demo import DEMO, GetNoteRequest, Note
from libs.runtime.tests.integration.rpc.notes import Demo

SERVING = health_pb2.HealthCheckResponse.SERVING


class House:
    """A service `demo` that takes calls from `gateway` alone, and whoever tries."""

    def __init__(self, folder: Path, stack: AsyncExitStack) -> None:
        self.authority = Authority()
        self.folder = folder
        self.health = free_port()
        self.address = ""
        self._stack = stack

    def files(self, service: str, authority: Authority | None = None) -> CertificateFiles:
        return (authority or self.authority).issue(self.folder / service, service)

    async def open(self, url: str) -> None:
        database = await Database.connect(DatabaseSettings(url=url))
        self._stack.push_async_callback(database.close)
        pipeline = Pipeline(
            "demo",
            database.transactions,
            Verifier(KeyRing()),
            SystemClock(),
            admission=Admission(["gateway"]),
        )
        self.served = self.files("demo")
        server = Server(
            "demo",
            [Binding(DEMO, Demo())],
            pipeline,
            listen="127.0.0.1:0",
            certificates=Certificates(self.served),
            health_listen=f"127.0.0.1:{self.health}",
        )
        self.address = await server.start()
        self._stack.push_async_callback(server.stop, 0)
        await server.set_ready(True)

    async def channel(self, files: CertificateFiles, name: str = "demo") -> grpc.aio.Channel:
        channel = open_channel(
            self.address, None, [DEMO], name=name, certificates=Certificates(files)
        )
        self._stack.push_async_callback(channel.close)
        return channel

    async def client(self, files: CertificateFiles, name: str = "demo") -> Client:
        return Client(await self.channel(files, name), DEMO)


@pytest.fixture
async def house(tmp_path: Path, demo_url: str) -> AsyncIterator[House]:
    async with AsyncExitStack() as stack:
        made = House(tmp_path, stack)
        await made.open(demo_url)
        yield made


@pytest.fixture(autouse=True)
def looked_at_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "LOOK_SECONDS", 0.0)


async def refusal(client: Client) -> str:
    """The reason why a call is refused."""
    with pytest.raises(RemoteFailure) as caught:
        await client.call("GetNote", GetNoteRequest(), timeout=3)
    return caught.value.reason


async def is_serving(channel: grpc.aio.Channel) -> bool:
    stub: Any = health_pb2_grpc.HealthStub(channel)
    answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=5)
    return bool(answer.status == SERVING)


class TestWhoMayCall:
    async def test_a_caller_that_is_admitted_is_answered(self, house: House) -> None:
        gateway = await house.client(house.files("gateway"))

        assert isinstance(await gateway.call("GetNote", GetNoteRequest()), Note)

    async def test_another_service_of_the_house_is_refused_by_name(self, house: House) -> None:
        assert await refusal(await house.client(house.files("pim"))) == "CALLER_NOT_ADMITTED"

    async def test_a_name_that_is_no_identity_admits_nobody(self, house: House) -> None:
        files = house.authority.issue(house.folder / "liar", "liar", names=["gateway"])

        assert await refusal(await house.client(files)) == "CALLER_NOT_ADMITTED"

    async def test_a_certificate_of_somebody_elses_does_not_connect(self, house: House) -> None:
        files = house.files("gateway", Authority("stranger"))
        files.authority.write_bytes(house.served.authority.read_bytes())

        assert await refusal(await house.client(files)) == "UNAVAILABLE"

    async def test_without_a_certificate_nobody_connects(self, house: House) -> None:
        trust = grpc.ssl_channel_credentials(house.served.authority.read_bytes())
        for channel in (
            grpc.aio.insecure_channel(house.address),
            grpc.aio.secure_channel(house.address, trust, [tls.naming("demo")]),
        ):
            async with channel:
                assert await refusal(Client(channel, DEMO)) == "UNAVAILABLE"

    async def test_a_caller_speaks_to_the_service_it_means_only(self, house: House) -> None:
        assert await refusal(await house.client(house.files("gateway"), "cart")) == "UNAVAILABLE"


class TestHealth:
    async def test_it_is_told_to_every_service(self, house: House) -> None:
        assert await is_serving(await house.channel(house.files("pim")))

    async def test_aside_it_is_told_to_everybody_and_nothing_else_is(self, house: House) -> None:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{house.health}") as channel:
            assert await is_serving(channel)
            get_note: Any = channel.unary_unary(f"/{DEMO.full_name}/GetNote")
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await get_note(b"", timeout=5)
        assert from_rpc_error(caught.value).status is grpc.StatusCode.UNIMPLEMENTED

    @pytest.mark.parametrize("aside", [True, False])
    async def test_a_container_finds_out_about_itself(self, house: House, aside: bool) -> None:
        files, told = house.served, {"LISTEN": house.address}
        told |= {"TLS_CERTIFICATE": str(files.certificate), "TLS_KEY": str(files.key)}
        told |= {"TLS_CA": str(files.authority)}
        if aside:
            told["HEALTH_LISTEN"] = f"0.0.0.0:{house.health}"
        codes = [await probed(told), await probed({**told, "TLS_CA": "/nowhere"})]

        assert codes == ([0, 0] if aside else [0, 1])


async def probed(told: dict[str, str]) -> int | None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "comptoir_runtime.probe", env={"PATH": os.environ["PATH"], **told}
    )
    return await process.wait()


class TestRenewal:
    async def test_a_server_shows_its_new_certificate_to_the_next_who_connects(
        self, house: House
    ) -> None:
        asking = house.files("gateway")
        before = await shown(house.address, asking)
        house.files("demo")

        after = await shown(house.address, asking)

        assert before != after
        assert after == leaf(house.served)

    async def test_a_caller_shows_its_new_certificate_with_the_next_call(
        self, house: House
    ) -> None:
        files = house.files("pim")
        client = await house.client(files)
        assert await refusal(client) == "CALLER_NOT_ADMITTED"
        admitted = house.files("gateway")
        files.key.write_bytes(admitted.key.read_bytes())
        files.certificate.write_bytes(admitted.certificate.read_bytes())

        assert isinstance(await client.call("GetNote", GetNoteRequest()), Note)

    async def test_both_sides_may_change_to_another_authority(self, house: House) -> None:
        files = house.files("gateway")
        client = await house.client(files)
        await client.call("GetNote", GetNoteRequest())
        house.authority = Authority("the next")
        house.files("demo")
        house.files("gateway")

        assert isinstance(await client.call("GetNote", GetNoteRequest()), Note)
        assert await shown(house.address, files) == leaf(house.served)

    async def test_calls_under_way_end_where_they_began(self, house: House) -> None:
        files = house.files("gateway")
        channel = await house.channel(files)
        stream: Any = health_pb2_grpc.HealthStub(channel)
        watching = stream.Watch(health_pb2.HealthCheckRequest(service="demo"), timeout=20)
        assert (await watching.read()).status == SERVING
        house.files("gateway")
        await Client(channel, DEMO).call("GetNote", GetNoteRequest())

        assert not watching.done()
        watching.cancel()

    async def test_half_a_renewal_changes_nothing(
        self, house: House, caplog: pytest.LogCaptureFixture
    ) -> None:
        files = house.files("gateway")
        client = await house.client(files)
        for path, content in ((files.key, house.files("pim").key), (files.certificate, None)):
            path.write_bytes(content.read_bytes() if content else b"not a certificate")
            await client.call("GetNote", GetNoteRequest())
        files.authority.unlink()

        assert isinstance(await client.call("GetNote", GetNoteRequest()), Note)
        assert "the certificate stays as it was" in caplog.text
        assert "PRIVATE KEY" not in caplog.text


class TestFiles:
    @pytest.mark.parametrize("broken", ["missing", "garbage", "key of another"])
    def test_what_cannot_be_used_is_named(self, tmp_path: Path, broken: str) -> None:
        files = Authority().issue(tmp_path, "cart")
        if broken == "missing":
            files.key.unlink()
        elif broken == "garbage":
            files.certificate.write_bytes(b"garbage")
        else:
            files.key.write_bytes(Authority().issue(tmp_path / "other", "cart").key.read_bytes())

        with pytest.raises(UnusableCertificate, match=r"cart\.(key|crt)"):
            Certificates(files)


def leaf(files: CertificateFiles) -> bytes:
    return ssl.PEM_cert_to_DER_cert(files.certificate.read_text())


async def shown(address: str, asking: CertificateFiles) -> bytes | None:
    """The certificate that a server shows now."""
    context = ssl.create_default_context(cafile=asking.authority)
    # As all of them since Python 3.13.
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.load_cert_chain(asking.certificate, asking.key)
    context.set_alpn_protocols(["h2"])
    host, _, port = address.rpartition(":")
    async with asyncio.timeout(10):
        _, writer = await asyncio.open_connection(
            host, int(port), ssl=context, server_hostname="demo"
        )
    found: ssl.SSLObject = writer.get_extra_info("ssl_object")
    certificate = found.getpeercert(binary_form=True)
    writer.close()
    return certificate
