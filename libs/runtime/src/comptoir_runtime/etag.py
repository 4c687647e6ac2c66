"""Etags: the version number of a row, as an opaque text."""

from comptoir_runtime.errors import StaleEtag


def of(version: int) -> str:
    """The etag of a row with this version."""
    return str(version)


def check(given: str, version: int) -> None:
    """Raises `StaleEtag` when the caller saw another version; an empty etag asks for no check."""
    if given and given != of(version):
        raise StaleEtag(
            "the resource has changed since it was read", metadata={"current_etag": of(version)}
        )
