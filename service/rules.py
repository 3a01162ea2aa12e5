"""The rules that protos state about requests (`buf.validate`), enforced before handlers run."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import protovalidate
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from service.errors import InvalidRequestError, Violation
from service.names import is_placeholder_word, quoted
from service.surrounding import Call, SurroundingInterceptor

Further = Callable[[Any], Awaitable[list[Violation]]]
"""What else is wrong with a request: what depends on base model, settings or pixels."""

_RANGE = re.compile(r"greater than or equal to (\S+) and less than or equal to (\S+)")
_LONG_FLOAT = re.compile(r"-?\d+\.\d{7,}")  # of single precision, written as a double
_VALIDATOR = protovalidate.Validator()


class RulesInterceptor(SurroundingInterceptor):
    """Refuses requests that break a rule of their proto.

    Handlers look for what the protos can't say, and only at requests that keep the rules.

    Args:
        further: by type of request, what the handler would find; asked if a rule is broken, so that
            a caller hears of everything at once.
    """

    def __init__(self, further: Mapping[type[Message], Further]) -> None:
        self._further = further

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        if found := rule_violations(call.request):
            if (further := self._further.get(type(call.request))) is not None:
                told = {violation.field for violation in found}
                found += [each for each in await further(call.request) if each.field not in told]
            raise InvalidRequestError(found)
        yield


def rule_violations(request: Message) -> list[Violation]:
    """Every rule of its proto that a request breaks."""
    return [
        Violation(_field(each.proto.field), _description(each))
        for each in _VALIDATOR.collect_violations(request)
    ]


def _field(path: Any) -> str:
    """``spec.strengths[ann].stages[0]``."""
    return ".".join(
        element.field_name + (f"[{_key(element.subscript.value)}]" if element.subscript else "")
        for element in path.elements
    )


def _key(key: object) -> str:
    return quoted(key) if isinstance(key, str) and not is_placeholder_word(key) else str(key)


def _description(violation: protovalidate.Violation) -> str:
    rule = violation.proto
    text = _RANGE.sub(r"\1 to \2", rule.message.removeprefix("value "))
    text = _LONG_FLOAT.sub(lambda found: f"{float(found[0]):.6g}", text)
    value = violation.field_value
    if not text.startswith("must be") or value is None:
        return text
    match value:
        case str():
            shown = str(len(value)) if rule.rule_id == "string.max_len" else quoted(value)
        case float():
            shown = f"{value:g}"
        case Duration():
            shown = f"{value.ToNanoseconds() / 1e9:g}s"
        case int():
            shown = str(value)
        case _:
            return text
    return f"{text}, got {shown}"
