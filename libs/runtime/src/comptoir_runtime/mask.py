"""Field masks of update requests."""

from collections.abc import Set as AbstractSet

from google.protobuf.field_mask_pb2 import FieldMask

from comptoir_runtime.errors import InvalidFields, Violation


def apply(mask: FieldMask, allowed: AbstractSet[str]) -> set[str]:
    """The fields to change: those of the mask, or all `allowed` when it is empty or `*`.

    Raises `InvalidFields`, naming each path that may not be changed.
    """
    paths = set(mask.paths)
    if not paths or paths == {"*"}:
        return set(allowed)
    unknown = sorted(paths - allowed)
    if unknown:
        raise InvalidFields(
            "the update mask names fields that cannot be changed",
            violations=[
                Violation("update_mask", f"{path} is not a field that can be changed")
                for path in unknown
            ],
        )
    return paths
