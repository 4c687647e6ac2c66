"""The contracts of Comptoir.

The messages themselves are imported as `comptoir.<service>.v1.<file>_pb2`;
this package holds what is made from all protos together.
"""

from importlib.resources import files


def descriptor_set() -> bytes:
    """All protos with their imports and comments, as a serialised FileDescriptorSet.

    Files come in dependency order. Enough to build routes, documentation and
    message classes at run time.
    """
    return files(__name__).joinpath("descriptors.binpb").read_bytes()
