"""The suites on a service that keeps its promises: as in the tests of every service."""

from comptoir_testing.suites import (
    AuthorisationSuite,
    EtagSuite,
    IdempotencySuite,
    PagingSuite,
    RedeliverySuite,
)
from libs.testing.tests.sample.examples import EVENTS, EXAMPLES


class TestIdempotency(IdempotencySuite):
    examples = EXAMPLES


class TestPaging(PagingSuite):
    examples = EXAMPLES


class TestEtag(EtagSuite):
    examples = EXAMPLES


class TestAuthorisation(AuthorisationSuite):
    examples = EXAMPLES


class TestRedelivery(RedeliverySuite):
    events = EVENTS
