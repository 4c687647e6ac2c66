"""Reading the files of a catalogue folder."""

from __future__ import annotations

import csv
import hashlib
import io
import lzma
from collections.abc import Iterator
from pathlib import Path

# Given to the product information service as they are.
PRODUCT_FILES = (
    "attributes.csv",
    "attribute_options.csv",
    "families.csv",
    "family_variants.csv",
    "categories.csv",
    "channels.csv",
    "product_models.csv",
    "products.csv",
)


class CatalogueNotFound(Exception):
    """The folder holds no products."""


class CatalogueFolder:
    """A folder of CSV files; a file may be compressed (`products.csv.xz`)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not self.has("products.csv"):
            raise CatalogueNotFound(
                f"{path} holds no products.csv: give --catalogue a folder with the PIM's CSV files"
            )

    def has(self, name: str) -> bool:
        """Whether the file is there, compressed or not."""
        return (self.path / name).exists() or (self.path / f"{name}.xz").exists()

    def content(self, name: str) -> bytes:
        """The bytes of the file, decompressed."""
        plain = self.path / name
        if plain.exists():
            return plain.read_bytes()
        return lzma.decompress((self.path / f"{name}.xz").read_bytes())

    def rows(self, name: str) -> Iterator[dict[str, str]]:
        """The rows of the file by column; nothing when the file is not there."""
        if not self.has(name):
            return
        text = io.StringIO(self.content(name).decode("utf-8-sig"), newline="")
        yield from csv.DictReader(text, delimiter=";")

    def digest(self) -> str:
        """A short fingerprint of all files: the same files are loaded once."""
        sums = hashlib.sha256()
        for file in sorted(self.path.glob("*.csv*")):
            sums.update(file.name.encode() + b"\0" + file.read_bytes())
        return sums.hexdigest()[:16]
