"""Shapes of what payments keeps. Amounts are integer minor units of the row's currency."""

import comptoir_runtime.tables as runtime_tables
from comptoir_payments.tables.ledger import LedgerAccount, LedgerEntry, LedgerTransfer
from comptoir_payments.tables.payments import Operation, Payment, ProviderNotice
from comptoir_payments.tables.purses import Purse, PurseAttempt
from comptoir_payments.tables.reports import ProviderReport, ProviderReportLine, UnreportedOperation

__all__ = [
    "LedgerAccount",
    "LedgerEntry",
    "LedgerTransfer",
    "Operation",
    "Payment",
    "ProviderNotice",
    "ProviderReport",
    "ProviderReportLine",
    "Purse",
    "PurseAttempt",
    "UnreportedOperation",
    "runtime_tables",
]
