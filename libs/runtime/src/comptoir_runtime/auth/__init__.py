"""Who is calling, and whether they may.

Tokens are JWTs signed with ES256. The rule of each procedure is declared in
its proto (`comptoir.options.v1.access`); a procedure without a rule refuses
everybody.
"""

from comptoir_runtime.auth.access import Rule, rule_of
from comptoir_runtime.auth.identity import ServiceIdentity
from comptoir_runtime.auth.keys import (
    USER_ISSUER,
    KeyRing,
    SigningKey,
    VerificationKey,
    keys_of_jwks,
    public_jwk,
    service_issuer,
)
from comptoir_runtime.auth.principal import ANONYMOUS, Kind, Principal, may, require_owner
from comptoir_runtime.auth.stored_keys import load_keys, remember_key
from comptoir_runtime.auth.tokens import AUDIENCE, TokenRefused, Verifier, sign

__all__ = [
    "ANONYMOUS",
    "AUDIENCE",
    "USER_ISSUER",
    "KeyRing",
    "Kind",
    "Principal",
    "Rule",
    "ServiceIdentity",
    "SigningKey",
    "TokenRefused",
    "VerificationKey",
    "Verifier",
    "keys_of_jwks",
    "load_keys",
    "may",
    "public_jwk",
    "remember_key",
    "require_owner",
    "rule_of",
    "service_issuer",
    "sign",
]
