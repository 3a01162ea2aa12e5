"""Filters of operations: a part of AIP-160, as much as telling trainings apart takes."""

import re
from dataclasses import dataclass

from sqlalchemy import ColumnElement

from service.names import IDENTITY_ID
from service.store.records import UNDER_WAY, OperationState
from service.store.tables import identities, operations

SYNTAX = (
    "must be terms joined by AND, out of done = true|false, metadata.state = STATE, "
    "metadata.identity = identities/ID"
)
_TERM = re.compile(r'\s*([a-z.]+)\s*=\s*("?)([A-Za-z0-9_/-]+)\2\s*')
_NAME = re.compile(rf"identities/({IDENTITY_ID.pattern})")


class FilterError(ValueError):
    """The text is not a filter; the message says what one is."""


@dataclass(frozen=True)
class OperationFilter:
    """What an operation must be; None: anything.

    Attributes:
        done: whether it has ended.
        state: what it is doing.
        identity_id: what it learns.
    """

    done: bool | None = None
    state: OperationState | None = None
    identity_id: str | None = None

    @classmethod
    def parse(cls, text: str) -> "OperationFilter":
        """Reads ``done = false AND metadata.identity = "identities/ann"``.

        Raises:
            FilterError: see there.
        """
        if not text.strip():
            return cls()
        found: dict[str, bool | OperationState | str] = {}
        for term in re.split(r"\bAND\b", text):
            if (match := _TERM.fullmatch(term)) is None:
                raise FilterError(SYNTAX)
            name, value = _term(match[1], match[3])
            if found.setdefault(name, value) != value:
                raise FilterError(f"{match[1]} can't have two values")
        return cls(**found)  # type: ignore[arg-type]

    def conditions(self) -> list[ColumnElement[bool]]:
        """For a query of operations joined with identities."""
        conditions: list[ColumnElement[bool]] = []
        if self.done is not None:
            active = operations.c.state.in_(UNDER_WAY)
            conditions.append(~active if self.done else active)
        if self.state is not None:
            conditions.append(operations.c.state == self.state)
        if self.identity_id is not None:
            conditions.append(identities.c.identity_id == self.identity_id)
        return conditions


def _term(field: str, value: str) -> tuple[str, bool | OperationState | str]:
    match field:
        case "done" if value in ("true", "false"):
            return "done", value == "true"
        case "metadata.state":
            states = {f"STATE_{state.name}": state for state in OperationState}
            if value in states:
                return "state", states[value]
        case "metadata.identity":
            if (name := _NAME.fullmatch(value)) is not None:
                return "identity_id", name[1]
    raise FilterError(SYNTAX)
