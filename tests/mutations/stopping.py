"""Bugs in how a process stops. When a line they are planted in changes, they change with it."""

from tests.mutations.mutant import Mutant

_RUNTIME = "libs/runtime/src/comptoir_runtime"
_RUNTIME_TESTS = "libs/runtime/tests/integration"

STOPPING = (
    Mutant(
        "a consumer that stops keeps what it has not begun",
        f"{_RUNTIME}/consumer.py",
        "for message in (*begun, *untouched):",
        "for message in begun:",
        f"{_RUNTIME_TESTS}/test_stopping.py -k what_was_not_begun_is_done",
    ),
    Mutant(
        "a service that stops does not tell its consumers",
        f"{_RUNTIME}/service.py",
        "        stack.push_async_callback(_stop, takers)\n",
        "",
        f"{_RUNTIME_TESTS}/test_stopping.py -k service_that_stops",
    ),
    Mutant(
        "being handed back counts as having failed",
        f"{_RUNTIME}/consumer.py",
        " and failures >= policy.failures:",
        ":",
        f"{_RUNTIME_TESTS}/test_stopping.py -k first_failures",
    ),
    Mutant(
        "a process that stops begins a trial first",
        f"{_RUNTIME}/consumer.py",
        """            if self._stopping:
                return
            if unfinished""",
        "            if unfinished",
        f"{_RUNTIME_TESTS}/test_stopping.py -k not_begun_are_no_trial",
    ),
)
