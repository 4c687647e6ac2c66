"""A catalogue of somebody else's, with all its faults, goes in whole."""

import re
from pathlib import Path

import httpx
import pytest

from comptoir_local.catalogue import load
from comptoir_local.demo.api import Caller
from tests.journeys.stage import JOURNEY, a_platform

pytestmark = JOURNEY

ICECAT = Path(__file__).resolve().parents[3] / "shared/data/akeneo-icecat-demo"
# On 193 lines: texts of several lines stand between quotes.
MODELS = 81
# Variants of five models whose codes are written with another case in product_models.csv.
ORPHANS = 18


@pytest.mark.skipif(not ICECAT.is_dir(), reason=f"the icecat catalogue is not at {ICECAT}")
class TestIcecat:
    async def test_all_rows_are_tried_and_every_bad_one_is_named(self) -> None:
        said: list[str] = []
        async with (
            a_platform() as (platform, _),
            httpx.AsyncClient(base_url=platform.surroundings.gateway_url, timeout=30) as http,
        ):
            gateway, pim = platform.surroundings.gateway_url, platform.surroundings.addresses["pim"]
            administrator = platform.surroundings.administrator
            body = {"email": administrator.email, "password": administrator.password}
            token = (await Caller(http).post("/v1/sessions:staff", body))["accessToken"]

            report = await platform.during(load(ICECAT, gateway, pim, token, said.append))

            assert said == ["product data", "channels", "places and stock", "prices and promotions"]
            assert report.tried["products.csv"] == 1239
            assert report.tried["product_models.csv"] == MODELS
            assert report.accepted == sum(report.tried.values()) - ORPHANS
            assert_named(report.errors, ORPHANS, r"column parent: there is no product model \S+;")
            assert_named(report.warnings, 205, r"column \w+: \S.+")
            assert await products_of(Caller(http, token)) == 1239 - ORPHANS
            assert report.priced == 187
            assert report.published == {"ecommerce": 22, "mobile": 26, "print": 333}
            for channel, shown in report.published.items():
                assert shown + report.refused[channel] == 1239 - ORPHANS


def assert_named(remarks: list[str], number: int, fault: str) -> None:
    """Each names a file, a line and what is at fault there; no place is named twice."""
    assert len(set(remarks)) == len(remarks) == number
    for remark in remarks:
        assert re.match(rf"(products|product_models)\.csv line \d+, {fault}", remark), remark


async def products_of(admin: Caller) -> int:
    """The number of products, published or not."""
    number, token = 0, None
    while token != "":
        page = await admin.get("/v1/catalogue/products", pageSize=100, pageToken=token)
        number += len(page["products"])
        token = page["nextPageToken"]
    return number
