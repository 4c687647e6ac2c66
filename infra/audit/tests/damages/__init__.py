"""What can go wrong, one thing at a time, and exactly what the auditor must say of it.

Each names an invariant, breaks the healthy world behind the back of its guards, and lists every
finding that follows: the invariant meant, and others where the same damage breaks them too.
"""

from infra.audit.tests.damages.damage import Damage as Damage
from infra.audit.tests.damages.events import EVENTS
from infra.audit.tests.damages.identity import IDENTITY
from infra.audit.tests.damages.money import MONEY
from infra.audit.tests.damages.orders import ORDERS
from infra.audit.tests.damages.promotions import PROMOTIONS
from infra.audit.tests.damages.stock import STOCK

DAMAGES = (*MONEY, *STOCK, *ORDERS, *PROMOTIONS, *IDENTITY, *EVENTS)
