"""The provider the service under test talks to."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from comptoir_testing.registry import ServiceUnderTest
from services.payments.tests.conftest import SERVICE
from services.payments.tests.integration.peers import processes
from services.payments.tests.integration.peers.processes import peer
from services.payments.tests.integration.psp import SECRET, Psp


@pytest.fixture(scope="session")
def psp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Psp]:
    """One provider for all tests; it tells nothing by itself."""
    psp = Psp.start(
        tmp_path_factory.mktemp("psp") / "journal.jsonl",
        PSP_HOLD_SECONDS="2.2",  # longer than payments waits for it, below
        PSP_DELAYED_SECONDS="0.3",
    )
    yield psp
    psp.stop()


@pytest.fixture
async def _no_scripts_left(psp: Psp) -> AsyncIterator[None]:
    yield
    await psp.call("DELETE", "/v1/script")


@pytest.fixture
def psp_url(psp: Psp) -> str:
    return psp.url


@pytest.fixture(scope="session")
def localstripe_url() -> Iterator[str]:
    """A peer that plays Stripe: payment intents, 3-D Secure, webhooks."""
    with peer(processes.localstripe()) as url:
        yield url


@pytest.fixture(scope="session")
def stateful_mock_url() -> Iterator[str]:
    """Another one: idempotency keys, declines, failures."""
    with peer(processes.stateful_mock()) as url:
        yield url


@pytest.fixture
def service_under_test(psp_url: str, _no_scripts_left: None) -> ServiceUnderTest:
    """Payments, with the test's provider."""
    return replace(
        SERVICE,
        environment={
            "PSP_URL": psp_url,
            "PSP_WEBHOOK_SECRET": f"{SECRET},whsec_previous",
            "PSP_TIMEOUT_SECONDS": "1.5",
            "GIFT_CARD_SECRET": "secret of the tests",
            "RESOLVER_POLL_MILLISECONDS": "20",
        },
    )


@pytest.fixture
def journal_path(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"
