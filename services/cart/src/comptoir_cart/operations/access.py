"""Whose carts a caller may touch."""

from comptoir_runtime.auth import Kind, Principal, may, require_owner
from comptoir_runtime.errors import InvalidFields, Violation

ASSIST = "carts.assist"


def require_access(principal: Principal | None, owner: str) -> None:
    """Raises `PermissionDenied` unless the caller is the owner, a seller or a service."""
    if may(principal, ASSIST):
        return
    # Which procedures a service may call is declared in the proto.
    if principal is not None and principal.kind is Kind.SERVICE:
        return
    require_owner(principal, owner)


def owner_of_new(principal: Principal | None, customer: str) -> str:
    """Whose carts are meant: the caller's, or those of the customer a seller names.

    Raises `InvalidFields` when a seller names nobody, `PermissionDenied` when another caller
    names somebody else.
    """
    if may(principal, ASSIST):
        if not customer:
            raise InvalidFields(
                "a seller must name the customer",
                violations=[Violation("customer", "must be given by staff")],
            )
        return customer
    owner = customer or (principal.subject if principal is not None else "")
    require_owner(principal, owner)
    return owner


def customer_of(principal: Principal | None) -> str:
    """The id of the customer who calls; empty for anybody else."""
    if principal is None or principal.kind is not Kind.CUSTOMER:
        return ""
    return principal.subject
