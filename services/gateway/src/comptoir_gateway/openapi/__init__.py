"""The documentation of the public interface, made from the contracts and served by the gateway."""

from comptoir_gateway.openapi.site import Site

__all__ = ["Site"]
