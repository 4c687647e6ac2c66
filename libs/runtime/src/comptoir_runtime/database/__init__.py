"""Transactions on PostgreSQL: the only package that says commit."""

from comptoir_runtime.database.filters import Where
from comptoir_runtime.database.link import Connection, Row
from comptoir_runtime.database.server import Database, DatabaseSettings
from comptoir_runtime.database.session import Session
from comptoir_runtime.database.transactions import Transactions

__all__ = [
    "Connection",
    "Database",
    "DatabaseSettings",
    "Row",
    "Session",
    "Transactions",
    "Where",
]
