"""Who may call what, and what belongs to whom."""

import itertools

import pytest

from comptoir_runtime.auth import Kind, Principal, Rule, may, require_owner, rule_of
from comptoir_runtime.errors import PermissionDenied, Unauthenticated
from comptoir_testing.demo import BARE, DEMO

CUSTOMER = Principal(Kind.CUSTOMER, "cus_1", visitor="vis_1")
STAFF = Principal(Kind.STAFF, "stf_1", permissions=frozenset({"stock.write"}))


class TestRule:
    """The whole decision table: every rule against every kind of caller."""

    CALLERS = (
        ("nobody", None),
        ("visitor", Principal(Kind.VISITOR, "v", frozenset({"p"}))),
        ("customer", Principal(Kind.CUSTOMER, "c", frozenset({"p"}))),
        ("staff", Principal(Kind.STAFF, "s")),
        ("staff with p", Principal(Kind.STAFF, "s", frozenset({"p"}))),
        ("staff with q", Principal(Kind.STAFF, "s", frozenset({"q"}))),
        ("client", Principal(Kind.CLIENT, "m")),
        ("client with p", Principal(Kind.CLIENT, "m", frozenset({"p", "x"}))),
        ("service", Principal(Kind.SERVICE, "o", frozenset({"p"}))),
    )
    LET_IN = (
        ("anyone", {name for name, _ in CALLERS}),
        ("owner", {"visitor", "customer"}),
        ("permissions", {"staff with p", "client with p"}),
        ("service", {"service"}),
    )

    @pytest.mark.parametrize("parts", list(itertools.product([False, True], repeat=4)), ids=str)
    @pytest.mark.parametrize(("name", "caller"), CALLERS, ids=[name for name, _ in CALLERS])
    def test_lets_in_who_fits_any_part(
        self, parts: tuple[bool, ...], name: str, caller: Principal | None
    ) -> None:
        anyone, owner, permissions, service = parts
        rule = Rule(anyone, owner, frozenset({"p"} if permissions else ()), service)
        expected = any(
            used and name in let_in for used, (_, let_in) in zip(parts, self.LET_IN, strict=True)
        )
        assert rule.permits(caller) is expected
        if expected:
            rule.check(caller)
        else:
            refusal = Unauthenticated if caller is None else PermissionDenied
            with pytest.raises(refusal):
                rule.check(caller)

    def test_is_read_from_the_proto(self) -> None:
        methods = DEMO.methods_by_name
        assert rule_of(methods["PutNote"]) == Rule(owner=True, service=True)
        assert rule_of(methods["GetNote"]) == Rule(anyone=True)
        assert rule_of(methods["RunNote"]) == Rule(permissions=frozenset({"note.run"}))

    def test_a_procedure_without_the_option_has_no_rule(self) -> None:
        assert rule_of(BARE.methods_by_name["Bare"]) is None


class TestRequireOwner:
    @pytest.mark.parametrize("owner", ["cus_1", "vis_1"])
    def test_a_customer_owns_theirs_and_what_they_had_as_a_visitor(self, owner: str) -> None:
        require_owner(CUSTOMER, owner)

    @pytest.mark.parametrize(
        ("principal", "owner"),
        [
            (None, "cus_1"),
            (None, None),
            (CUSTOMER, None),
            (CUSTOMER, ""),
            (CUSTOMER, "cus_2"),
            (Principal(Kind.VISITOR, "vis_1"), None),
            (Principal(Kind.VISITOR, "vis_1"), "vis_2"),
            (Principal(Kind.STAFF, "cus_1"), "cus_1"),
            (Principal(Kind.SERVICE, "cus_1"), "cus_1"),
        ],
    )
    def test_nobody_else_does(self, principal: Principal | None, owner: str | None) -> None:
        with pytest.raises(PermissionDenied):
            require_owner(principal, owner)


class TestMay:
    def test_only_staff_and_clients_hold_permissions(self) -> None:
        held = frozenset({"p"})
        answers = {kind: may(Principal(kind, "x", held), "p") for kind in Kind}
        assert answers == {
            Kind.VISITOR: False,
            Kind.CUSTOMER: False,
            Kind.STAFF: True,
            Kind.SERVICE: False,
            Kind.CLIENT: True,
        }
        assert not may(None, "p")
        assert not may(STAFF, "stock.delete")
