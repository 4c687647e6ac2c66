"""What the platform says of itself: health, readiness, keys, and notices from providers."""

from collections.abc import Mapping

import orjson

from comptoir.customers.v1 import customers_service_pb2
from comptoir.payments.v1 import payments_service_pb2
from comptoir_gateway.backends import Backends
from comptoir_gateway.problems import Problem, from_failure
from comptoir_gateway.transcode.binding import parsed_query
from comptoir_gateway.web import Request, Response, Router
from comptoir_runtime.errors import Failure

NOTICE_LIMIT = 256 * 1024
_NO_STORE = (b"cache-control", b"no-store")
_MINUTE = (b"cache-control", b"public, max-age=60")
# A provider proves itself by its signature; nothing of a caller's identity is passed on.
_NOT_PASSED_ON = frozenset({"authorization", "cookie"})


class Platform:
    """The routes that no contract declares."""

    def __init__(self, backends: Backends) -> None:
        self._backends = backends
        self._jwks = backends.procedure("customers", "GetJwks")
        self._webhook = backends.procedure("payments", "HandleWebhook", read=False)
        self._draining = False

    def drain(self) -> None:
        """From here on not ready: load balancers look elsewhere."""
        self._draining = True

    def add_routes(self, router: Router) -> None:
        router.add("GET", "/healthz", self.alive, probe=True)
        router.add("GET", "/readyz", self.ready, probe=True)
        router.add("GET", "/.well-known/jwks.json", self.jwks)
        router.add("POST", "/v1/webhooks/payments/{provider}", self.notice)

    async def alive(self, _request: Request, _path: Mapping[str, str]) -> Response:
        """200 for as long as this process answers at all."""
        return Response.json(b'{"status":"ok"}', _NO_STORE)

    async def ready(self, request: Request, _path: Mapping[str, str]) -> Response:
        """200 when requests can be sent here, 503 otherwise: no service is ready, or it drains.

        Without one of them its own routes fail, all others work: were that not ready, each gateway
        would be taken out for the one service that is away. `?require=all` wants all of them.
        """
        wanted = dict(parsed_query(request.query)).get("require", "any")
        services = await self._backends.health()
        serving = [state == "SERVING" for state in services.values()]
        enough = all(serving) if wanted == "all" else any(serving)
        ready = enough and not self._draining
        status = "not ready" if not ready else "ready" if all(serving) else "degraded"
        body = orjson.dumps({"status": status, "services": services})
        return Response.json(body, _NO_STORE, status=200 if ready else 503)

    async def jwks(self, _request: Request, _path: Mapping[str, str]) -> Response:
        """The keys that verify access tokens (RFC 7517)."""
        request = customers_service_pb2.GetJwksRequest()
        try:
            payload = await self._jwks(request.SerializeToString())
        except Failure as failure:
            raise from_failure(failure) from None
        answer = customers_service_pb2.GetJwksResponse.FromString(payload)
        kind = (b"content-type", b"application/jwk-set+json")
        return Response(200, answer.jwks.encode(), [kind, _MINUTE])

    async def notice(self, request: Request, path: Mapping[str, str]) -> Response:
        """A provider's notice, passed on as it came: its signature covers every byte."""
        body = await request.body(NOTICE_LIMIT)
        passed_on = {
            name: value for name, value in request.headers.items() if name not in _NOT_PASSED_ON
        }
        try:
            message = payments_service_pb2.HandleWebhookRequest(
                provider=path["provider"], body=body, headers=passed_on
            )
        except ValueError:
            raise Problem(400, "MALFORMED_REQUEST", "a header cannot be passed on") from None
        try:
            payload = await self._webhook(
                message.SerializeToString(), [("x-request-id", request.id)]
            )
        except Failure as failure:
            raise from_failure(failure) from None
        answer = payments_service_pb2.HandleWebhookResponse.FromString(payload)
        return Response.json(orjson.dumps({"new": answer.new}), _NO_STORE)
