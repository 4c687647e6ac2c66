"""ES256 key pairs of the services, and the file that says whose public keys are whose."""

import base64
import hashlib
import json
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from comptoir_runtime.auth import SigningKey, public_jwk, service_issuer

Jwk = dict[str, str]


class ServiceKeys:
    """Key pairs in a folder, made on first use; the public halves may be written elsewhere.

    A service signs with `<service>.pem`. Others of its own beside it, such as `<service>.next.pem`
    and `<service>.old.pem`, are trusted, too: so keys change without a refused call.
    """

    def __init__(self, folder: Path, public: Path | None = None) -> None:
        self._folder = folder
        self.jwks = public or folder / "services.jwks.json"
        """All public keys, each with the issuer it may speak for: SERVICE_JWKS."""

    def private(self, service: str) -> Path:
        """The private key of a service: SERVICE_KEY."""
        return self._folder / f"{service}.pem"

    def next(self, service: str) -> Path:
        """The private key that a service will have."""
        return self._folder / f"{service}.next.pem"

    def ensure(self, services: list[str], *, following: bool = False) -> None:
        """Make the missing key pairs, those that follow them when asked, and the public file."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for service in services:
            self._ensure(self.private(service))
            if following:
                self._ensure(self.next(service))
        # A key that is known keeps its name: who signs and who checks may read this at two times.
        known = {_point(jwk): jwk["kid"] for jwk in self._listed()}
        listed = [jwk for service in services for jwk in self._public(service, known)]
        self.jwks.write_text(json.dumps({"keys": listed}, indent=2))

    def _ensure(self, path: Path) -> None:
        if path.exists():
            return
        private = SigningKey.generate("").private
        path.touch(mode=0o600)
        path.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    def _listed(self) -> list[Jwk]:
        if not self.jwks.exists():
            return []
        listed: list[Jwk] = json.loads(self.jwks.read_text())["keys"]
        return listed

    def _public(self, service: str, known: dict[tuple[str, str], str]) -> list[Jwk]:
        issuer = service_issuer(service)
        others = sorted(self._folder.glob(f"{service}.*.pem"))
        jwks = [
            public_jwk(SigningKey.from_pem(issuer, path.read_bytes()), issuer)
            for path in (self.private(service), *others)
        ]
        return [jwk | {"kid": known.get(_point(jwk)) or _kid(jwk)} for jwk in jwks]


def _point(jwk: Jwk) -> tuple[str, str]:
    return jwk["x"], jwk["y"]


def _kid(jwk: Jwk) -> str:
    """After whose it is and its thumbprint (RFC 7638)."""
    members = {name: jwk[name] for name in ("crv", "kty", "x", "y")}
    whole = hashlib.sha256(json.dumps(members, separators=(",", ":")).encode()).digest()
    return f"{jwk['iss']}:{base64.urlsafe_b64encode(whole).decode()[:16]}"
