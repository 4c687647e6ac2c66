"""The registry: every metric, attribute and span of the platform, and nowhere else a name of one.

Names are those of OpenTelemetry's semantic conventions where there is one; what only this platform
has begins with `comptoir.`. A lint keeps these texts out of all other files, and dashboards and
alerts may ask for nothing that is not here (`infra/observability`).
"""

from dataclasses import dataclass
from enum import StrEnum

# --- attributes --------------------------------------------------------------------------------

CPU_MODE = "cpu.mode"
DB_CLIENT_CONNECTION_POOL_NAME = "db.client.connection.pool.name"
DB_CLIENT_CONNECTION_STATE = "db.client.connection.state"
ERROR_TYPE = "error.type"
EXCEPTION_STACKTRACE = "exception.stacktrace"
EXCEPTION_TYPE = "exception.type"
HTTP_REQUEST_METHOD = "http.request.method"
HTTP_RESPONSE_STATUS_CODE = "http.response.status_code"
HTTP_ROUTE = "http.route"
MESSAGING_DESTINATION_NAME = "messaging.destination.name"
MESSAGING_SYSTEM = "messaging.system"
RPC_METHOD = "rpc.method"
RPC_RESPONSE_STATUS_CODE = "rpc.response.status_code"
RPC_SYSTEM_NAME = "rpc.system.name"
SERVICE_INSTANCE_ID = "service.instance.id"
SERVICE_NAME = "service.name"
SERVICE_NAMESPACE = "service.namespace"

CACHE = "comptoir.cache"
INVARIANT = "comptoir.invariant"
OUTCOME = "comptoir.outcome"
PROCESS_KIND = "comptoir.process.kind"
PROCESS_STATE = "comptoir.process.state"
PRODUCER = "comptoir.producer"

NAMESPACE = "comptoir"
"""Of every service, so that Prometheus knows `cart` as the job `comptoir/cart`."""


def extra_field(name: str) -> str:
    """Of an extra field of a log line, which is called `name` on the console."""
    return f"{NAMESPACE}.{name}"


# --- spans -------------------------------------------------------------------------------------


def request_span(method: str, route: str) -> str:
    """Of a request over HTTP."""
    return f"{method} {route}"


def call_span(procedure: str) -> str:
    """Of a call over gRPC: package, service and method."""
    return procedure


def processing_span(event_type: str) -> str:
    """Of an event that is taken in."""
    return f"{event_type} process"


# --- metrics -----------------------------------------------------------------------------------


class Kind(StrEnum):
    """How a metric behaves."""

    COUNTER = "counter"
    """Only grows, from zero when the process starts."""
    GAUGE = "gauge"
    """A value of its own at each moment; not to be summed over replicas unless said so."""
    HISTOGRAM = "histogram"
    UP_DOWN_COUNTER = "up_down_counter"
    """A sum that may shrink."""


@dataclass(frozen=True, slots=True)
class Metric:
    """What is measured. `unit` as UCUM writes it: `s`, `By`, `1` for a share, `{things}`."""

    name: str
    kind: Kind
    unit: str
    description: str
    attributes: tuple[str, ...] = ()


HTTP_SERVER_REQUEST_DURATION = Metric(
    "http.server.request.duration",
    Kind.HISTOGRAM,
    "s",
    "How long requests took",
    (HTTP_REQUEST_METHOD, HTTP_ROUTE, HTTP_RESPONSE_STATUS_CODE),
)
RPC_SERVER_CALL_DURATION = Metric(
    "rpc.server.call.duration",
    Kind.HISTOGRAM,
    "s",
    "How long calls took",
    (RPC_METHOD, RPC_RESPONSE_STATUS_CODE),
)
DB_CLIENT_CONNECTION_COUNT = Metric(
    "db.client.connection.count",
    Kind.UP_DOWN_COUNTER,
    "{connection}",
    "Connections to the database, in use and idle",
    (DB_CLIENT_CONNECTION_POOL_NAME, DB_CLIENT_CONNECTION_STATE),
)
DB_CLIENT_CONNECTION_MAX = Metric(
    "db.client.connection.max",
    Kind.UP_DOWN_COUNTER,
    "{connection}",
    "Connections a pool may open",
    (DB_CLIENT_CONNECTION_POOL_NAME,),
)
DB_CLIENT_CONNECTION_PENDING_REQUESTS = Metric(
    "db.client.connection.pending_requests",
    Kind.UP_DOWN_COUNTER,
    "{request}",
    "Who waits for a connection of the pool",
    (DB_CLIENT_CONNECTION_POOL_NAME,),
)
DB_CLIENT_CONNECTION_TIMEOUTS = Metric(
    "db.client.connection.timeouts",
    Kind.COUNTER,
    "{timeout}",
    "Who has waited for a connection in vain",
    (DB_CLIENT_CONNECTION_POOL_NAME,),
)
MESSAGING_CLIENT_SENT_MESSAGES = Metric(
    "messaging.client.sent.messages",
    Kind.COUNTER,
    "{message}",
    "Events stored by a stream, repeated ones included",
    (MESSAGING_DESTINATION_NAME,),
)
MESSAGING_CLIENT_CONSUMED_MESSAGES = Metric(
    "messaging.client.consumed.messages",
    Kind.COUNTER,
    "{message}",
    "Events delivered by a stream, repeated ones included",
    (MESSAGING_DESTINATION_NAME,),
)
PROCESS_CPU_TIME = Metric("process.cpu.time", Kind.COUNTER, "s", "Time on a processor", (CPU_MODE,))
PROCESS_MEMORY_USAGE = Metric("process.memory.usage", Kind.UP_DOWN_COUNTER, "By", "Resident memory")

AUDIT_DIFFERENCES = Metric(
    "comptoir.audit.differences",
    Kind.GAUGE,
    "{difference}",
    "Differences the last full audit and those after it have found",
    (INVARIANT,),
)
AUDIT_COMPLETED = Metric(
    "comptoir.audit.completed", Kind.GAUGE, "s", "When the last audit ended, in Unix time"
)
CACHE_LOOKUPS = Metric(
    "comptoir.cache.lookups", Kind.COUNTER, "{lookup}", "Lookups in a cache", (CACHE, OUTCOME)
)
CONSUMER_LAG = Metric(
    "comptoir.consumer.lag",
    Kind.GAUGE,
    "{message}",
    "Events of a stream not yet delivered to this service; the same from each replica",
    (MESSAGING_DESTINATION_NAME,),
)
CONSUMER_REDELIVERIES = Metric(
    "comptoir.consumer.redeliveries",
    Kind.COUNTER,
    "{message}",
    "Events delivered once more: they failed, or their answer was lost",
    (MESSAGING_DESTINATION_NAME,),
)
CONSUMER_UNACKNOWLEDGED = Metric(
    "comptoir.consumer.unacknowledged",
    Kind.GAUGE,
    "{message}",
    "Events delivered and not yet answered; the same from each replica",
    (MESSAGING_DESTINATION_NAME,),
)
DEAD_LETTERS = Metric(
    "comptoir.dead_letters",
    Kind.GAUGE,
    "{event}",
    "Events in quarantine; the same from each replica",
    (PRODUCER,),
)
EVENT_LOOP_LAG = Metric(
    "comptoir.event_loop.lag", Kind.GAUGE, "s", "How much later than asked for the process woke up"
)
OUTBOX_AGE = Metric(
    "comptoir.outbox.age",
    Kind.GAUGE,
    "s",
    "Age of the oldest event that waits to be published; the same from each replica",
)
OUTBOX_DEPTH = Metric(
    "comptoir.outbox.depth",
    Kind.GAUGE,
    "{event}",
    "Events that wait to be published, at most 100,000; the same from each replica",
)
PROCESS_AGE = Metric(
    "comptoir.process.age",
    Kind.GAUGE,
    "s",
    "Age of the oldest process that is not at its end; the same from each replica",
    (PROCESS_KIND, PROCESS_STATE),
)
PROCESS_OPEN = Metric(
    "comptoir.process.open",
    Kind.GAUGE,
    "{process}",
    "Durable processes that are not at their end; the same from each replica",
    (PROCESS_KIND, PROCESS_STATE),
)
PROCESS_OVERDUE = Metric(
    "comptoir.process.overdue",
    Kind.COUNTER,
    "{try}",
    "Tries in vain of a process past its deadline",
    (PROCESS_KIND,),
)
PROCESS_STEPS = Metric(
    "comptoir.process.steps",
    Kind.COUNTER,
    "{step}",
    "Answers that brought a process to a state",
    (PROCESS_KIND, PROCESS_STATE),
)
REFUSALS = Metric(
    "comptoir.refusals",
    Kind.COUNTER,
    "{refusal}",
    "Calls refused, by the name of the refusal",
    (RPC_METHOD, ERROR_TYPE),
)
RELAY_LEADING = Metric(
    "comptoir.relay.leading",
    Kind.UP_DOWN_COUNTER,
    "{process}",
    "Whether this process publishes the outbox: 1 over all replicas of a service",
)
STREAM_USAGE = Metric(
    "comptoir.stream.usage",
    Kind.GAUGE,
    "1",
    "Share of its room that a stream has used, as its leader saw it last",
    (MESSAGING_DESTINATION_NAME,),
)
STREAMS_OPEN = Metric(
    "comptoir.streams.open",
    Kind.UP_DOWN_COUNTER,
    "{stream}",
    "Answers that stay open to tell what happens",
)

METRICS: tuple[Metric, ...] = tuple(
    value for value in list(vars().values()) if isinstance(value, Metric)
)
