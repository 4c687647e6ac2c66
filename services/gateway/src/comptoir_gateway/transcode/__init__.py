"""HTTP/JSON to gRPC and back, by the contracts alone: no code here knows a procedure."""

from comptoir_gateway.transcode.calls import add_routes, metadata_of
from comptoir_gateway.transcode.codec import Codec, Codecs
from comptoir_gateway.transcode.contracts import Operation, operations

__all__ = ["Codec", "Codecs", "Operation", "add_routes", "metadata_of", "operations"]
