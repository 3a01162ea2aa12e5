"""Faults of the input: what no retry can mend."""


class InputError(ValueError):
    """The input is at fault.

    Attributes:
        reason: what the caller can react to, such as ``INVALID_IMAGE``.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple[type["InputError"], tuple[str, str]]:
        """So that it reaches another process as it is."""
        return type(self), (self.reason, str(self))
