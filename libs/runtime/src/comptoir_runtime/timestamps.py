"""Moments as contracts write them, and back; whole microseconds both ways."""

from datetime import UTC, datetime

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from comptoir_runtime.errors import InvalidFields, Violation

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# As which the database driver reads and writes what has no beginning and what has no end: what was
# written as one of them could be read as no moment any more.
_INFINITE = frozenset({datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)})


def timestamp(moment: datetime) -> Timestamp:
    """A tenth of the cost of `Timestamp.FromDatetime`. The moment has a time zone."""
    since = moment - _EPOCH
    seconds = since.days * 86_400 + since.seconds
    return Timestamp(seconds=seconds, nanos=since.microseconds * 1000)


def timestamp_or_none(moment: datetime | None) -> Timestamp | None:
    """As `timestamp`; None stays None, and a field that is given it stays absent."""
    return None if moment is None else timestamp(moment)


def moment_of(stamp: Timestamp) -> datetime:
    """With its time zone, UTC."""
    return stamp.ToDatetime(tzinfo=UTC)


def given_moment(stamp: Timestamp, path: str) -> datetime:
    """The moment a request names at `path`.

    Raises `InvalidFields` for what is no moment: not after the very first one of the year 1, not
    before the very last one of 9999, or with a fraction of a second that is none.
    """
    try:
        moment = moment_of(stamp)
    except ValueError:
        raise _no_moment(path) from None
    if moment in _INFINITE:
        raise _no_moment(path)
    return moment


def asked_moment(message: Message, field: str, path: str = "") -> datetime | None:
    """The moment a request names in a field below `path`, None when it names none.

    Raises `InvalidFields` as `given_moment` does.
    """
    if not message.HasField(field):
        return None
    return given_moment(getattr(message, field), f"{path}.{field}" if path else field)


def _no_moment(path: str) -> InvalidFields:
    return InvalidFields("the request is not valid", violations=[Violation(path, "is no moment")])
