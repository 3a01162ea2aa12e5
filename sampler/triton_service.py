"""Serves requests of Triton's Python backend.

One instance keeps all requests in flight: Triton brings each arrival without waiting for the last
one, and all of them share one asyncio event loop.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
import triton_python_backend_utils as pb_utils

from identity import ServingBundle
from sampler.engine import EngineError
from sampler.heartbeat import HeartbeatEngine
from sampler.interface import HEARTBEAT, INPUTS
from sampler.job import CancelledByCaller, DeadlineMissedError
from sampler.loop import QueueFullError, Sampler
from sampler.request import parse_request
from sampler.settings import SamplerSettings
from sampler.tables import Tables
from sampler.tensors import RequestError
from sampler.triton_caller import DEADLINE_MISSED, QUEUE_FULL, TritonCaller
from sampler.triton_engine import TritonEngine
from sampler.triton_metrics import TritonMetrics
from sampler.vae import PictureError

log = logging.getLogger(__name__)

KEEP_ALIVE_SECONDS = 2.0
"""So often every drawing's caller is told ``alive``: streams of a sampler that has died stay open,
and nothing but their silence tells. A heartbeat's caller is not: over HTTP an error shows in the
status only if nothing was sent before it.
"""


class TritonService:
    """Draws what Triton brings.

    Args:
        directory: the serving bundle.
    """

    def __init__(self, directory: Path) -> None:
        torch.set_num_threads(1)  # a step's arithmetic is tiny; the cores are the engines'
        self._bundle = ServingBundle.load(directory)
        tables = Tables.load(directory)
        self._vocabulary = tables.vocabulary
        self._engine = HeartbeatEngine(TritonEngine(self._bundle.engine), self._bundle)
        self._metrics = TritonMetrics()
        self._sampler = Sampler(
            self._bundle,
            tables,
            self._engine,
            SamplerSettings.from_environment(),
            lambda: self._metrics.show(self._sampler.statistics),
        )

    async def serve(self, requests: list[Any]) -> None:
        """Draws the requests; each one's answers go out as they come up."""
        self._sampler.start()
        await asyncio.gather(*map(self._serve, requests))

    def stop(self) -> None:
        """Ends the loop."""
        self._sampler.stop()

    async def _serve(self, request: Any) -> None:
        caller = TritonCaller(request)
        error_codes = pb_utils.TritonError
        try:
            if pb_utils.get_input_tensor_by_name(request, HEARTBEAT) is not None:
                await self._engine.check()
                caller.alive()
                caller.end()
                return
            async with _kept_alive(caller):
                await self._sampler.draw(self._parse(request), caller)
        except RequestError as error:
            outcome, end = "invalid", partial(caller.fail, str(error), error_codes.INVALID_ARG)
        except QueueFullError as error:
            refusal = partial(caller.refuse, QUEUE_FULL, str(error), error.retry_seconds)
            outcome, end = "refused", refusal
        except DeadlineMissedError as error:
            outcome, end = "expired", partial(caller.refuse, DEADLINE_MISSED, str(error))
        except CancelledByCaller:
            outcome, end = "cancelled", partial(caller.fail, "cancelled", error_codes.CANCELLED)
        except PictureError as error:
            outcome, end = "failed", partial(caller.fail, str(error), error_codes.INTERNAL)
        except EngineError as error:
            outcome, end = "failed", partial(caller.fail, str(error), error_codes.UNAVAILABLE)
        except Exception:
            log.exception("a request failed")
            message = "the sampler failed; its log says why"
            outcome, end = "failed", partial(caller.fail, message, error_codes.INTERNAL)
        else:
            outcome, end = "drawn", partial(caller.end)
        self._sampler.statistics.ended[outcome] += 1
        self._metrics.show(self._sampler.statistics)
        end()

    def _parse(self, request: Any) -> Any:
        tensors = {
            name: None if tensor is None else tensor.as_numpy()
            for name in INPUTS
            for tensor in [pb_utils.get_input_tensor_by_name(request, name)]
        }
        return parse_request(tensors, self._bundle, self._vocabulary)


@asynccontextmanager
async def _kept_alive(caller: TritonCaller) -> AsyncIterator[None]:
    async def keep() -> None:
        while True:
            await asyncio.sleep(KEEP_ALIVE_SECONDS)
            caller.alive()

    keeping = asyncio.create_task(keep(), name="keep-alive")
    try:
        yield
    finally:
        keeping.cancel()
