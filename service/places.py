"""Which worker takes which job: jobs of one group share a worker, and so its batch."""

from collections import Counter


class Places:
    """Places of workers.

    Args:
        workers: how many there are.
        group_size: places of each.
    """

    def __init__(self, workers: int, group_size: int) -> None:
        self._workers, self._group_size = workers, group_size
        self._taken: dict[str, tuple[int, str]] = {}  # worker and group of each job

    def open_to(self, group: str) -> bool:
        """Whether a job of the group would find a place."""
        return self._best(group) is not None

    def take(self, uid: str, group: str) -> int:
        """Takes a place for a job; the worker's number.

        A fuller group goes first: a row more in a batch costs less than another worker.
        """
        worker = self._best(group)
        assert worker is not None, "the caller has asked before"
        self._taken[uid] = (worker, group)
        return worker

    def shared(self, uid: str) -> int:
        """How many jobs a job's worker has, itself included."""
        worker, _ = self._taken[uid]
        return sum(each == worker for each, _ in self._taken.values())

    @property
    def workers(self) -> int:
        """Workers that have a job."""
        return len({worker for worker, _ in self._taken.values()})

    def leave(self, uid: str) -> None:
        """Gives a job's place back."""
        del self._taken[uid]

    def _best(self, group: str) -> int | None:
        jobs = Counter(worker for worker, _ in self._taken.values())
        group_of = dict(self._taken.values())
        fit = [
            worker
            for worker in range(self._workers)
            if jobs[worker] < self._group_size and group_of.get(worker, group) == group
        ]
        return max(fit, key=lambda worker: jobs[worker], default=None)
