"""Pages, newest first. A token is the last row's place in that order, so rows that come or go
between two calls neither repeat nor hide others.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Select, Table, and_, or_

Row = TypeVar("Row")


class PageTokenError(ValueError):
    """The token was not made by this service."""


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Rows, and the token of the next page; empty on the last one."""

    rows: list[Row]
    next_token: str


def after(statement: Select[Any], table: Table, token: str, size: int) -> Select[Any]:
    """Limits a query to the page after ``token``, and one row more to see whether there is a next.

    Raises:
        PageTokenError: see there.
    """
    create_time, uid = table.c.create_time, table.c.uid
    if token:
        last_time, last_uid = decode_token(token)
        statement = statement.where(
            or_(create_time < last_time, and_(create_time == last_time, uid < last_uid))
        )
    return statement.order_by(create_time.desc(), uid.desc()).limit(size + 1)


def page_of(rows: list[Row], places: list[tuple[int, str]], size: int) -> Page[Row]:
    """The page of up to ``size`` rows; ``places`` holds each row's creation time and uid."""
    token = encode_token(*places[size - 1]) if len(rows) > size else ""
    return Page(rows[:size], token)


def encode_token(create_time: int, uid: str) -> str:
    """The token of a place."""
    return base64.urlsafe_b64encode(json.dumps([create_time, uid]).encode()).decode()


def decode_token(token: str) -> tuple[int, str]:
    """The place of a token. Raises :class:`PageTokenError`."""
    try:
        place = json.loads(base64.b64decode(token, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise PageTokenError("is not a token of this service") from error
    match place:
        case [bool(), _]:
            pass
        case [int(create_time), str(uid)] if 0 <= create_time < 2**63 and _plain(uid):
            return create_time, uid
    raise PageTokenError("is not a token of this service")


def _plain(uid: str) -> bool:
    """Whether any database takes it as text."""
    return uid.isascii() and uid.isprintable()
