"""The access rule of a procedure, read from its proto option."""

from dataclasses import dataclass

from google.protobuf.descriptor import MethodDescriptor

from comptoir.options.v1 import access_pb2
from comptoir_runtime.auth.principal import Kind, Principal
from comptoir_runtime.errors import PermissionDenied, Unauthenticated


@dataclass(frozen=True, slots=True)
class Rule:
    """Who is let in; a caller that fits any of the parts is."""

    anyone: bool = False
    owner: bool = False
    permissions: frozenset[str] = frozenset()
    service: bool = False

    def permits(self, principal: Principal | None) -> bool:
        if self.anyone:
            return True
        if principal is None:
            return False
        match principal.kind:
            case Kind.VISITOR | Kind.CUSTOMER:
                return self.owner
            case Kind.STAFF | Kind.CLIENT:
                return not self.permissions.isdisjoint(principal.permissions)
            case Kind.SERVICE:
                return self.service

    def check(self, principal: Principal | None) -> None:
        """Raises `Unauthenticated` without a token, `PermissionDenied` with the wrong one."""
        if self.permits(principal):
            return
        if principal is None:
            raise Unauthenticated("a token is required")
        raise PermissionDenied("this caller may not call this procedure")


def rule_of(method: MethodDescriptor) -> Rule | None:
    """The declared rule; None when the option is missing or lets nobody in."""
    options = method.GetOptions()
    if not options.HasExtension(access_pb2.access):
        return None
    access = options.Extensions[access_pb2.access]
    rule = Rule(access.anyone, access.owner, frozenset(access.permissions), access.service)
    return None if rule == Rule() else rule
