"""Who calls. The interceptor finds it out before a handler runs; handlers and stores ask here."""

from contextvars import ContextVar
from dataclasses import dataclass

DEFAULT_TENANT = "default"
"""Whose everything is as long as callers are not told apart."""


@dataclass(frozen=True)
class Caller:
    """An authenticated caller.

    Attributes:
        tenant: whose data the call may see.
        subject: who within the tenant: a key, a token's subject or a certificate's name.
    """

    tenant: str
    subject: str


ANYONE = Caller(DEFAULT_TENANT, "anyone")
"""The caller of a gateway that authenticates nobody, and so listens on loopback only."""

_caller: ContextVar[Caller] = ContextVar("caller")


def caller() -> Caller:
    """The caller of the call that is being handled. Raises `LookupError` outside of one."""
    return _caller.get()


def set_caller(found: Caller) -> None:
    """Tells who calls, for the rest of the call: every call is a task with a context of its own."""
    _caller.set(found)
