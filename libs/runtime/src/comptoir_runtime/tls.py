"""Certificates: who a service is to the others, and whom it lets in.

Their files are read again when they have changed, so whoever renews them restarts nobody. A
certificate names its service as a URI, `spiffe://comptoir/cart`, for those it calls, and as a DNS
name, `cart`, for those who call it, wherever it runs.
"""

import logging
import ssl
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from comptoir_runtime.errors import PermissionDenied

# Renewal comes days before the end of a certificate.
LOOK_SECONDS = 5.0
_URIS = "peer_uri"

log = logging.getLogger(__name__)


class CallerNotAdmitted(PermissionDenied):
    """The certificate of the caller is not one of those this service takes calls from."""


class UnusableCertificate(Exception):
    """Files that are missing, cannot be read, or do not belong together."""


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """PEM files: a service's certificate and what leads to its authority, its key, its trust."""

    certificate: Path
    key: Path
    authority: Path


@dataclass(frozen=True, slots=True)
class Certificate:
    """What the files held at one moment."""

    chain: bytes
    key: bytes = field(repr=False)
    authority: bytes

    def names(self) -> list[str]:
        """The DNS names it was made out to."""
        leaf = x509.load_pem_x509_certificate(self.chain)
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        return names.value.get_values_for_type(x509.DNSName)


class Certificates:
    """One service's certificate, always the latest. Used by several threads."""

    def __init__(self, files: CertificateFiles) -> None:
        """Raises `UnusableCertificate`."""
        self._files = files
        self._lock = threading.Lock()
        self._stamp = self._look()
        self._latest = self._read()
        self._look_at = 0.0

    def latest(self) -> Certificate:
        """The same object until the files hold another one; they are looked at now and then.

        What does not fit together, as in the middle of a renewal, changes nothing.
        """
        now = time.monotonic()
        if now < self._look_at:
            return self._latest
        with self._lock:
            self._look_at = now + LOOK_SECONDS
            try:
                stamp = self._look()
                if stamp != self._stamp:
                    self._latest, self._stamp = self._read(), stamp
                    log.info("the certificate has been renewed")
            except UnusableCertificate as error:
                log.warning("the certificate stays as it was: %s", error)
        return self._latest

    def server_credentials(self) -> grpc.ServerCredentials:
        """For a server whose callers have to show a certificate, too."""
        used = self._latest

        def renewed() -> grpc.ServerCertificateConfiguration | None:
            # Called at each handshake, and told nothing when nothing has changed.
            nonlocal used
            latest = self.latest()
            if latest is used:
                return None
            used = latest
            return _configuration(latest)

        return grpc.dynamic_ssl_server_credentials(
            _configuration(used),
            renewed,  # type: ignore[arg-type]  # None is its way to say that nothing has changed
            require_client_authentication=True,
        )

    def load_into(self, context: ssl.SSLContext) -> None:
        """Makes a context show and believe what the files hold now."""
        self.latest()
        context.load_verify_locations(self._files.authority)
        context.load_cert_chain(self._files.certificate, self._files.key)

    def _look(self) -> tuple[tuple[int, int, int], ...]:
        files = self._files
        try:
            found = [path.stat() for path in (files.certificate, files.key, files.authority)]
        except OSError as error:
            raise UnusableCertificate(str(error)) from None
        return tuple((each.st_ino, each.st_mtime_ns, each.st_size) for each in found)

    def _read(self) -> Certificate:
        files = self._files
        try:
            read = Certificate(
                chain=files.certificate.read_bytes(),
                key=files.key.read_bytes(),
                authority=files.authority.read_bytes(),
            )
            certified = x509.load_pem_x509_certificate(read.chain).public_key()
            own = load_pem_private_key(read.key, None).public_key()
            x509.load_pem_x509_certificates(read.authority)
        except (OSError, ValueError, TypeError):
            # What is wrong with a key is nobody's to read.
            raise UnusableCertificate(f"one of {files} cannot be read") from None
        if certified != own:
            raise UnusableCertificate(f"{files.key} is not the key of {files.certificate}")
        return read


class Admission:
    """Which callers a server takes calls from, by their certificates."""

    def __init__(self, callers: Iterable[str]) -> None:
        self._admitted = frozenset(identity_of(caller).encode() for caller in callers)

    def check(self, peer: Mapping[str, Iterable[bytes]]) -> None:
        """Raises `CallerNotAdmitted`; `peer` is gRPC's authentication context of a call."""
        if self._admitted.isdisjoint(peer.get(_URIS, ())):
            raise CallerNotAdmitted("this service takes no calls from yours")


def identity_of(service: str) -> str:
    """The URI that names a service in its certificate."""
    return f"spiffe://comptoir/{service}"


def channel_credentials(certificate: Certificate) -> grpc.ChannelCredentials:
    """For a channel that shows the certificate, and believes its authority."""
    return grpc.ssl_channel_credentials(certificate.authority, certificate.key, certificate.chain)


def naming(service: str) -> tuple[str, str]:
    """The option of a channel that accepts nobody but this service, whatever its address."""
    return ("grpc.ssl_target_name_override", service)


def _configuration(certificate: Certificate) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(certificate.key, certificate.chain)], certificate.authority
    )
