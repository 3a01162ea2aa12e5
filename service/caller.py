"""Who calls. The interceptor finds it out before a handler runs; handlers and stores ask here."""

from contextvars import ContextVar
from dataclasses import dataclass, field

DEFAULT_TENANT = "default"
"""Whose everything is as long as callers are not told apart."""


@dataclass(frozen=True)
class Caller:
    """An authenticated caller.

    Attributes:
        tenant: whose data the call may see.
        subject: who within the tenant: a key, a token's subject or a certificate's name.
        proof: how he was recognised: ``api_key``, ``token``, ``certificate``; ``none`` if not.
    """

    tenant: str
    subject: str
    proof: str = "none"


@dataclass
class Act:
    """What a call does, as the audit log is to tell it.

    Attributes:
        caller: who does it.
        method: of the API, without its service.
        identity_uids: what it uses.
        written: whether the transaction that did it has written it down.
    """

    caller: Caller
    method: str
    identity_uids: list[str] = field(default_factory=list)
    written: bool = False


ANYONE = Caller(DEFAULT_TENANT, "anyone")
"""The caller of a gateway that authenticates nobody, and so listens on loopback only."""

_caller: ContextVar[Caller] = ContextVar("caller")
_act: ContextVar[Act | None] = ContextVar("act", default=None)


def caller() -> Caller:
    """The caller of the call that is being handled. Raises `LookupError` outside of one."""
    return _caller.get()


def set_caller(found: Caller) -> None:
    """Tells who calls, for the rest of the call: every call is a task with a context of its own."""
    _caller.set(found)


def act() -> Act | None:
    """What the call that is being handled does; None outside of one."""
    return _act.get()


def begin_act(method: str) -> Act:
    """Tells what the caller does, for the rest of the call."""
    begun = Act(caller(), method)
    _act.set(begun)
    return begun


def uses(identity_uid: str) -> None:
    """Tells that the call uses an identity."""
    if (doing := act()) is not None and identity_uid not in doing.identity_uids:
        doing.identity_uids.append(identity_uid)
