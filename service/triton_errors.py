"""What Triton's errors mean: it tells most of them in words."""

import re

import grpc

from service.errors import (
    DeadlineExceededError,
    GatewayError,
    ModelDiedError,
    SamplerFailedError,
    UnavailableError,
)

# A model's process, called a stub, has died; Triton still calls the model ready.
_DEAD_STUB = re.compile(r"Stub process '(\w+)_\d+_\d+' is not healthy")
# gRPC's own words for a stream that ended while its request was still being sent, or was reset;
# Triton's for a model that is not loaded.
_AWAY = ("Internal error from Core", "Received RST_STREAM", "not ready", "unknown model")
_GONE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.CANCELLED)


def translated(code: grpc.StatusCode, text: str) -> GatewayError:
    """The gateway's error for one of Triton's."""
    if (dead := _DEAD_STUB.search(text)) is not None:
        return ModelDiedError(dead[1])
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return DeadlineExceededError("the pictures took too long", "DEADLINE_EXCEEDED")
    if code in _GONE or any(words in text for words in _AWAY):
        return UnavailableError("the inference server can't be reached", "SAMPLER_UNAVAILABLE")
    return SamplerFailedError("the models could not draw this request", "SAMPLER_FAILED")
