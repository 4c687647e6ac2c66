"""The catalogue a platform begins with, and what a person sees while it is loaded."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import grpc
import httpx
from rich.console import Console
from rich.markup import escape

from comptoir_local.catalogue.files import CatalogueFolder, CatalogueNotFound
from comptoir_local.catalogue.loader import SAMPLE, ImportFailed, LoadReport, load
from comptoir_local.demo.api import Caller, Refused
from comptoir_local.environment import Surroundings
from comptoir_local.platform import StartFailed
from comptoir_local.protection import Dial, dial_openly

_SHOWN_ERRORS = 5
_NEWS_SECONDS, _PAUSE = 30.0, 0.1
_LOADING, _LOADED = "loading", "loaded"


class LoadFailed(StartFailed):
    """The catalogue is not in; the message says why."""


@dataclass(frozen=True, slots=True)
class Door:
    """Where catalogues come in, and somebody who may bring them."""

    gateway: str
    """URL of the gateway."""
    pim: str
    """host:port: files larger than one message are sent by gRPC."""
    email: str
    password: str = field(repr=False)
    dial: Dial = dial_openly
    """How `pim` is reached."""

    @classmethod
    def of(cls, surroundings: Surroundings) -> Self:
        """The door of a platform that runs."""
        administrator = surroundings.administrator
        return cls(
            surroundings.gateway_url,
            surroundings.addresses["pim"],
            administrator.email,
            administrator.password,
            surroundings.dial_to("pim"),
        )


class Note:
    """What is written down beside the data about the catalogue in them."""

    def __init__(self, path: Path, digest: str) -> None:
        self._path = path
        self._digest = digest

    def is_due(self, *, asked: bool, holds_products: bool) -> bool:
        """Whether to load: always when asked for another one, else into empty data only.

        A load that was cut short goes on.
        """
        text = self._path.read_text() if self._path.exists() else ""
        if text == f"{self._digest} {_LOADED}":
            return False
        if asked or text == f"{self._digest} {_LOADING}":
            return True
        return not text and not holds_products

    def begin(self) -> None:
        self._path.write_text(f"{self._digest} {_LOADING}")

    def end(self) -> None:
        self._path.write_text(f"{self._digest} {_LOADED}")


async def ensure_catalogue(
    door: Door, data: Path, folder: Path | None, console: Console
) -> LoadReport | None:
    """Load `folder`, or without one the sample when there are no products; None: nothing to do.

    `data` is the folder of the platform's data. Raises LoadFailed.
    """
    try:
        source = CatalogueFolder(folder or SAMPLE)
        note = Note(data / "catalogue.note", source.digest())
        token, holds_products = await _look_once_trusted(door)
        if not note.is_due(asked=folder is not None, holds_products=holds_products):
            return None
        note.begin()
        with console.status("catalogue: …") as status:
            report = await load(
                source.path,
                door.gateway,
                door.pim,
                token,
                lambda what: status.update(f"catalogue: {what} …"),
                door.dial,
            )
    except (CatalogueNotFound, ImportFailed) as failure:
        raise LoadFailed(str(failure)) from failure
    except Refused as refusal:
        raise LoadFailed(f"The catalogue was refused: {refusal}") from refusal
    except grpc.aio.AioRpcError as refusal:
        raise LoadFailed(f"The product files were refused: {refusal.details()}") from refusal
    except httpx.HTTPError as failure:
        raise LoadFailed(
            f"The catalogue is not whole, {type(failure).__name__}: {failure}. "
            "Start again to go on."
        ) from failure
    note.end()
    return report


async def _look_once_trusted(door: Door) -> tuple[str, bool]:
    """As `_look`; a key that has just taken the place of another is news that pim has to hear."""
    give_up = time.monotonic() + _NEWS_SECONDS
    while True:
        try:
            return await _look(door)
        except Refused as refusal:
            if refusal.reason != "UNAUTHENTICATED" or time.monotonic() > give_up:
                raise
        await asyncio.sleep(_PAUSE)


async def _look(door: Door) -> tuple[str, bool]:
    """An administrator's token, and whether there are products."""
    async with httpx.AsyncClient(base_url=door.gateway, timeout=30) as http:
        body = {"email": door.email, "password": door.password}
        session = await Caller(http).post("/v1/sessions:staff", body)
        token: str = session["accessToken"]
        page = await Caller(http, token).get("/v1/catalogue/products", pageSize=1)
    return token, bool(page.get("products"))


def tell(report: LoadReport, remarks: Path, console: Console) -> None:
    """Print what a load did. Of the rows at fault a few are shown; all go to the file `remarks`."""
    published = ", ".join(f"{channel} {number}" for channel, number in report.published.items())
    console.print(
        f"Catalogue: {report.accepted:,} of {sum(report.tried.values()):,} rows, "
        f"{report.priced:,} prices, {report.stocked:,} receipts of stock; published: {published}.",
        soft_wrap=True,
    )
    for error in report.errors[:_SHOWN_ERRORS]:
        console.print(f"  [yellow]refused[/] {escape(error)}", soft_wrap=True)
    lines = [f"refused: {error}" for error in report.errors]
    lines += [f"left out: {warning}" for warning in report.warnings]
    if lines:
        remarks.parent.mkdir(parents=True, exist_ok=True)
        remarks.write_text("\n".join(lines) + "\n")
        console.print(
            f"  {len(report.errors)} rows refused, {len(report.warnings)} values left out; "
            f"each with its reason: {remarks}",
            soft_wrap=True,
        )
