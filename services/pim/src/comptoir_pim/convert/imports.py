"""Imports."""

from comptoir.pim.v1 import pim_service_pb2, structure_pb2
from comptoir_pim.domain.import_files import Piece
from comptoir_pim.events import import_message
from comptoir_pim.store.imports import Import, RowError

_SHOWN = 200


def import_summary(each: Import) -> structure_pb2.Import:
    """An import as far as it is."""
    return import_message(each)


def import_error(each: RowError) -> structure_pb2.ImportError:
    """What is wrong with a row."""
    return structure_pb2.ImportError(
        file=each.file,
        line=each.line,
        column=each.column,
        value=each.value[:_SHOWN],
        reason=each.reason,
        severity=structure_pb2.ImportError.Severity.ValueType(each.severity),
    )


def import_piece(
    message: pim_service_pb2.ImportFile | pim_service_pb2.UploadImportRequest,
) -> Piece:
    """The next bytes of a file."""
    return Piece(message.name, message.content)
