"""Compositions: several services in one answer, one fan-out deep, without rules of their own."""

from comptoir_gateway.backends import Backends
from comptoir_gateway.cache import News, StockBook
from comptoir_gateway.transcode import Codecs
from comptoir_gateway.views.catalogue_page import CataloguePage
from comptoir_gateway.views.checkout_page import CheckoutPage
from comptoir_gateway.views.page import KeptPages
from comptoir_gateway.views.parts import Parts
from comptoir_gateway.views.platform import Platform
from comptoir_gateway.views.product_page import ProductPage
from comptoir_gateway.web import Router

__all__ = ["Platform", "add_pages"]


def add_pages(
    router: Router, backends: Backends, codecs: Codecs, news: News, book: StockBook
) -> None:
    """Serves the pages."""
    parts = Parts(backends, codecs, news, book)
    kept = KeptPages(news)
    router.add("GET", "/v1/pages/products/{product}", ProductPage(parts, kept))
    router.add("GET", "/v1/pages/catalogue", CataloguePage(parts, kept))
    router.add("GET", "/v1/pages/checkout/{cart}", CheckoutPage(backends, codecs, parts))
