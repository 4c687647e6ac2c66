"""Fixtures: one provider per test, on a free port."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from infra.psp_sandbox.tests.integration.harness import SECRET, Psp, Shop, StartPsp


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    shop = Shop()
    app = web.Application()
    app.router.add_post("/hook", shop.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    shop.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield shop
    await runner.cleanup()


@pytest.fixture
async def start_psp(tmp_path: Path) -> AsyncIterator[StartPsp]:
    """Starts a provider on a free port, with its own journal; keywords are its environment."""
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(aiohttp.ClientSession())

        async def start(**environment: str) -> Psp:
            journal = str(tmp_path / "journal.jsonl")
            psp = Psp({"PSP_LISTEN": "127.0.0.1:0", "PSP_JOURNAL": journal, **environment}, client)
            stack.push_async_callback(psp.stop, kill=True)
            await psp.start()
            return psp

        yield start


@pytest.fixture
async def psp(start_psp: StartPsp) -> Psp:
    return await start_psp(PSP_DELAYED_SECONDS="0.1", PSP_HOLD_SECONDS="0.3")


@pytest.fixture
async def announcing_psp(start_psp: StartPsp, shop: Shop) -> Psp:
    """A provider that sends its webhooks to `shop`."""
    return await start_psp(
        PSP_WEBHOOK_URL=shop.url,
        PSP_WEBHOOK_SECRET=SECRET,
        PSP_WEBHOOK_RETRY_SECONDS="0.02",
        PSP_LATE_WEBHOOK_SECONDS="2",
        PSP_DELAYED_SECONDS="0.1",
    )
