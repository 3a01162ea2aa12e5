"""What other gateways did to trainings, as the database tells it."""

import asyncio
import contextlib

from service.dispatcher import Dispatcher
from service.errors import UnavailableError
from service.events import TrainingEvents
from service.store import OperationState, OperationStore, Training

LOOK_SECONDS = 0.5
"""Pause between two looks: a cancellation on another gateway ends the work within two seconds."""


async def follow(
    operations: OperationStore, dispatcher: Dispatcher, events: TrainingEvents
) -> None:
    """Until cancelled, ends what runs here and was cancelled elsewhere, and tells those who watch
    here what happens elsewhere.
    """
    while True:
        with contextlib.suppress(UnavailableError):
            running = dispatcher.running
            watched = events.watched - running
            # Nearly all still run, and need not be read in full.
            stopped = running - await operations.uids_in(OperationState.RUNNING)
            found = await operations.get_all(stopped | watched)
            for uid in found.keys() - dispatcher.running:
                events.publish(found[uid])
            for uid in watched - found.keys():  # a row is there before anybody can watch it
                events.forget(uid)
            ended = [uid for uid in stopped if uid not in found or _cancelled(found[uid])]
            await asyncio.gather(*map(dispatcher.stop_job, ended))
        await asyncio.sleep(LOOK_SECONDS)


def _cancelled(training: Training) -> bool:
    return training.operation.state is OperationState.CANCELLED
