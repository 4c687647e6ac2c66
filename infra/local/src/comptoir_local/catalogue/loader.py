"""Loads a catalogue folder into a running platform, as an administrator would.

Product files go to the product information service in pieces; locations, stock, prices,
coupons and shipping rules go through the gateway. Every write has a key made from the
files' fingerprint, so that a load that was cut short can be run again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import httpx

from comptoir.pim.v1 import pim_service_pb2, structure_pb2
from comptoir_local.catalogue import requests
from comptoir_local.catalogue.files import PRODUCT_FILES, CatalogueFolder
from comptoir_local.demo.api import Caller, Refused
from comptoir_local.protection import Dial, dial_openly

PIECE_BYTES = 256 * 1024
BATCH = 500
UNITS_WITHOUT_STOCK_FILE = 20
IMPORT_PATIENCE_SECONDS = 600
SAMPLE = Path(__file__).resolve().parents[3] / "catalogue"

Notify = Callable[[str], None]


@dataclass
class LoadReport:
    """What a load did."""

    tried: dict[str, int] = field(default_factory=dict)
    """Rows by file."""
    accepted: int = 0
    errors: list[str] = field(default_factory=list)
    """Rows that were refused: where and why."""
    warnings: list[str] = field(default_factory=list)
    """Values that were left out of rows that were taken: where and why."""
    published: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    priced: int = 0
    stocked: int = 0


class ImportFailed(Exception):
    """The product files could not be read at all."""


async def load(
    folder: Path, gateway: str, pim: str, token: str, notify: Notify, dial: Dial = dial_openly
) -> LoadReport:
    """Loads `folder`; `pim` is the gRPC address, reached by `dial`; `token` an administrator's."""
    source = CatalogueFolder(folder)
    report = LoadReport()
    async with httpx.AsyncClient(base_url=gateway, timeout=60) as http:
        caller = Caller(http, token)
        notify("product data")
        async with dial(pim) as channel:
            await _import_products(source, caller, channel, token, report)
        notify("channels")
        await _publish(source, caller, report)
        notify("places and stock")
        await _places_and_stock(source, caller, report)
        notify("prices and promotions")
        await _prices_and_promotions(source, caller, report)
    return report


async def _import_products(
    source: CatalogueFolder,
    caller: Caller,
    channel: grpc.aio.Channel,
    token: str,
    report: LoadReport,
) -> None:
    upload = channel.stream_unary(
        "/comptoir.pim.v1.PimService/UploadImport",
        request_serializer=pim_service_pb2.UploadImportRequest.SerializeToString,
        response_deserializer=structure_pb2.Import.FromString,
    )
    started = await upload(
        _pieces(source), metadata=(("authorization", f"Bearer {token}"),), timeout=120
    )
    finished = await _until_read(caller, started.id)
    report.tried = {file["name"]: file["rowCount"] for file in finished["files"]}
    report.accepted = sum(file["acceptedCount"] for file in finished["files"])
    async for error in _import_errors(caller, started.id):
        is_warning = error["severity"] == "SEVERITY_WARNING"
        (report.warnings if is_warning else report.errors).append(_sentence(error))


async def _pieces(source: CatalogueFolder) -> AsyncIterator[pim_service_pb2.UploadImportRequest]:
    for name in PRODUCT_FILES:
        if not source.has(name):
            continue
        content = source.content(name)
        for start in range(0, len(content), PIECE_BYTES):
            piece = content[start : start + PIECE_BYTES]
            yield pim_service_pb2.UploadImportRequest(name=name, content=piece)


async def _until_read(caller: Caller, import_id: str) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + IMPORT_PATIENCE_SECONDS
    while loop.time() < deadline:
        answer = await caller.get(f"/v1/imports/{import_id}")
        if answer["state"] == "STATE_FINISHED":
            return answer
        if answer["state"] == "STATE_FAILED":
            break
        await asyncio.sleep(0.1)
    raise ImportFailed(f"import {import_id} did not finish: its files cannot be read as CSV")


async def _import_errors(caller: Caller, import_id: str) -> AsyncIterator[dict[str, Any]]:
    token: str | None = None
    while token != "":
        page = await caller.get(f"/v1/imports/{import_id}/errors", pageSize=500, pageToken=token)
        for error in page.get("errors", ()):
            yield error
        token = page.get("nextPageToken", "")


def _sentence(error: dict[str, Any]) -> str:
    column = f", column {error['column']}" if error.get("column") else ""
    return f"{error['file']} line {error['line']}{column}: {error['reason']}"


async def _publish(source: CatalogueFolder, caller: Caller, report: LoadReport) -> None:
    for channel in [row["code"] for row in source.rows("channels.csv")]:
        answer = await caller.post("/v1/catalogue/products:publish", {"channel": channel})
        report.published[channel] = answer.get("publishedCount", 0)
        report.refused[channel] = len(answer.get("refusals", ()))


async def _places_and_stock(source: CatalogueFolder, caller: Caller, report: LoadReport) -> None:
    places = source if source.has("locations.csv") else CatalogueFolder(SAMPLE)
    rows = list(places.rows("locations.csv"))
    for row in rows:
        await _unless_there(caller, "/v1/locations", {"location": requests.location(row)})
    if source.has("stock.csv"):
        lines = list(requests.stock(source.rows("stock.csv")))
    else:
        warehouses = [row["code"] for row in rows if row["kind"] == "warehouse"]
        lines = _some_of_everything(source, warehouses)
    for number, batch in enumerate(_batches(lines)):
        key = f"catalogue-{source.digest()}-stock-{number}"
        body = {"lines": batch, "reference": f"catalogue {source.digest()}"}
        await caller.post("/v1/stock:receive", body, key=key)
    report.stocked = len(lines)


def _some_of_everything(source: CatalogueFolder, warehouses: Sequence[str]) -> list[requests.Body]:
    return [
        {"sku": row["sku"], "location": warehouse, "quantity": UNITS_WITHOUT_STOCK_FILE}
        for row in source.rows("products.csv")
        for warehouse in warehouses
        if row["sku"]
    ]


async def _unless_there(caller: Caller, path: str, body: requests.Body) -> None:
    try:
        await caller.post(path, body)
    except Refused as refusal:
        if refusal.status != httpx.codes.CONFLICT:
            raise


async def _prices_and_promotions(
    source: CatalogueFolder, caller: Caller, report: LoadReport
) -> None:
    if source.has("prices.csv"):
        lists = [requests.price_list(row) for row in source.rows("price_lists.csv")]
        prices = requests.prices(source.rows("prices.csv"))
        rules = source
    else:
        lists = [{"code": "base", "currency": "EUR", "taxIncluded": True}]
        prices = requests.prices_of_products(
            source.rows("products.csv"), source.rows("product_models.csv")
        )
        rules = CatalogueFolder(SAMPLE)
    for body in lists:
        await caller.put(f"/v1/priceLists/{body['code']}", {"priceList": body})
    for code, entries in prices.items():
        for batch in _batches(entries):
            await caller.post(f"/v1/priceLists/{code}/prices", {"prices": batch})
            report.priced += len(batch)
    for row in rules.rows("coupons.csv"):
        await caller.put(f"/v1/coupons/{row['code']}", {"coupon": requests.coupon(row)})
    for position, row in enumerate(rules.rows("shipping_methods.csv")):
        rule = requests.shipping_rule(row, position)
        await caller.put(f"/v1/shippingRules/{row['code']}", {"shippingRule": rule})


def _batches(items: Sequence[requests.Body]) -> Iterable[list[requests.Body]]:
    for start in range(0, len(items), BATCH):
        yield list(items[start : start + BATCH])
