"""The HTTP edge: the server, what passes through it, and who answers what."""

from comptoir_gateway.web.exchange import ClientGone, Handler, HeaderList, Request, Response
from comptoir_gateway.web.router import Router

__all__ = ["ClientGone", "Handler", "HeaderList", "Request", "Response", "Router"]
