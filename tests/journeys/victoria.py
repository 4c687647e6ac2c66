"""A store of metrics in processes of its own: it takes what is exported and answers PromQL.

VictoriaMetrics, where it is installed: unlike Debian's Prometheus it takes OTLP, and translates
names by itself. Its second program evaluates the rules of alerts.
"""

import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from comptoir_local.demo.play import poll
from comptoir_local.embedded.ports import free_port

PROGRAMS = ("victoria-metrics", "vmalert")

# Prometheus makes these two labels of the resource by itself.
_RELABELLING = """
- source_labels: [service_namespace, service_name]
  separator: /
  target_label: job
- source_labels: [service_instance_id]
  target_label: instance
"""


def are_installed() -> bool:
    return all(shutil.which(program) for program in PROGRAMS)


@dataclass(frozen=True)
class MetricsStore:
    """What has been told so far, and what rules make of it."""

    _metrics: httpx.AsyncClient
    _rules: httpx.AsyncClient

    async def take(self, request: bytes) -> None:
        """One request of an exporter, as it came."""
        headers = {"content-type": "application/x-protobuf"}
        (
            await self._metrics.post("/opentelemetry/v1/metrics", content=request, headers=headers)
        ).raise_for_status()

    async def ask(self, query: str) -> list[Any]:
        """The series that answer a query now; raises where it is none."""
        answer = await self._metrics.post("/api/v1/query", data={"query": query})
        assert answer.is_success, f"{query}: {answer.text}"
        return list(answer.json()["data"]["result"])

    async def rules(self) -> list[Any]:
        """Each rule with its health, and when it was last looked at."""
        answer = (await self._rules.get("/api/v1/rules")).raise_for_status()
        return [rule for group in answer.json()["data"]["groups"] for rule in group["rules"]]


@asynccontextmanager
async def a_metrics_store(rules: Path) -> AsyncIterator[MetricsStore]:
    """Listens on free ports of this machine while the block runs."""
    metrics, alerts = (f"127.0.0.1:{free_port()}" for _ in PROGRAMS)
    with TemporaryDirectory(prefix="comptoir-metrics-") as name, ExitStack() as running:
        relabelling = Path(name) / "relabelling.yaml"
        relabelling.write_text(_RELABELLING)
        running.enter_context(
            _started(
                "victoria-metrics",
                f"-storageDataPath={name}/data",
                f"-relabelConfig={relabelling}",
                "-opentelemetry.usePrometheusNaming",
                # Samples are there to be asked for at once.
                "-search.latencyOffset=0s",
                f"-httpListenAddr={metrics}",
            )
        )
        running.enter_context(
            _started(
                "vmalert",
                f"-rule={rules}",
                f"-datasource.url=http://{metrics}",
                "-notifier.blackhole",
                "-evaluationInterval=1s",
                "-rule.evalDelay=0s",
                f"-httpListenAddr={alerts}",
            )
        )
        async with (
            httpx.AsyncClient(base_url=f"http://{metrics}", timeout=30) as first,
            httpx.AsyncClient(base_url=f"http://{alerts}", timeout=30) as second,
        ):
            for client in (first, second):
                assert await poll(partial(_is_there, client), bool)
            yield MetricsStore(first, second)


@contextmanager
def _started(*command: str) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


async def _is_there(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/health")).is_success
    except httpx.TransportError:
        return False
