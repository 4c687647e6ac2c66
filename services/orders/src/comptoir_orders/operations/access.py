"""Whose orders and placements a caller may see."""

from comptoir_runtime.auth import Principal, may, require_owner
from comptoir_runtime.errors import NotFound, PermissionDenied


def require_access(
    principal: Principal | None,
    owners: tuple[str, ...],
    permissions: tuple[str, ...],
    absent: NotFound,
) -> None:
    """Raises `absent` unless the caller is one of the owners or staff with a permission.

    To a stranger the thing does not exist: numbers can be guessed, and the difference would tell.
    """
    if any(may(principal, permission) for permission in permissions):
        return
    for owner in owners:
        try:
            require_owner(principal, owner)
        except PermissionDenied:
            continue
        return
    raise absent
