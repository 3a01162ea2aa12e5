"""Which worker takes which job: jobs of one group share a worker, and so its batch."""


class Places:
    """Places of workers.

    Args:
        workers: how many there are.
        group_size: places of each.
    """

    def __init__(self, workers: int, group_size: int) -> None:
        self._group_size = group_size
        self._worker_of: dict[str, int] = {}
        self._jobs = [0] * workers
        self._groups = [""] * workers  # of those that have jobs

    def open_to(self, group: str) -> bool:
        """Whether a job of the group would find a place."""
        return self._best(group) is not None

    def take(self, uid: str, group: str) -> int:
        """Takes a place for a job; the worker's number.

        A fuller group goes first: a row more in a batch costs less than another worker.
        """
        worker = self._best(group)
        assert worker is not None, "the caller has asked before"
        self._worker_of[uid] = worker
        self._jobs[worker] += 1
        self._groups[worker] = group
        return worker

    def shared(self, uid: str) -> int:
        """How many jobs a job's worker has, itself included."""
        return self._jobs[self._worker_of[uid]]

    @property
    def workers(self) -> int:
        """Workers that have a job."""
        return sum(jobs > 0 for jobs in self._jobs)

    def leave(self, uid: str) -> None:
        """Gives a job's place back."""
        self._jobs[self._worker_of.pop(uid)] -= 1

    def _best(self, group: str) -> int | None:
        fit = [
            worker
            for worker, jobs in enumerate(self._jobs)
            if jobs == 0 or (jobs < self._group_size and self._groups[worker] == group)
        ]
        return max(fit, key=self._jobs.__getitem__, default=None)
