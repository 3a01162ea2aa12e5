"""When an identity learns no more: early stop."""

from collections.abc import Callable

from torch import Tensor


class Plateau:
    """Sees when losses fall no more, and keeps what was best.

    The losses of single steps are mostly noise, so means over ``window`` steps are compared.

    Args:
        window: steps; None: nothing is looked at.
    """

    def __init__(self, window: int | None) -> None:
        self.window = window
        self.reached = False
        self.losses: list[float] = []
        self.lowest = float("inf")
        self.best: Tensor | None = None

    def look(self, loss: float, vectors: Callable[[], Tensor]) -> None:
        """After each step: its loss, and what gives the vectors that it led to."""
        if self.window is None:
            return
        self.losses.append(loss)
        if len(self.losses) < self.window:
            return
        mean = sum(self.losses) / self.window
        self.losses = []
        if mean < self.lowest:
            self.lowest, self.best = mean, vectors()
        else:
            self.reached = True
