"""Whether the service of this container is ready: exit code 0, or 1 when it is not.

`python -m comptoir_runtime.probe` asks the address in `LISTEN`: by gRPC health, or with GET of the
path it is given.
"""

import os
import sys
import urllib.error
import urllib.request

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

_CHECK = "/grpc.health.v1.Health/Check"
_SECONDS = 2.0


def serves(address: str) -> bool:
    """Whether the gRPC service at host:port says that it is ready."""
    with grpc.insecure_channel(address) as channel:
        check = channel.unary_unary(
            _CHECK,
            request_serializer=HealthCheckRequest.SerializeToString,
            response_deserializer=HealthCheckResponse.FromString,
        )
        try:
            answer: HealthCheckResponse = check(HealthCheckRequest(), timeout=_SECONDS)
        except grpc.RpcError:
            return False
    return bool(answer.status == HealthCheckResponse.SERVING)


def answers(address: str, path: str) -> bool:
    """Whether GET of the path at host:port answers with a status below 300."""
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=_SECONDS) as response:
            return bool(response.status < 300)
    except (OSError, urllib.error.URLError):
        return False


def main(arguments: list[str]) -> int:
    """Asks by gRPC, or by HTTP when a path is given."""
    port = os.environ["LISTEN"].rpartition(":")[2]
    address = f"127.0.0.1:{port}"
    ready = answers(address, arguments[0]) if arguments else serves(address)
    return 0 if ready else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
