"""Who is let in, and who is not: every procedure with every kind of caller."""

from dataclasses import dataclass

import grpc

from comptoir_runtime.auth import Kind, Principal
from comptoir_testing.examples import Example
from comptoir_testing.harness import Outcome, ServiceHarness
from comptoir_testing.procedures import Procedure
from comptoir_testing.suites.base import ProcedureSuite
from comptoir_testing.tokens import TokenFactory

_OK = frozenset({grpc.StatusCode.OK})
_UNAUTHENTICATED = frozenset({grpc.StatusCode.UNAUTHENTICATED})
_DENIED = frozenset({grpc.StatusCode.PERMISSION_DENIED})
_NOT_THEIRS = frozenset({grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.NOT_FOUND})
# Let in, and then answered on the merits, whatever these are.
_LET_IN = frozenset(grpc.StatusCode) - {
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNKNOWN,
}
_UNRELATED = "unrelated.permission"


@dataclass(frozen=True, slots=True)
class _Caller:
    name: str
    token: str | None
    expected: frozenset[grpc.StatusCode]

    @property
    def is_refused(self) -> bool:
        return grpc.StatusCode.OK not in self.expected

    def complaint(self, outcome: Outcome) -> str:
        wanted = " or ".join(sorted(status.name for status in self.expected))
        wanted = "to be let in" if self.expected == _LET_IN else wanted
        return f"{self.name}: expected {wanted}, answered {outcome}"


class AuthorisationSuite(ProcedureSuite):
    """Every procedure, called by everybody; what its access option says is what happens."""

    @classmethod
    def applies_to(cls, procedure: Procedure) -> bool:  # noqa: ARG003 - to all of them
        return True

    async def test_callers_are_treated_as_the_access_option_says(
        self, procedure: Procedure, harness: ServiceHarness
    ) -> None:
        example = self.example(procedure)
        request = await example.request(harness)
        complaints = []
        # Refusals first: they must leave everything as it is for those who are let in.
        callers = _callers(procedure, example, harness.tokens)
        for caller in sorted(callers, key=lambda caller: not caller.is_refused):
            before = await harness.snapshot()
            outcome = await harness.outcome(procedure, request, caller.token)
            if outcome.status not in caller.expected:
                complaints.append(caller.complaint(outcome))
            if caller.is_refused and (changes := before.changes_to(await harness.snapshot())):
                complaints.append(f"{caller.name}: the refused call changed data:\n{changes}")
        assert not complaints, f"{procedure.path} ({procedure.rule}):\n" + "\n".join(complaints)


def _callers(procedure: Procedure, example: Example, tokens: TokenFactory) -> list[_Caller]:
    """Everybody, the example's own caller before the others who are let in."""
    own = example.bearer(tokens)
    own_kind = tokens.principal_of(own).kind if own is not None else None
    permission = min(procedure.rule.permissions, default=_UNRELATED)
    others: dict[str, str | None] = {
        "nobody": None,
        "a visitor": tokens.visitor("vis_stranger"),
        "a customer": tokens.customer("cus_stranger"),
        "another customer": tokens.customer("cus_other_stranger", visitor="vis_other_stranger"),
        "staff without the permission": tokens.staff(_UNRELATED),
    }
    if own_kind is not Kind.STAFF:
        others["staff with the permission"] = tokens.staff(permission)
    if own_kind is not Kind.SERVICE:
        others["a service"] = tokens.service("testing")
    callers = [_Caller("the example's own caller", own, _OK)]
    for name, token in others.items():
        if token is not None or own is not None:
            principal = tokens.principal_of(token) if token is not None else None
            callers.append(_Caller(name, token, _expected(procedure, example, principal)))
    return callers


def _expected(
    procedure: Procedure, example: Example, principal: Principal | None
) -> frozenset[grpc.StatusCode]:
    rule = procedure.rule
    if not rule.permits(principal):
        return _UNAUTHENTICATED if principal is None else _DENIED
    stranger = principal is not None and principal.kind in (Kind.VISITOR, Kind.CUSTOMER)
    if stranger and rule.owner and not rule.anyone and example.names_owned_thing:
        return _NOT_THEIRS
    return _LET_IN
