"""A platform whose parts show each other certificates, made for this run."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import grpc

from comptoir_local.certificates import Authority
from comptoir_local.stack import GATEWAY, SERVICES, Service
from comptoir_runtime.tls import CertificateFiles, Certificates, channel_credentials, naming

NATS = "nats"

Dial = Callable[[str], grpc.aio.Channel]
"""Opens a channel to host:port."""


def dial_openly(address: str) -> grpc.aio.Channel:
    """To a service that shows and asks for no certificate."""
    return grpc.aio.insecure_channel(address)


class Protection:
    """Certificates in a folder. The authority's key is forgotten once they are made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def issue(self) -> None:
        """Makes certificates for all services and NATS, in place of those there are."""
        authority = Authority()
        for name in (*(service.name for service in SERVICES), NATS):
            authority.issue(self.folder / name, name)

    def files(self, name: str) -> CertificateFiles:
        """Those of a service, or of NATS."""
        folder = self.folder / name
        return CertificateFiles(
            folder / f"{name}.crt", folder / f"{name}.key", folder / "authority.crt"
        )

    def told_to(self, service: Service) -> dict[str, str]:
        """What a service is told: its files, and whose calls it takes."""
        files = self.files(service.name)
        told = {
            "TLS_CERTIFICATE": str(files.certificate),
            "TLS_KEY": str(files.key),
            "TLS_CA": str(files.authority),
        }
        if callers := callers_of(service.name):
            told["CALLERS"] = ",".join(callers)
        return told

    def dial_to(self, service: str) -> Dial:
        """How we reach a service ourselves: as the gateway, whom all of them know."""
        shown = Certificates(self.files(GATEWAY.name)).latest()
        options: Sequence[tuple[str, Any]] = (naming(service),)

        def dial(address: str) -> grpc.aio.Channel:
            return grpc.aio.secure_channel(address, channel_credentials(shown), options)

        return dial


def callers_of(service: str) -> list[str]:
    """The services that call this one."""
    return sorted(each.name for each in SERVICES if service in each.calls)
