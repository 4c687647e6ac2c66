"""All rules."""

from collections.abc import Callable, Iterable

from infra.lint.rules.assertions import check_assertions
from infra.lint.rules.honesty import check_open_ends, check_suppressions
from infra.lint.rules.money import check_money
from infra.lint.rules.patching import check_patching
from infra.lint.rules.plans import check_plans
from infra.lint.rules.promises import check_promises
from infra.lint.rules.rooms import check_rooms
from infra.lint.rules.size import check_size
from infra.lint.rules.telemetry import check_telemetry
from infra.lint.rules.tracked import check_addresses, check_generated
from infra.lint.rules.transactions import check_collisions, check_commits, check_migrations
from infra.lint.source import Finding, Source

Rule = Callable[[Source], Iterable[Finding]]

RULES: tuple[Rule, ...] = (
    check_addresses,
    check_assertions,
    check_collisions,
    check_commits,
    check_generated,
    check_migrations,
    check_money,
    check_open_ends,
    check_patching,
    check_plans,
    check_promises,
    check_rooms,
    check_size,
    check_suppressions,
    check_telemetry,
)
