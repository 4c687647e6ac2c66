"""What dashboards and alerts ask the stores of metrics and log lines."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).resolve().parent
DASHBOARDS = sorted((FOLDER / "dashboards").glob("*.json"))
ALERTS = FOLDER / "alerts.yaml"
RULES = {
    rule["alert"]: rule
    for group in yaml.safe_load(ALERTS.read_text())["groups"]
    for rule in group["rules"]
}


def dashboard(path: Path) -> Any:
    return json.loads(path.read_text())


def queries(path: Path) -> Iterator[tuple[str, str]]:
    """Where on a dashboard, and what is asked of Prometheus there."""
    content = dashboard(path)
    for panel in content["panels"]:
        for target in panel.get("targets", ()):
            if target["datasource"]["type"] == "prometheus":
                yield panel["title"], target["expr"]
    for variable in content["templating"]["list"]:
        if variable["type"] == "query":
            yield (
                variable["name"],
                re.sub(r"label_values\((.*), \w+\)", r"\1", variable["definition"]),
            )


def log_queries(path: Path) -> list[str]:
    """What is asked of Loki."""
    return [
        target["expr"]
        for panel in dashboard(path)["panels"]
        if panel["type"] == "logs"
        for target in panel["targets"]
    ]
