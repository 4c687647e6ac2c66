"""Dashboards and alerts ask for what is told, and each alert leads to what to do."""

import re
import shutil
import subprocess
from http import HTTPStatus
from pathlib import Path

import grpc
import pytest
import yaml

from comptoir_local.stack import BACKENDS, SERVICES
from comptoir_orders import errors as orders
from comptoir_payments import errors as payments_errors
from comptoir_payments.domain import payments
from comptoir_runtime import errors
from comptoir_runtime.auth import tokens
from comptoir_runtime.errors import Failure
from comptoir_runtime.telemetry import names
from comptoir_runtime.telemetry.names import METRICS, Kind, Metric
from comptoir_testing.procedures import procedures_of
from infra.observability import prometheus
from infra.observability.questions import (
    DASHBOARDS,
    FOLDER,
    RULES,
    dashboard,
    log_queries,
    queries,
)

ROOT = FOLDER.parents[1]
COLLECTOR = yaml.safe_load((FOLDER / "collector.yaml").read_text())


TOLD: dict[str, set[str]] = {
    "job": {f"{names.NAMESPACE}/{each}" for each in (*(each.name for each in SERVICES), "audit")},
    "http_response_status_code": {str(each.value) for each in HTTPStatus},
    "rpc_response_status_code": {each.name for each in grpc.StatusCode},
    "rpc_method": {
        each.path.removeprefix("/") for service in BACKENDS for each in procedures_of(service.name)
    },
    "error_type": {
        each.reason
        for module in (orders, payments_errors, errors, tokens)
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, Failure)
    },
    "comptoir_process_state": {*payments.OPEN},
    "comptoir_outcome": {"hit", "miss"},
    "db_client_connection_state": {"idle", "used"},
}
"""What there is to ask for, by label."""
MATCHED = {
    matched
    for query in (
        *(query for path in DASHBOARDS for _, query in queries(path)),
        *(rule["expr"] for rule in RULES.values()),
    )
    for matched in prometheus.matchers_in(query)
    if "$" not in matched[1]
}


class TestTranslation:
    @pytest.mark.parametrize(
        ("metric", "name"),
        [
            (
                Metric("http.server.request.duration", Kind.HISTOGRAM, "s", ""),
                "http_server_request_duration_seconds",
            ),
            (
                Metric("system.filesystem.usage", Kind.UP_DOWN_COUNTER, "By", ""),
                "system_filesystem_usage_bytes",
            ),
            (
                Metric("system.network.dropped", Kind.COUNTER, "{packets}", ""),
                "system_network_dropped_total",
            ),
            (
                Metric("system.memory.utilization", Kind.GAUGE, "1", ""),
                "system_memory_utilization_ratio",
            ),
            (Metric("process.cpu.time", Kind.COUNTER, "s", ""), "process_cpu_time_seconds_total"),
        ],
    )
    def test_it_is_that_of_prometheus(self, metric: Metric, name: str) -> None:
        assert prometheus.base_name(metric) == name

    def test_units_are_those_it_knows(self) -> None:
        for each in METRICS:
            assert each.unit in {*prometheus.UNITS, "1"} or re.fullmatch(r"\{\w+\}", each.unit)

    @pytest.mark.parametrize(
        ("query", "told"),
        [
            ('sum by (job) (rate(comptoir_refusals_total{error_type="A"}[5m])) > 0', []),
            ("max(comptoir_outbox_age)", ["no metric comptoir_outbox_age"]),
            ("sum by (color) (comptoir_outbox_depth)", ["no label color"]),
            ('comptoir_outbox_depth{rpc_method="x"}', ["no label rpc_method"]),
            ("rpc_server_call_duration_seconds", ["no metric rpc_server_call_duration_seconds"]),
        ],
    )
    def test_a_query_for_what_nobody_tells_is_found_out(self, query: str, told: list[str]) -> None:
        assert prometheus.complaints(query) == told


class TestValues:
    """A value that nobody tells makes a query as empty as a label that nobody tells."""

    @pytest.mark.parametrize("label", sorted({label for label, _ in MATCHED}))
    def test_a_query_asks_for_values_that_are_told(self, label: str) -> None:
        patterns = {pattern for asked, pattern in MATCHED if asked == label}
        unknown = {
            pattern
            for pattern in patterns
            for word in prometheus.alternatives(pattern)
            if not any(re.fullmatch(word, value) for value in TOLD[label])
        }
        assert unknown == set()

    @pytest.mark.parametrize(
        ("pattern", "alternatives"),
        [
            ("INTERNAL|UNKNOWN", ["INTERNAL", "UNKNOWN"]),
            (".*/(PlaceOrder|RecordStoreSale)", [".*/PlaceOrder", ".*/RecordStoreSale"]),
            ("5..", ["5.."]),
        ],
    )
    def test_each_alternative_is_looked_for(self, pattern: str, alternatives: list[str]) -> None:
        assert prometheus.alternatives(pattern) == alternatives


class TestDashboards:
    @pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
    def test_they_ask_for_metrics_and_labels_of_the_registry(self, path: Path) -> None:
        found = {where: prometheus.complaints(query) for where, query in queries(path)}
        assert {where: told for where, told in found.items() if told} == {}

    @pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
    def test_a_panel_asks_a_store_that_the_dashboard_lets_one_choose(self, path: Path) -> None:
        content = dashboard(path)
        stores = {
            (variable["query"], f"${{{variable['name']}}}")
            for variable in content["templating"]["list"]
            if variable["type"] == "datasource"
        }
        asked = {
            (source["type"], source["uid"])
            for panel in content["panels"]
            for source in [target["datasource"] for target in panel.get("targets", ())]
        }
        assert asked == stores

    def test_log_lines_are_those_of_the_service_that_is_looked_at(self) -> None:
        [query] = [query for path in DASHBOARDS for query in log_queries(path)]
        namespace, name = (
            prometheus.translated(key) for key in (names.SERVICE_NAMESPACE, names.SERVICE_NAME)
        )
        # Loki makes labels of these two, as of few others; together they are Prometheus' job.
        assert query == (
            f'{{{namespace}="{names.NAMESPACE}"}}'
            f' | label_format job="{{{{.{namespace}}}}}/{{{{.{name}}}}}" | job=~"$job"'
        )

    @pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
    def test_panels_are_told_apart_and_overlap_nowhere(self, path: Path) -> None:
        content = dashboard(path)
        panels = content["panels"]
        assert len({panel["id"] for panel in panels}) == len(panels)
        cells = [
            (x, y)
            for position in (panel["gridPos"] for panel in panels)
            for x in range(position["x"], position["x"] + position["w"])
            for y in range(position["y"], position["y"] + position["h"])
        ]
        assert len(set(cells)) == len(cells)
        assert max(x for x, _ in cells) < 24
        assert content["uid"] == f"comptoir-{path.stem}"

    def test_nothing_is_measured_that_nobody_looks_at(self) -> None:
        asked = {
            name
            for path in DASHBOARDS
            for _, query in queries(path)
            for name in prometheus.series_in(query)
        }
        for metric in METRICS:
            assert asked & prometheus.series_of(metric).keys(), metric.name


class TestAlerts:
    @pytest.mark.parametrize("name", RULES)
    def test_an_alert_asks_for_what_is_told_and_leads_to_its_runbook(self, name: str) -> None:
        rule = RULES[name]
        assert prometheus.complaints(rule["expr"]) == []
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"]
        page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert anchor == name.lower()
        assert f"\n## {name}\n" in (ROOT / page).read_text()

    def test_each_alert_is_made_to_fire_in_the_tests_of_the_rules(self) -> None:
        text = (FOLDER / "alerts.test.yaml").read_text()
        fired = set(re.findall(r'alertname="(\w+)", alertstate="firing"', text))
        assert fired == set(RULES)

    def test_prometheus_agrees(self) -> None:
        promtool = shutil.which("promtool")
        if promtool is None:
            pytest.skip("promtool is not installed (Debian: prometheus)")
        for command in (["check", "rules", "alerts.yaml"], ["test", "rules", "alerts.test.yaml"]):
            result = subprocess.run(
                [promtool, *command], cwd=FOLDER, capture_output=True, text=True, check=False
            )
            assert result.returncode == 0, result.stdout + result.stderr


class TestCollector:
    def test_pipelines_use_what_is_configured_and_all_of_it(self) -> None:
        pipelines = COLLECTOR["service"]["pipelines"].values()
        for kind in ("receivers", "processors", "exporters"):
            used = {name for pipeline in pipelines for name in pipeline[kind]}
            assert used == set(COLLECTOR[kind]), kind
        assert set(COLLECTOR["service"]["extensions"]) == set(COLLECTOR["extensions"])
        assert set(COLLECTOR["service"]["pipelines"]) == {"traces", "metrics", "logs"}

    def test_memory_is_limited_before_anything_else_is_done(self) -> None:
        for pipeline in COLLECTOR["service"]["pipelines"].values():
            assert pipeline["processors"][0] == "memory_limiter"
