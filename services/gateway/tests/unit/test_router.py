from collections.abc import Mapping

import pytest

from comptoir_gateway.problems import Problem
from comptoir_gateway.web import Request, Response, Router
from comptoir_gateway.web.router import AmbiguousRoute


async def handler(request: Request, path: Mapping[str, str]) -> Response:
    return Response()


@pytest.fixture
def router() -> Router:
    made = Router()
    for method, template in (
        ("GET", "/v1/carts"),
        ("POST", "/v1/carts"),
        ("GET", "/v1/carts/{cart}"),
        ("GET", "/v1/carts/{cart}:watch"),
        ("PATCH", "/v1/carts/{cart}/lines/{line}"),
        ("POST", "/v1/sessions"),
        ("POST", "/v1/sessions:anonymous"),
        ("DELETE", "/v1/sessions/current"),
        ("GET", "/v1/products/{product}"),
        ("POST", "/v1/products:import"),
        ("PUT", "/v1/priceLists/{price_list.code}"),
    ):
        made.add(method, template, handler)
    return made


class TestFinding:
    @pytest.mark.parametrize(
        ("method", "path", "template", "values"),
        [
            ("GET", "/v1/carts", "/v1/carts", {}),
            ("GET", "/v1/carts/crt_1", "/v1/carts/{cart}", {"cart": "crt_1"}),
            ("GET", "/v1/carts/crt_1:watch", "/v1/carts/{cart}:watch", {"cart": "crt_1"}),
            ("GET", "/v1/carts/a:b:watch", "/v1/carts/{cart}:watch", {"cart": "a:b"}),
            ("GET", "/v1/carts/a:other", "/v1/carts/{cart}", {"cart": "a:other"}),
            ("GET", "/v1/carts/a%3Awatch", "/v1/carts/{cart}", {"cart": "a:watch"}),
            ("GET", "/v1/products/a%2Fb", "/v1/products/{product}", {"product": "a/b"}),
            ("GET", "/v1/products/..", "/v1/products/{product}", {"product": ".."}),
            ("GET", "/v1/products/%C3%A9", "/v1/products/{product}", {"product": "é"}),
            ("HEAD", "/v1/carts", "/v1/carts", {}),
            ("POST", "/v1/sessions:anonymous", "/v1/sessions:anonymous", {}),
            (
                "PATCH",
                "/v1/carts/c/lines/l",
                "/v1/carts/{cart}/lines/{line}",
                {"cart": "c", "line": "l"},
            ),
            (
                "PUT",
                "/v1/priceLists/base",
                "/v1/priceLists/{price_list.code}",
                {"price_list.code": "base"},
            ),
        ],
    )
    def test_a_path_finds_its_template_and_its_values(
        self, router: Router, method: str, path: str, template: str, values: dict[str, str]
    ) -> None:
        route, found = router.find(method, path)
        assert (route.template, found) == (template, values)

    @pytest.mark.parametrize(
        "path",
        ["/", "", "/v1", "/v1/carts/", "/v1/carts//lines/x", "/v1/nothing", "/v2/carts", "//"],
    )
    def test_an_unknown_path_is_not_found(self, router: Router, path: str) -> None:
        with pytest.raises(Problem) as refused:
            router.find("GET", path)
        assert (refused.value.status, refused.value.reason) == (404, "ROUTE_NOT_FOUND")

    def test_a_known_path_tells_which_methods_it_serves(self, router: Router) -> None:
        with pytest.raises(Problem) as refused:
            router.find("DELETE", "/v1/carts")
        assert refused.value.status == 405
        assert dict(refused.value.headers) == {b"allow": b"GET, HEAD, OPTIONS, POST"}

    def test_a_path_that_is_not_utf8_is_refused(self, router: Router) -> None:
        with pytest.raises(Problem) as refused:
            router.find("GET", "/v1/products/%FF")
        assert (refused.value.status, refused.value.reason) == (400, "MALFORMED_PATH")

    def test_two_handlers_for_one_route_are_a_mistake(self, router: Router) -> None:
        with pytest.raises(AmbiguousRoute):
            router.add("GET", "/v1/carts/{other}", handler)
