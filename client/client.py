"""The asynchronous client of the service."""

from client.identity_calls import IdentityCalls
from client.picture_calls import PictureCalls
from client.training_calls import TrainingCalls


class LikenessClient(TrainingCalls, IdentityCalls, PictureCalls):
    """Talks to one service; use it as `async with LikenessClient() as client`.

    All methods raise :class:`LikenessError`. Names may be given with their collection or without:
    `identities/ann` or `ann`. Arguments: see :class:`client.connection.Connection`.
    """
