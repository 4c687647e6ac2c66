"""Each rule with what it must find and what it must leave alone."""

import pytest

from infra.lint.rules import Rule
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
from infra.lint.source import Source

CART = "services/cart/src/comptoir_cart"
# Put together, so that the samples are no findings themselves.
NOQA = "# no" + "qa"
IGNORE = "# type: ig" + "nore"
LATER = "TO" + "DO"


def lines_found(rule: Rule, path: str, text: str) -> list[int]:
    """The lines a rule complains about."""
    return [finding.line for finding in rule(Source(path, text))]


def function(lines: int, decorator: str = "", docstring: str = "") -> str:
    """A function of so many lines, counted from `def`, docstring not included."""
    body = [f"    {docstring}"] if docstring else []
    body += ["    pass"] * (lines - 1)
    return "\n".join(([decorator] if decorator else []) + ["def f():"] + body)


class TestSize:
    def test_a_file_of_400_lines_is_fine_and_401_are_too_many(self) -> None:
        assert lines_found(check_size, "a.py", "x = 1\n" * 400) == []
        assert lines_found(check_size, "a.py", "x = 1\n" * 401) == [1]

    def test_a_function_of_50_lines_is_fine_and_51_are_too_many(self) -> None:
        assert lines_found(check_size, "a.py", function(50)) == []
        assert lines_found(check_size, "a.py", function(51)) == [1]

    @pytest.mark.parametrize("decorator", ["@step", "@rpc.query", "@upload(limit=3)"])
    def test_a_procedure_has_15_lines_at_most(self, decorator: str) -> None:
        assert lines_found(check_size, f"{CART}/rpc.py", function(15, decorator)) == []
        assert lines_found(check_size, f"{CART}/rpc/carts.py", function(16, decorator)) == [2]

    def test_docstrings_cost_nothing(self) -> None:
        promise = '"""One.\n\n    Two.\n    """'
        assert lines_found(check_size, "a.py", function(50, docstring=promise)) == []


class TestCommits:
    def test_a_service_neither_commits_nor_rolls_back(self) -> None:
        text = "connection.commit()\nconnection.rollback()\nsession.execute('COMMIT')\n"
        assert lines_found(check_commits, f"{CART}/store.py", text) == [1, 2, 3]

    def test_the_database_package_commits(self) -> None:
        path = "libs/runtime/src/comptoir_runtime/database/transactions.py"
        assert lines_found(check_commits, path, "connection.commit()") == []

    def test_talking_of_commits_is_fine(self) -> None:
        text = '"""Call after commit."""\nsession.after_commit(wake)\nSQL = "CASE x END"\n'
        assert lines_found(check_commits, f"{CART}/store.py", text) == []


class TestCollisions:
    PATH = f"{CART}/operations/carts.py"

    def test_a_transaction_that_nobody_tries_again_is_found(self) -> None:
        text = (
            "async def f(self, transactions):\n"
            "    async with transactions() as session:\n"
            "        await g(session)\n"
            "    async with self._transactions() as session:\n"
            "        await g(session)\n"
        )
        assert lines_found(check_collisions, self.PATH, text) == [2, 4]

    def test_reading_collides_with_nobody(self) -> None:
        text = (
            "async def f(transactions):\n"
            "    async with transactions.reading() as session:\n"
            "        await transactions.run(g)\n"
        )
        assert lines_found(check_collisions, self.PATH, text) == []

    def test_tests_may_begin_one_and_who_runs_them(self) -> None:
        text = "async def f(t):\n    async with transactions() as session:\n        pass\n"
        package = "libs/runtime/src/comptoir_runtime"
        assert lines_found(check_collisions, f"{package}/consumer.py", text) == [2]
        for path in ("services/cart/tests/test_carts.py", f"{package}/database/transactions.py"):
            assert lines_found(check_collisions, path, text) == []


class TestMigrations:
    ENV = "services/cart/migrations/env.py"
    FIRST = "services/cart/migrations/versions/0001_create_carts.py"

    def test_the_environment_is_the_runtimes(self) -> None:
        assert lines_found(check_migrations, self.ENV, "context.run_migrations()") == [1]
        text = "from comptoir_runtime.migrations import environment\n\nenvironment(metadata)\n"
        assert lines_found(check_migrations, self.ENV, text) == []

    def test_no_migration_waits_without_end(self) -> None:
        text = "op.execute('SET lock_timeout = 0')\nop.execute(\"SET lock_timeout = '3s'\")\n"
        assert lines_found(check_migrations, self.FIRST, text) == [1]

    def test_no_index_is_built_in_the_way_of_those_who_use_its_table(self) -> None:
        text = (
            'op.create_table("coupon")\n'
            'op.create_index("ix_coupon", "coupon", ["code"])\n'
            'op.create_index("ix_cart", "cart", ["owner"])\n'
        )
        assert lines_found(check_migrations, self.FIRST, text) == [3]

    def test_no_look_at_all_rows_keeps_others_from_writing(self) -> None:
        add = 'op.execute("ALTER TABLE cart ADD CONSTRAINT few CHECK (lines < 200) NOT VALID")\n'
        look = 'op.execute("ALTER TABLE cart VALIDATE CONSTRAINT few")\n'
        apart = f"with op.get_context().autocommit_block():\n    {add}    {look}"
        assert lines_found(check_migrations, self.FIRST, add + look) == [2]
        assert lines_found(check_migrations, self.FIRST, look) == []
        assert lines_found(check_migrations, self.FIRST, apart) == []


class TestPlans:
    @pytest.mark.parametrize(
        "condition",
        ["($1 = '' OR sku = $1)", "($2 = 0 OR t.state = $2)", "($3::text IS NULL OR id = $3)"],
    )
    def test_no_plan_is_for_a_filter_that_may_be_absent(self, condition: str) -> None:
        text = f'PAGE = "SELECT FROM stock WHERE {condition}"'
        assert lines_found(check_plans, f"{CART}/store/stock.py", text) == [1]

    def test_a_filter_that_is_there_is_fine(self) -> None:
        text = 'PAGE = "SELECT FROM stock WHERE (sku = $1 OR state = 3)"'
        assert lines_found(check_plans, f"{CART}/store/stock.py", text) == []


class TestMoney:
    @pytest.mark.parametrize(
        "text", ["x = 0.2", "x = float(y)", "def f(price: float): ...", "x = a / b", "x /= 2"]
    )
    def test_nothing_becomes_a_float(self, text: str) -> None:
        assert lines_found(check_money, f"{CART}/domain/prices.py", text) == [1]

    def test_integers_places_and_times_are_fine(self) -> None:
        text = "x = a // b\nx = 2\nWAIT_SECONDS = 0.5\n"
        text += "def wait(once: int, poll_seconds: float = 0.5, *, patience: float = 2.0): ...\n"
        text += "class Address:\n    latitude: float | None = None\n"
        assert lines_found(check_money, f"{CART}/domain/prices.py", text) == []

    def test_other_rooms_and_services_are_not_concerned(self) -> None:
        assert lines_found(check_money, f"{CART}/clients.py", "TIMEOUT = 0.5") == []
        pim = "services/pim/src/comptoir_pim/domain.py"
        assert lines_found(check_money, pim, "weight = 0.5") == []


class TestPatching:
    @pytest.mark.parametrize(
        "text",
        [
            "mocker.patch('a.b.c')",
            "with patch('a.b'): pass",
            "mock.patch.dict('os.environ', {})",
            "monkeypatch.setattr('a.b', 1)",
        ],
    )
    def test_nothing_is_replaced_by_the_path_of_its_name(self, text: str) -> None:
        assert lines_found(check_patching, "tests/test_a.py", text) == [1]

    @pytest.mark.parametrize(
        "text", ["monkeypatch.setattr(module, 'name', 1)", "client.patch('/v1/carts/1')"]
    )
    def test_objects_and_http_verbs_are_fine(self, text: str) -> None:
        assert lines_found(check_patching, "tests/test_a.py", text) == []


class TestSuppressions:
    @pytest.mark.parametrize(
        "comment", [NOQA, f"{NOQA}: S101", f"{NOQA}: S101, E501", f"{IGNORE}[arg-type]", IGNORE]
    )
    def test_a_bare_suppression_is_found(self, comment: str) -> None:
        assert lines_found(check_suppressions, "a.py", f"x = 1  {comment}\n") == [1]

    def test_a_reason_after_it_or_above_it_is_enough(self) -> None:
        text = f"x = 1  {NOQA}: S101 - the library wants it\n# The library wants it.\n"
        text += f"y = 1  {IGNORE}[arg-type]\nz = 1  {IGNORE}[arg-type]\n"
        assert lines_found(check_suppressions, "a.py", text) == []

    def test_a_suppression_in_a_text_is_none(self) -> None:
        assert lines_found(check_suppressions, "a.py", f"x = '{NOQA}'\n") == []


class TestOpenEnds:
    def test_work_left_for_later_is_found_in_any_text(self) -> None:
        assert lines_found(check_open_ends, "a.md", f"fine\n{LATER}: more\n") == [2]

    def test_words_that_contain_it_are_fine(self) -> None:
        assert lines_found(check_open_ends, "a.md", f"masTO{'DO'}n, {LATER.lower()}s\n") == []


class TestTracked:
    @pytest.mark.parametrize(
        "path", ["a/cart_pb2.py", "a/cart_pb2.pyi", "a/d.binpb", "uv.lock", "a/b_pb2_grpc.py"]
    )
    def test_what_tools_make_stays_out(self, path: str) -> None:
        assert lines_found(check_generated, path, "") == [1]

    def test_what_people_write_comes_in(self) -> None:
        assert lines_found(check_generated, "a/cart.py", "") == []

    @pytest.mark.parametrize("text", ["https://py" + "pi.org/simple", "cd /wo" + "rk/main"])
    def test_hosts_and_folders_of_a_machine_are_found(self, text: str) -> None:
        assert lines_found(check_addresses, "a.txt", text) == [1]

    def test_own_paths_are_fine(self) -> None:
        text = "services/wo" + "rk/x\n{root}/ro" + "ot/\nlocalhost\n"
        assert lines_found(check_addresses, "a.txt", text) == []


class TestRooms:
    @pytest.mark.parametrize(
        ("room", "line"),
        [
            ("operations.py", "from comptoir.cart.v1 import cart_pb2"),
            ("domain/prices.py", "import grpc"),
            ("operations.py", "import sqlalchemy as sa"),
            ("rpc.py", "from sqlmodel import select"),
            ("policies/promotions/percent.py", "import httpx"),
            ("domain.py", "from comptoir_runtime import database"),
            ("domain.py", "from comptoir_runtime.database import Session"),
        ],
    )
    def test_what_belongs_elsewhere_is_found(self, room: str, line: str) -> None:
        assert lines_found(check_rooms, f"{CART}/{room}", line) == [1]

    @pytest.mark.parametrize(
        ("room", "line"),
        [
            ("convert.py", "from comptoir.cart.v1 import cart_pb2"),
            ("store.py", "import asyncpg"),
            ("providers/psp.py", "import aiohttp"),
            ("operations.py", "from comptoir_runtime.database import Session"),
            ("domain.py", "from comptoir_runtime import money"),
        ],
    )
    def test_what_is_at_home_is_left_alone(self, room: str, line: str) -> None:
        assert lines_found(check_rooms, f"{CART}/{room}", line) == []


class TestPromises:
    def test_an_operation_says_what_it_promises(self) -> None:
        text = "async def place():\n    pass\ndef told():\n    'Tells.'\ndef _own():\n    pass\n"
        assert lines_found(check_promises, f"{CART}/operations/carts.py", text) == [1]
        assert lines_found(check_promises, f"{CART}/domain/carts.py", text) == []

    def test_a_protocol_and_its_members_say_what_they_ask(self) -> None:
        text = "class Clock(Protocol):\n    def now(self): ...\n"
        assert lines_found(check_promises, "libs/runtime/src/x.py", text) == [1, 2]
        assert lines_found(check_promises, "libs/runtime/tests/x.py", text) == []

    def test_what_implements_a_protocol_of_asyncio_promises_nothing_new(self) -> None:
        text = "class Wire(asyncio.Protocol):\n    def data_received(self, data): ...\n"
        assert lines_found(check_promises, "libs/runtime/src/x.py", text) == []


class TestAssertions:
    def test_a_test_that_cannot_fail_is_found(self) -> None:
        text = "def test_it_works():\n    work()\n\n\ndef helper():\n    work()\n"
        assert lines_found(check_assertions, "services/cart/tests/unit/test_x.py", text) == [1]
        assert lines_found(check_assertions, "services/cart/tests/factories.py", text) == []

    @pytest.mark.parametrize(
        "body",
        [
            "assert work() == 1",
            "with pytest.raises(ValueError): work()",
            "await world.until_counts({1: 1})",
            "refused(await work(), 400)",
        ],
    )
    def test_asserting_waiting_and_being_refused_can_fail(self, body: str) -> None:
        text = f"async def test_it_works():\n    {body}\n"
        assert lines_found(check_assertions, "tests/journeys/test_x.py", text) == []


class TestTelemetry:
    @pytest.mark.parametrize(
        "text",
        [
            'counter("things.made")',
            'telemetry.histogram("things.duration")',
            'gauge(f"things.{kind}")',
            'with telemetry.span("thing"): pass',
            'attributes = {"rpc.method": name}',
            'wanted = "comptoir.outbox.age"',
        ],
    )
    def test_a_name_is_not_typed_outside_the_registry(self, text: str) -> None:
        assert lines_found(check_telemetry, f"{CART}/operations.py", text) == [1]

    @pytest.mark.parametrize(
        "text",
        [
            "counter(names.REFUSALS)",
            "with span(names.call_span(name), parent): pass",
            "attributes = {names.RPC_METHOD: name}",
            '"""Tells `rpc.method` and others."""',
        ],
    )
    def test_names_of_the_registry_are_fine(self, text: str) -> None:
        assert lines_found(check_telemetry, f"{CART}/operations.py", text) == []

    def test_tests_may_expect_what_is_on_the_wire(self) -> None:
        text = 'assert "rpc.method" in found'
        assert lines_found(check_telemetry, "services/cart/tests/unit/test_a.py", text) == []
