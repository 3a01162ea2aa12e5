"""The rules that protos state about requests (`buf.validate`), enforced before handlers run."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any

import grpc
import protovalidate
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from service.context import Context
from service.errors import InvalidRequestError, Violation
from service.names import is_placeholder_word, quoted

Further = Callable[[Any], Awaitable[list[Violation]]]
"""What else is wrong with a request: what depends on base model, settings or pixels."""

_RANGE = re.compile(r"greater than or equal to (\S+) and less than or equal to (\S+)")
_LONG_FLOAT = re.compile(r"-?\d+\.\d{7,}")  # of single precision, written as a double
_VALIDATOR = protovalidate.Validator()


class RulesInterceptor(grpc.aio.ServerInterceptor):
    """Refuses requests that break a rule of their proto.

    Handlers look for what the protos can't say, and only at requests that keep the rules.

    Args:
        further: by type of request, what the handler would find; asked if a rule is broken, so that
            a caller hears of everything at once.
    """

    def __init__(self, further: Mapping[type[Message], Further]) -> None:
        self._further = further

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        handler = await continuation(handler_call_details)
        if handler is None or handler.request_streaming:
            return handler
        make: Callable[..., Any]
        if handler.response_streaming:
            make, wrapped = grpc.unary_stream_rpc_method_handler, self._stream(handler.unary_stream)
        else:
            make, wrapped = grpc.unary_unary_rpc_method_handler, self._unary(handler.unary_unary)
        return make(wrapped, handler.request_deserializer, handler.response_serializer)

    def _unary(self, handle: Any) -> Any:
        async def answer(request: Any, context: Context) -> Any:
            await self._check(request)
            return await handle(request, context)

        return answer

    def _stream(self, handle: Any) -> Any:
        async def stream(request: Any, context: Context) -> AsyncIterator[Any]:
            await self._check(request)
            async with aclosing(handle(request, context)) as responses:
                async for response in responses:
                    yield response

        return stream

    async def _check(self, request: Message) -> None:
        found = rule_violations(request)
        if not found:
            return
        if (further := self._further.get(type(request))) is not None:
            told = {violation.field for violation in found}
            found += [each for each in await further(request) if each.field not in told]
        raise InvalidRequestError(found)


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
