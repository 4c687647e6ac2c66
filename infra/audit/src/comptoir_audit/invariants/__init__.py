"""All invariants that data can show, by what they are about."""

from comptoir_audit.invariant import Invariant
from comptoir_audit.invariants.changes import VIEWS as VIEWS
from comptoir_audit.invariants.events import EVENTS
from comptoir_audit.invariants.identity import IDENTITY
from comptoir_audit.invariants.money import MONEY
from comptoir_audit.invariants.orders import ORDER
from comptoir_audit.invariants.promotions import PROMOTIONS
from comptoir_audit.invariants.provider import JOURNAL
from comptoir_audit.invariants.stock import STOCK

ALL: tuple[Invariant, ...] = (*MONEY, *JOURNAL, *STOCK, *ORDER, *PROMOTIONS, *IDENTITY, *EVENTS)
