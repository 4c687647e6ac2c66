"""Signing keys as they are kept: in PEM, encrypted when there is a password."""

from __future__ import annotations

import orjson
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from comptoir_runtime.auth import SigningKey, public_jwk


class KeyVault:
    """Makes, locks away and opens ES256 keys."""

    def __init__(self, password: str) -> None:
        self._password = password.encode() or None

    def make(self, kid: str) -> tuple[bytes, str]:
        """A new key: its private half to store, its public half as a JSON Web Key."""
        key = SigningKey.generate(kid)
        pem = key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, self._encryption())
        return pem, orjson.dumps(public_jwk(key)).decode()

    def open(self, kid: str, pem: bytes) -> SigningKey:
        """The key that was stored; `ValueError` when the password is another one."""
        private = load_pem_private_key(pem, password=self._password)
        assert isinstance(private, ec.EllipticCurvePrivateKey), "only `make` stores keys"
        return SigningKey(kid, private)

    def _encryption(self) -> KeySerializationEncryption:
        return BestAvailableEncryption(self._password) if self._password else NoEncryption()
