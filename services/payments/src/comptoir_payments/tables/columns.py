"""Columns that many tables have."""

from typing import Any

from sqlalchemy import BigInteger, Column, Text


def text_column(**options: Any) -> "Column[str]":
    return Column(Text, **{"nullable": False, **options})


def amount_column(**options: Any) -> "Column[int]":
    return Column(BigInteger, **{"nullable": False, **options})
