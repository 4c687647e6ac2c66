"""The caller of a procedure."""

from dataclasses import dataclass
from enum import StrEnum

from comptoir_runtime.errors import PermissionDenied


class Kind(StrEnum):
    VISITOR = "visitor"
    CUSTOMER = "customer"
    STAFF = "staff"
    SERVICE = "service"
    CLIENT = "client"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a verified token speaks for."""

    kind: Kind
    subject: str
    permissions: frozenset[str] = frozenset()
    visitor: str | None = None
    """The visitor a customer has proved to have been before signing in."""
    session: str | None = None
    store: str | None = None
    """Code of the location a member of staff works at."""
    groups: frozenset[str] = frozenset()
    """Price groups of a customer."""


ANONYMOUS: Principal | None = None
"""What `call.principal` is when the caller sent no token."""


def may(principal: Principal | None, permission: str) -> bool:
    """Whether a member of staff or a machine client holds the permission."""
    return (
        principal is not None
        and principal.kind in (Kind.STAFF, Kind.CLIENT)
        and permission in principal.permissions
    )


def require_owner(principal: Principal | None, owner: str | None) -> None:
    """Raises `PermissionDenied` unless the thing belongs to the caller.

    A thing without an owner belongs to nobody: None never matches None.
    """
    if principal is None or not owner or principal.kind not in (Kind.VISITOR, Kind.CUSTOMER):
        raise PermissionDenied("this belongs to somebody else")
    if owner not in (principal.subject, principal.visitor):
        raise PermissionDenied("this belongs to somebody else")
