"""The bugs. When a line they are planted in changes, they change with it."""

from tests.mutations.mutant import Mutant
from tests.mutations.payments import PAYMENTS
from tests.mutations.security import SECURITY
from tests.mutations.stock import STOCK
from tests.mutations.stopping import STOPPING

_RUNTIME = "libs/runtime/src/comptoir_runtime"
_RUNTIME_TESTS = "libs/runtime/tests/integration"
_ORDERS = "services/orders/src/comptoir_orders"
_ORDERS_TESTS = "services/orders/tests/integration"
_ORDERS_MODEL = "services/orders/tests/unit/test_model.py -k breaks_an_invariant"
_CART = "services/cart/src/comptoir_cart"
_CART_TESTS = "services/cart/tests/integration"

EVENTS = (
    Mutant(
        "the inbox is not asked whether an event is new",
        f"{_RUNTIME}/inbox.py",
        'new = {row["id"] for row in rows if row["is_new"]}',
        "new = {event.id for event in events}",
        f"{_RUNTIME_TESTS}/test_consumer.py -k delivered_again_has_no_second_effect",
    ),
    Mutant(
        "events are acknowledged before their effect is committed",
        f"{_RUNTIME}/consumer.py",
        """        await self._commit(entries)
        for entry in entries:
            await self._answer(entry.message, b"+ACK")
""",
        """        for entry in entries:
            await self._answer(entry.message, b"+ACK")
        await self._commit(entries)
""",
        f"{_RUNTIME_TESTS}/test_consumer.py -k one_transaction",
    ),
    Mutant(
        "the outbox is written after the commit",
        f"{_RUNTIME}/database/transactions.py",
        "            flush.hold(self._session, link)\n            await link.commit()\n",
        "            await link.commit()\n            link.begin()\n"
        "            flush.hold(self._session, link)\n            await link.commit()\n",
        f"{_RUNTIME_TESTS}/test_transactions.py -k cannot_be_written_down",
    ),
    Mutant(
        "the outbox is published in the wrong order",
        f"{_RUNTIME}/outbox/statements.py",
        """WHERE published_at IS NULL
ORDER BY position
""",
        """WHERE published_at IS NULL
ORDER BY position DESC
""",
        f"{_RUNTIME_TESTS}/test_consumer.py -k each_once_and_in_order",
    ),
    Mutant(
        "what a stream lost at its end is not noticed",
        f"{_RUNTIME}/outbox/recovery.py",
        "if last > state.last_sequence:",
        "if last < 0:",
        f"{_RUNTIME_TESTS}/test_relay.py -k lost_at_its_end",
    ),
    Mutant(
        "another stream of the same name is taken for the old one",
        f"{_RUNTIME}/outbox/recovery.py",
        "if known is not None and (state is None or state.created != known):",
        "if known is not None and state is None and known == '':",
        f"{_RUNTIME_TESTS}/test_relay.py -k after_a_stream_was_deleted",
    ),
    Mutant(
        "what was published and not marked is published once more",
        f"{_RUNTIME}/outbox/recovery.py",
        "elif last < state.last_sequence:",
        "elif last < 0:",
        f"{_RUNTIME_TESTS}/test_publishing.py -k acknowledgements_are_lost",
    ),
    Mutant(
        "a leader that was overtaken while it slept is not refused",
        f"{_RUNTIME}/bus/publisher.py",
        "yield {_AFTER: str(chain.after)}",
        "yield {}",
        f"{_RUNTIME_TESTS}/test_publishing.py -k was_asleep",
    ),
    Mutant(
        "what follows a refused message is stored all the same",
        f"{_RUNTIME}/bus/publisher.py",
        "yield {_BEHIND: message.id}",
        "yield {}",
        f"{_RUNTIME_TESTS}/test_publishing.py -k stored_twice",
    ),
    Mutant(
        "an event that ends the process is not written down before it is tried",
        f"{_RUNTIME}/consumer.py",
        "await self._transactions.run(partial(self.inbox.begin_trial, event=entry.event))",
        "pass",
        f"{_RUNTIME_TESTS}/test_poison.py",
    ),
    Mutant(
        "an older copy of the database gives numbers a second time",
        f"{_RUNTIME}/outbox/recovery.py",
        "await place.connection.execute(statements.ADOPT, *_adopted(unknown))",
        "pass",
        f"{_RUNTIME_TESTS}/test_history.py -k one_history",
    ),
    Mutant(
        "holes in a stream of facts are not looked for",
        f"{_RUNTIME}/outbox/audit.py",
        "if state.holes and (",
        "if state.holes < 0 and (",
        f"{_RUNTIME_TESTS}/test_repair.py -k before_anybody_asks",
    ),
    Mutant(
        "states that a stream has lost are not looked for",
        f"{_RUNTIME}/outbox/audit.py",
        "if state.subjects == ours or",
        "if state.subjects <= ours or",
        f"{_RUNTIME_TESTS}/test_repair.py -k states_lost_anywhere",
    ),
    Mutant(
        "a hole in the middle of a stream is stepped over",
        f"{_RUNTIME}/inbox.py",
        'if reached is not None and row["previous_seq"] > reached:',
        'if reached is not None and row["previous_seq"] < 0:',
        f"{_RUNTIME_TESTS}/test_gaps.py",
    ),
    Mutant(
        "nobody asks for what was acknowledged and forgotten",
        f"{_RUNTIME}/forgotten.py",
        "await self._ask(idle=idle)",
        "pass",
        f"{_RUNTIME_TESTS}/test_forgetting.py -k forgotten_comes_again",
    ),
    Mutant(
        "what was acknowledged and forgotten is asked for in a pause only",
        f"{_RUNTIME}/forgotten.py",
        "if self._later is not None and floor >= self._later[0]:",
        "if self._later is not None and floor < 0:",
        f"{_RUNTIME_TESTS}/test_forgetting.py -k never_pause",
    ),
    Mutant(
        "a question that nobody hears counts as answered",
        f"{_RUNTIME}/forgotten.py",
        "        if not self._questions:\n            self._be_sure()\n        for",
        "        self._be_sure()\n        for",
        f"{_RUNTIME_TESTS}/test_forgetting.py -k until_somebody_answers",
    ),
    Mutant(
        "the first fact of its type may be lost",
        f"{_RUNTIME}/inbox.py",
        "if unseen and told:",
        "if unseen and told < 0:",
        f"{_RUNTIME_TESTS}/test_gaps.py -k first_fact_of_its_type",
    ),
    Mutant(
        "after a fail-over the newest state counts as the last that is known",
        f"{_RUNTIME}/forgotten.py",
        "known = await self._inbox.known_up_to(session, self._names)",
        "known = await self._inbox.newest(session, self._names)",
        f"{_RUNTIME_TESTS}/test_forgetting.py -k although_later_ones",
    ),
    Mutant(
        "a connection that ended is no reason to doubt what is known",
        f"{_RUNTIME}/database/pool.py",
        "return self._breaks + sum(each.is_closed() for each in self._idle)",
        "return self._breaks",
        f"{_RUNTIME_TESTS}/test_forgetting.py -k quiet_hour",
    ),
    Mutant(
        "a poisonous event is acknowledged without a dead letter",
        f"{_RUNTIME}/consumer.py",
        "aside = await self._transactions.run(put_aside)",
        "aside = True",
        f"{_RUNTIME_TESTS}/test_consumer.py -k cannot_be_read_is_put_aside",
    ),
    Mutant(
        "a request id with another body gets the first answer",
        f"{_RUNTIME}/idempotency.py",
        "    if request_hash == key.request_hash:\n",
        "    if request_hash:\n",
        f"{_RUNTIME_TESTS}/rpc/test_idempotency.py -k another_body",
    ),
    Mutant(
        "the answer to a request id is kept in a transaction of its own",
        f"{_RUNTIME}/rpc/once.py",
        "        return answer\n\n    try:\n        return await transactions.run(keyed), False\n",
        "        kept.append(session.answer)\n"
        "        session.answer = None\n"
        "        return answer\n\n    kept: list = []\n    try:\n"
        "        done = await transactions.run(keyed)\n"
        "        async with transactions() as other:\n"
        "            other.answer = kept[-1]\n"
        "        return done, False\n",
        f"{_RUNTIME_TESTS}/rpc/test_idempotency.py",
    ),
    Mutant(
        "nobody asks whether a caller may",
        f"{_RUNTIME}/rpc/pipeline.py",
        "        procedure.rule.check(principal)\n",
        "",
        f"{_RUNTIME_TESTS}/rpc/test_pipeline.py -k Authorisation",
    ),
    Mutant(
        "an exported line forgets its trace",
        f"{_RUNTIME}/telemetry/opentelemetry.py",
        "        parent = current_traceparent()\n        self._provider",
        "        parent = None\n        self._provider",
        "libs/runtime/tests/unit/test_telemetry.py -k bears_the_callers_trace",
    ),
)

CART = (
    Mutant(
        "the price that was shown is not compared",
        f"{_CART}/domain/checkouts.py",
        "    if priced.fingerprint != shown:\n",
        "    if not shown:\n",
        f"{_CART_TESTS}/test_checkouts.py -k another_price",
    ),
    Mutant(
        "the version of the cart is ignored",
        f"{_CART}/operations/checkouts.py",
        "        etag.check(version, cart.version)\n",
        "        pass\n",
        f"{_CART_TESTS}/test_checkouts.py -k another_version",
    ),
    Mutant(
        "the limit of a coupon is not in the statement that counts",
        f"{_CART}/store/coupons.py",
        "  WHERE code = $1 AND (usage_limit = 0 OR used_count < usage_limit)\n",
        "  WHERE code = $1\n",
        f"{_CART_TESTS}/test_checkouts.py -k last_use",
    ),
    Mutant(
        "a coupon is not given back when its cart is opened again",
        f"{_CART}/operations/checkouts.py",
        "        await coupons.release_uses(session, checkout_id)\n",
        "",
        f"{_CART_TESTS}/test_checkouts.py -k given_back_once",
    ),
    Mutant(
        "anybody may buy the cart of another",
        f"{_CART}/operations/checkouts.py",
        "    if buyer and buyer != cart.owner:\n",
        "    if buyer and not cart.owner:\n",
        f"{_CART_TESTS}/test_checkouts.py -k only_the_owner",
    ),
)

ORDERS = (
    Mutant(
        "stock is not given back when a placement fails",
        f"{_ORDERS}/operations/undoing.py",
        '                await self._stock.release(f"{run.saved.id}/release", reservation)\n',
        "                pass\n",
        f"{_ORDERS_TESTS}/test_refusals.py -k decline_undoes",
    ),
    Mutant(
        "an order is written on stock that is only held",
        f"{_ORDERS}/operations/placing.py",
        "            await patiently(lambda: self._stock.keep(run.data.reservation))\n",
        "            await patiently(self._stock.places)\n",
        f"{_ORDERS_TESTS}/test_refusals.py -k kept_before_the_order",
    ),
    Mutant(
        "what is to be kept is not written before it is kept",
        f"{_ORDERS}/domain/placement.py",
        "BEFORE_ASKING = frozenset({State.SOURCED, State.AUTHORISED})",
        "BEFORE_ASKING = frozenset({State.SOURCED})",
        _ORDERS_MODEL,
    ),
    Mutant(
        "a successor takes a refused lock for the end",
        f"{_ORDERS}/operations/placing.py",
        "asked == 1 and run.saved.version == 1 and",
        "asked == 1 and",
        _ORDERS_MODEL,
    ),
    Mutant(
        "a lock that was asked for twice and refused is taken for the end",
        f"{_ORDERS}/operations/placing.py",
        "asked == 1 and run.saved.version == 1 and",
        "run.saved.version == 1 and",
        _ORDERS_MODEL,
    ),
    Mutant(
        "a reservation whose answer was lost is not looked for",
        f"{_ORDERS}/operations/undoing.py",
        "run.data.reservation or await self._held(run)",
        "run.data.reservation",
        _ORDERS_MODEL,
    ),
    Mutant(
        "old news of a payment count as the newest",
        f"{_ORDERS}/store/orders.py",
        "coalesce((reviewed ->> $2)::bigint, 0) < $5)",
        "reviewed IS NOT NULL)",
        f"{_ORDERS_TESTS}/test_reviews.py -k older_than",
    ),
    Mutant(
        "a copy of a refused request may lock the cart after the end",
        f"{_ORDERS}/operations/placing.py",
        " and failure.reason != _HELD",
        "",
        f"{_ORDERS_TESTS}/test_refusals.py -k copy_that_comes_later",
    ),
    Mutant(
        "money is forgotten when the hold on the stock is over",
        f"{_ORDERS}/domain/placement.py",
        """        # The stock may have been given to others by now.
        Outcome.LATE: State.VOIDING,
""",
        """        # The stock may have been given to others by now.
        Outcome.LATE: State.RELEASING,
""",
        f"{_ORDERS_TESTS}/test_waiting.py -k hold_on_the_stock_is_over",
    ),
    Mutant(
        "a successor that hears nothing from the stock does not look for money",
        f"{_ORDERS}/domain/placement.py",
        """        # A predecessor that was killed may have asked for money.
        Outcome.LOST: State.VOIDING,
""",
        """        # A predecessor that was killed may have asked for money.
        Outcome.LOST: State.RELEASING,
""",
        f"{_ORDERS_TESTS}/test_crashes.py -k silent_afterwards",
    ),
    Mutant(
        "the amount that the provider keeps is not compared",
        f"{_ORDERS}/operations/paying.py",
        "    kept = (payment.authorised, payment.currency) == (tender.amount, run.data.currency)\n",
        "    kept = bool(payment.currency)\n",
        f"{_ORDERS_TESTS}/test_refusals.py -k another_amount",
    ),
    Mutant(
        "a driver that was overtaken may still write",
        f"{_ORDERS}/store/processes.py",
        "ELSE serial END\nWHERE id = $1 AND version = $2 AND state = $3",
        "ELSE serial END\nWHERE id = $1",
        f"{_ORDERS_TESTS}/test_processes.py -k overtaken",
    ),
    Mutant(
        "a lease never ends",
        f"{_ORDERS}/store/processes.py",
        "  WHERE next_run_at <= $3 AND (lease_until IS NULL OR lease_until <= $3)\n",
        "  WHERE next_run_at <= $3 AND lease_until IS NULL\n",
        f"{_ORDERS_TESTS}/test_processes.py -k TestLease",
    ),
    Mutant(
        "what leaves is captured under a new key each time it is tried",
        f"{_ORDERS}/operations/collecting.py",
        "                process.request_id, data.payment,",
        '                f"{process.request_id}/{process.version}", data.payment,',
        f"{_ORDERS_TESTS}/test_fulfilling.py -k until_payments_answer",
    ),
    Mutant(
        "what was taken is not compared with what was agreed",
        f"{_ORDERS}/operations/collecting.py",
        "            if not data.agrees(taken.authorised, taken.captured, taken.currency):\n",
        "            if not data.currency:\n",
        f"{_ORDERS_TESTS}/test_capture_amounts.py -k not_agreed",
    ),
    Mutant(
        "the first parcel pays for all that is still to leave",
        f"{_ORDERS}/operations/collecting.py",
        "amount_left(before), gone.amount, after.currency)",
        "amount_left(before), after.content.totals.total, after.currency)",
        f"{_ORDERS_TESTS}/test_fulfilling.py -k what_a_parcel_costs",
    ),
    Mutant(
        "money that turns up after the end is kept",
        f"{_ORDERS}/operations/news.py",
        "wake) in (State.FAILED, State.CANCELLED):",
        "wake) in (State.PLACED,):",
        f"{_ORDERS_TESTS}/test_waiting.py -k after_the_end",
    ),
    Mutant(
        "a part that was taken of what is given up is kept",
        f"{_ORDERS}/operations/giving_back.py",
        "    if stands.left_to_refund > 0:\n",
        "    if stands.left_to_refund == stands.authorised > 1000:\n",
        f"{_ORDERS_TESTS}/test_tenders.py -k taken_while",
    ),
    Mutant(
        "anybody sees the order of another",
        f"{_ORDERS}/operations/access.py",
        "    raise absent\n",
        "    return\n",
        f"{_ORDERS_TESTS}/test_reading.py -k stranger",
    ),
)

MUTANTS = (*EVENTS, *STOCK, *CART, *ORDERS, *PAYMENTS, *SECURITY, *STOPPING)
