from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import CheckConstraint, Column, Index, Integer, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from comptoir_runtime import tables  # noqa: F401 - constraints are named by its convention


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Thing(SQLModel, table=True):
    __tablename__ = "thing"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        CheckConstraint("count >= 0", name="count"),
        Index("ix_thing_colour", "colour", postgresql_where=text("count > 0")),
    )

    id: str = Field(sa_column=Column(Text, primary_key=True))
    colour: str = Field(sa_column=Column(Text, nullable=False))
    details: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    count: int = Field(sa_column=Column(Integer, nullable=False))
