"""Every refusal of this service, named."""

from __future__ import annotations

from datetime import timedelta

from comptoir_runtime.errors import (
    AlreadyExists,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
)


class EmailTaken(AlreadyExists):
    """Somebody is known by this e-mail already."""

    def __init__(self) -> None:
        super().__init__("this e-mail is taken: sign in, or use another one")


class CredentialsRefused(Unauthenticated):
    """E-mail and password do not belong together; never says which of them is wrong."""

    def __init__(self) -> None:
        super().__init__("the e-mail or the password is wrong")


class TooManyAttempts(ResourceExhausted):
    """Sign-in is closed for a while, whether or not the account exists."""

    def __init__(self, wait: timedelta) -> None:
        seconds = max(1, int(wait.total_seconds()))
        super().__init__(f"too many attempts: try again in {seconds} seconds", retry_after=wait)


class RefreshTokenRefused(Unauthenticated):
    """The refresh token is unknown, ended or was spent before."""

    def __init__(self) -> None:
        super().__init__("the refresh token is not valid: sign in again")


class VisitorTokenRefused(Unauthenticated):
    """The visitor's token is not one of ours, or not a visitor's."""

    def __init__(self) -> None:
        super().__init__("the visitor token is not valid")


class CustomerNotFound(NotFound):
    """No customer has this id."""

    def __init__(self, customer: str) -> None:
        super().__init__(f"there is no customer {customer}", metadata={"customer": customer})


class NotACustomer(PermissionDenied):
    """A visitor has no account yet."""

    def __init__(self) -> None:
        super().__init__("a visitor has no account: register or sign in")


class GroupIsForStaff(PermissionDenied):
    """Customers do not choose whose prices they get."""

    def __init__(self) -> None:
        super().__init__("only staff may change the price group", metadata={"field": "group"})


class PermissionNotHeld(PermissionDenied):
    """Nobody can give what they do not hold."""

    def __init__(self, permission: str) -> None:
        super().__init__(
            f"you do not hold the permission {permission}", metadata={"permission": permission}
        )
