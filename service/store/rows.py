"""From rows to records."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, Select, select

from service.store.records import IdentityRecord, OperationRecord, Training
from service.store.tables import identities, operations


def select_training() -> Select[Any]:
    """Operations joined with their identities; :func:`training` reads a row of it."""
    return select(*operations.c, *identities.c).join(
        identities, operations.c.identity_uid == identities.c.uid
    )


def training(row: Row[Any]) -> Training:
    """The record of a row of :func:`select_training`."""
    width = len(operations.c)
    return Training(
        OperationRecord(**dict(zip(operations.c.keys(), row[:width], strict=True))),
        identity(row[width:]),
    )


def identity(row: Sequence[Any]) -> IdentityRecord:
    """The record of a row of ``identities``, or of the part of one that has its columns."""
    return IdentityRecord(**dict(zip(identities.c.keys(), row, strict=True)))
