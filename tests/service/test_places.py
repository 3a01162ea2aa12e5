"""Groups: of one kind, as full as can be, never over their size."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from service.places import Places

GROUPS = ("default", "paper")


@given(
    workers=st.integers(1, 3),
    size=st.integers(1, 3),
    moves=st.lists(st.sampled_from([*GROUPS, "leave"]), max_size=30),
)
def test_groups_are_compatible_bounded_and_filled(
    workers: int, size: int, moves: list[str]
) -> None:
    places, at = Places(workers, size), {}
    for number, move in enumerate(moves):
        jobs = Counter(worker for worker, _ in at.values())
        of = dict(at.values())
        if move == "leave":
            if at:
                uid = next(iter(at))
                places.leave(uid)
                del at[uid]
            continue
        fit = [w for w in range(workers) if jobs[w] < size and of.get(w, move) == move]
        assert places.open_to(move) is bool(fit)
        if fit:
            worker = places.take(str(number), move)
            assert worker in fit
            assert jobs[worker] == max(jobs[w] for w in fit)
            at[str(number)] = (worker, move)
