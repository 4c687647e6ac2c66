"""Bugs in money that is taken. When a line they are planted in changes, they change with it."""

from tests.mutations.mutant import Mutant

_PAYMENTS = "services/payments/src/comptoir_payments"
_PAYMENTS_TESTS = "services/payments/tests"

PAYMENTS = (
    Mutant(
        "a means is asked for on any channel",
        f"{_PAYMENTS}/domain/methods.py",
        '            "channel": not channel or kind_of(channel) in self.channels,\n',
        '            "channel": True,\n',
        f"{_PAYMENTS_TESTS}/unit/test_methods.py -k can_be_authorised",
    ),
    Mutant(
        "one dispute explains two lines",
        f"{_PAYMENTS}/store/statements.py",
        "  AND (moved.kind, moved.amount, moved.currency, moved.place)\n"
        "    = (told.kind, told.amount, told.currency, told.place)\n",
        "  AND (moved.kind, moved.amount, moved.currency)\n"
        "    = (told.kind, told.amount, told.currency)\n",
        f"{_PAYMENTS_TESTS}/integration/test_statements_aftermath.py -k not_one_more",
    ),
    Mutant(
        "two reports that tell of the same are taken in beside each other",
        f"{_PAYMENTS}/store/statements.py",
        "    await session.execute(_ONE_AT_A_TIME, statement.provider)\n",
        "",
        f"{_PAYMENTS_TESTS}/integration/test_statements.py -k two_reports_at_once",
    ),
    Mutant(
        "a line of another amount is not compared again",
        f"{_PAYMENTS}/store/statements.py",
        "agrees = line.amount = operation.amount AND",
        "agrees =",
        f"{_PAYMENTS_TESTS}/integration/test_discrepancies.py -k nothing_twice",
    ),
    Mutant(
        "a line is not compared with what has ended since it came",
        f"{_PAYMENTS}/store/differences.py",
        "    AND (line.operation_id IS NULL OR line.operation_id = operation.id)\n",
        "    AND line.operation_id = operation.id\n",
        f"{_PAYMENTS_TESTS}/integration/test_discrepancies.py -k explained_once",
    ),
    Mutant(
        "more may be given back than was taken",
        f"{_PAYMENTS}/domain/payments.py",
        "    left = payment.refundable\n",
        "    left = payment.refundable + 10**6\n",
        f"{_PAYMENTS_TESTS}/unit/test_settlements.py -k TestRefund",
    ),
    Mutant(
        "as much of another currency is as good",
        f"{_PAYMENTS}/domain/settlements.py",
        "(report.moved, currency) == (operation.amount, payment.currency)",
        "report.moved == operation.amount",
        f"{_PAYMENTS_TESTS}/unit/test_settlements.py -k f24",
    ),
    Mutant(
        "more may be captured than was authorised",
        f"{_PAYMENTS}/domain/payments.py",
        "    if not 0 < taken <= left:\n",
        "    if not 0 < taken:\n",
        f"{_PAYMENTS_TESTS}/integration/test_movements.py -k 'full_amount_at_once or with_what_is'",
    ),
    Mutant(
        "a transfer need not balance",
        "services/payments/migrations/versions/0001_payments_and_ledger.py",
        "    AFTER INSERT ON ledger_transfer DEFERRABLE INITIALLY DEFERRED\n"
        "    FOR EACH ROW EXECUTE FUNCTION ledger_transfer_balances();\n",
        "    AFTER INSERT ON ledger_transfer DEFERRABLE INITIALLY DEFERRED\n"
        "    FOR EACH ROW WHEN (false) EXECUTE FUNCTION ledger_transfer_balances();\n",
        f"{_PAYMENTS_TESTS}/integration/test_books.py -k TestDatabaseRules",
    ),
    Mutant(
        "a call that is repeated is repeated under another key",
        f"{_PAYMENTS}/operations/asking.py",
        "    key, reference = operation.id, payment.provider_reference\n",
        '    key = f"{operation.id}-{id(operation)}-{payment.version}"\n'
        "    reference = payment.provider_reference\n",
        f"{_PAYMENTS_TESTS}/integration/test_unknown_outcomes.py",
    ),
    Mutant(
        "a timeout is taken for a refusal",
        f"{_PAYMENTS}/operations/asking.py",
        "    except ProviderError:\n        return NoAnswer()\n",
        "    except ProviderError:\n        return Refusal(NEVER_RECEIVED)\n",
        f"{_PAYMENTS_TESTS}/integration/test_unknown_outcomes.py -k f21",
    ),
    Mutant(
        "a forged notice is believed",
        f"{_PAYMENTS}/providers/signatures.py",
        "    if not any(matches):\n",
        "    if not matches:\n",
        f"{_PAYMENTS_TESTS}/unit/test_signatures.py",
    ),
)
