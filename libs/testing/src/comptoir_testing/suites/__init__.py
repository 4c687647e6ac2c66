"""What every service owes its callers, tested the same way in each.

A service's tests/integration/test_contract.py subclasses the suites:

    class TestIdempotency(IdempotencySuite):
        examples = EXAMPLES

The procedures come from the protos. One without an example is a failing test.
"""

from comptoir_testing.suites.authorisation import AuthorisationSuite
from comptoir_testing.suites.etag import EtagSuite
from comptoir_testing.suites.idempotency import IdempotencySuite
from comptoir_testing.suites.paging import PagingSuite
from comptoir_testing.suites.redelivery import RedeliverySuite

__all__ = [
    "AuthorisationSuite",
    "EtagSuite",
    "IdempotencySuite",
    "PagingSuite",
    "RedeliverySuite",
]
