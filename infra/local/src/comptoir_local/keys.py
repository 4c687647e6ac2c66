"""One ES256 key pair per service, and the file that says whose public key is whose."""

import json
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from comptoir_runtime.auth import SigningKey, public_jwk, service_issuer


class ServiceKeys:
    """Key pairs in a folder, made on first use; the public halves may be written elsewhere."""

    def __init__(self, folder: Path, public: Path | None = None) -> None:
        self._folder = folder
        self.jwks = public or folder / "services.jwks.json"
        """All public keys, each with the issuer it may speak for: SERVICE_JWKS."""

    def private(self, service: str) -> Path:
        """The private key of a service: SERVICE_KEY."""
        return self._folder / f"{service}.pem"

    def ensure(self, services: list[str]) -> None:
        """Make the missing key pairs, and the file of the public ones."""
        self._folder.mkdir(parents=True, exist_ok=True)
        public = [self._ensure(service) for service in services]
        self.jwks.write_text(json.dumps({"keys": public}, indent=2))

    def _ensure(self, service: str) -> dict[str, str]:
        path, issuer = self.private(service), service_issuer(service)
        if path.exists():
            return public_jwk(SigningKey.from_pem(issuer, path.read_bytes()), issuer)
        key = SigningKey.generate(issuer)
        path.touch(mode=0o600)
        path.write_bytes(
            key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )
        return public_jwk(key, issuer)
