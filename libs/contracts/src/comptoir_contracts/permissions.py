"""The permissions the contracts name."""

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from comptoir.options.v1 import access_pb2
from comptoir_contracts import descriptor_set


def every_permission() -> frozenset[str]:
    """Every permission that lets somebody call some procedure of the platform."""
    return frozenset(
        permission
        for file in FileDescriptorSet.FromString(descriptor_set()).file
        for service in file.service
        for method in service.method
        for permission in method.options.Extensions[access_pb2.access].permissions
    )
