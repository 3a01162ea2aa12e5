"""The caller behind a request of Triton's Python backend, and what it is sent."""

from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils

from sampler.engine import Array
from sampler.vae import Pixels

QUEUE_FULL, DEADLINE_MISSED = "QUEUE_FULL", "DEADLINE_MISSED"


class TritonCaller:
    """Sends one request's answers."""

    def __init__(self, request: Any) -> None:
        self._sender = request.get_response_sender()

    def cancelled(self) -> bool:
        """Whether the client has gone."""
        return bool(self._sender.is_cancelled())

    def progress(self, done: int, total: int, queue_position: int) -> None:
        """See :class:`sampler.job.Caller`."""
        self._send(progress=np.array([done, total, queue_position], np.int32))

    def preview(self, index: int, steps_done: int, pixels: Pixels) -> None:
        """See :class:`sampler.job.Caller`."""
        self._send(preview=pixels, preview_of=np.array([index, steps_done], np.int32))

    def picture(self, index: int, pixels: Pixels) -> None:
        """See :class:`sampler.job.Caller`."""
        self._send(image=pixels, image_index=np.array([index], np.int32))

    def filtered(self, index: int) -> None:
        """See :class:`sampler.job.Caller`."""
        self._send(filtered=np.array([index], np.int32))

    def alive(self) -> None:
        """Tells that the sampler lives."""
        self._send(alive=np.ones(1, np.int32))

    def refuse(self, refusal: str, why: str, retry_seconds: float = 0.0) -> None:
        """Closes the stream: the request is sound, but will not be drawn now."""
        self._send(
            refusal=np.array([refusal.encode(), why.encode()], np.object_),
            retry_seconds=np.array([retry_seconds], np.float32),
        )
        self.end()

    def end(self) -> None:
        """Closes the stream."""
        self._sender.send(flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)

    def fail(self, message: str, code: int) -> None:
        """Closes the stream with an error."""
        self._sender.send(
            pb_utils.InferenceResponse(error=pb_utils.TritonError(message, code)),
            flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL,
        )

    def _send(self, **tensors: Array) -> None:
        outputs = [pb_utils.Tensor(name, tensor) for name, tensor in tensors.items()]
        self._sender.send(pb_utils.InferenceResponse(outputs))
