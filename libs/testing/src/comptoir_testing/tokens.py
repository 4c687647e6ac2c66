"""Tokens that the services under test trust."""

from datetime import timedelta

from comptoir_runtime.auth import (
    USER_ISSUER,
    KeyRing,
    Kind,
    Principal,
    SigningKey,
    VerificationKey,
    service_issuer,
    sign,
)

_LIFETIME = timedelta(hours=1)


class TokenFactory:
    """Signs tokens (the bearer strings alone) with keys made for the test run."""

    def __init__(self) -> None:
        self._private = SigningKey.generate("test")
        self._rings: list[KeyRing] = []
        self._keys: dict[str, SigningKey] = {}
        self._signed: dict[str, Principal] = {}

    def trust_in(self, keyring: KeyRing) -> None:
        """Make `keyring` trust every token of this factory, of the past and of the future."""
        self._rings.append(keyring)
        self._key(USER_ISSUER)
        for issuer, key in self._keys.items():
            keyring.trust(_public(key, issuer))

    def forget(self, keyring: KeyRing) -> None:
        """Stop telling `keyring` about new keys: its service has ended."""
        self._rings.remove(keyring)

    def visitor(self, subject: str = "vis_test") -> str:
        """Somebody who has not signed in."""
        return self.sign(Principal(Kind.VISITOR, subject))

    def customer(
        self,
        subject: str = "cus_test",
        *,
        visitor: str | None = None,
        groups: frozenset[str] = frozenset(),
    ) -> str:
        """A signed-in customer; `visitor` is who they have proved to have been before."""
        return self.sign(Principal(Kind.CUSTOMER, subject, visitor=visitor, groups=groups))

    def staff(self, *permissions: str, subject: str = "stf_test", store: str | None = None) -> str:
        """A member of staff with these permissions, working at location `store`."""
        return self.sign(Principal(Kind.STAFF, subject, frozenset(permissions), store=store))

    def client(self, *permissions: str, subject: str = "cli_test") -> str:
        """A machine client with these permissions."""
        return self.sign(Principal(Kind.CLIENT, subject, frozenset(permissions)))

    def service(self, name: str) -> str:
        """Another service of the platform."""
        return self.sign(Principal(Kind.SERVICE, name), issuer=service_issuer(name))

    def sign(self, principal: Principal, *, issuer: str = USER_ISSUER) -> str:
        """A token for any principal, valid for an hour."""
        token = sign(principal, self._key(issuer), lifetime=_LIFETIME, issuer=issuer)
        self._signed[token] = principal
        return token

    def principal_of(self, token: str) -> Principal:
        """Who a token of this factory speaks for."""
        return self._signed[token]

    def _key(self, issuer: str) -> SigningKey:
        key = self._keys.get(issuer)
        if key is None:
            # A key speaks for one issuer only; the private half can be the same in tests.
            key = self._keys[issuer] = SigningKey(f"test-{issuer}", self._private.private)
            for ring in self._rings:
                ring.trust(_public(key, issuer))
        return key


def _public(key: SigningKey, issuer: str) -> VerificationKey:
    return VerificationKey(key.kid, issuer, key.private.public_key())
