"""An authority of one's own: certificates for a platform on one machine, and for tests."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from comptoir_runtime.tls import CertificateFiles, identity_of

VALID = timedelta(days=30)
# For clocks that are not quite right.
_BEFORE = timedelta(minutes=5)
_USES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)
_BOTH_SIDES = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)
_LOCALHOST = x509.IPAddress(IPv4Address("127.0.0.1"))


class Authority:
    """Issues certificates; its key exists in this process only."""

    def __init__(self, name: str = "comptoir") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(f"{name} authority")
        certificate = self._builder(self._name, self._key.public_key(), "key_cert_sign", "crl_sign")
        self._certificate = certificate.add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        ).sign(self._key, SHA256())

    def issue(self, folder: Path, service: str, *, names: Iterable[str] = ()) -> CertificateFiles:
        """A certificate for a service, in files; those that exist are replaced one by one.

        It says `service` and `names` as DNS names, this machine, and who it is to those it calls.
        """
        folder.mkdir(parents=True, exist_ok=True)
        files = CertificateFiles(
            folder / f"{service}.crt", folder / f"{service}.key", folder / "authority.crt"
        )
        key = ec.generate_private_key(ec.SECP256R1())
        says = [
            x509.UniformResourceIdentifier(identity_of(service)),
            *(x509.DNSName(name) for name in (service, *names)),
            _LOCALHOST,
        ]
        builder = (
            self._builder(_named(service), key.public_key(), "digital_signature")
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage(_BOTH_SIDES), critical=False)
            .add_extension(x509.SubjectAlternativeName(says), critical=False)
        )
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        _replace(files.authority, self._certificate.public_bytes(Encoding.PEM))
        _replace(files.key, secret)
        _replace(files.certificate, builder.sign(self._key, SHA256()).public_bytes(Encoding.PEM))
        return files

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, *uses: str
    ) -> x509.CertificateBuilder:
        """With all that RFC 5280 asks for: Python takes nothing less since 3.13."""
        now, ours = datetime.now(UTC), self._key.public_key()
        usage = x509.KeyUsage(**{use: use in uses for use in _USES})
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _BEFORE)
            .not_valid_after(now + VALID)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ours), critical=False)
        )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _replace(path: Path, content: bytes) -> None:
    """Whole or not at all, and nobody else's to read."""
    draft = path.with_name(f"{path.name}.draft")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    draft.write_bytes(content)
    draft.replace(path)
