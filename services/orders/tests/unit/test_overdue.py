"""What is past its deadline raises an alarm."""

from comptoir_orders.domain.processes import Kind
from comptoir_orders.operations import overdue  # noqa: F401 - importing it is what tells
from comptoir_runtime import telemetry
from comptoir_runtime.telemetry import names


def test_every_kind_is_told_before_its_first_alarm() -> None:
    """Prometheus sees an increase only of what it has seen before."""
    told = telemetry.counter(names.PROCESS_OVERDUE).read()
    assert {kind for (kind,) in told} == set(Kind)
