"""Who takes the next step: fair between tenants, never over the limit, nobody left behind."""

from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from hypothesis import example, given
from hypothesis import strategies as st

from sampler.policy import QUANTUM, FairTurns, in_turns


@dataclass(eq=False)
class Work:
    """All that choosing looks at."""

    tenant: str = "a"
    rank: int = 0
    rows: int = 2
    priority: int = 0
    shape: str = "square"


def at_most(rows: int) -> Callable[[Hashable, int], int]:
    """The same limit for all shapes."""
    return lambda _shape, _wanted: rows


works = st.builds(
    Work,
    tenant=st.sampled_from("abc"),
    rank=st.integers(0, 50),
    rows=st.integers(1, 2),
    priority=st.integers(-1, 1),
    shape=st.sampled_from(["square", "wide"]),
)


def test_nothing_to_do() -> None:
    assert FairTurns().choose([], at_most(8)) == []


def test_takes_all_that_fit() -> None:
    work = [Work(rank=0), Work(rank=1, rows=1), Work("b")]
    assert set(FairTurns().choose(work, at_most(8))) == set(work)


def test_a_tenant_of_many_does_not_crowd_out_one_of_one() -> None:
    many = [Work("many", rank) for rank in range(16)]
    one = Work("one", 99)
    assert FairTurns().choose([*many, one], at_most(4)) == [many[0], one]


def test_within_a_tenant_lower_ranks_go_first() -> None:
    work = [Work(rank=rank) for rank in (3, 1, 2, 0)]
    assert [each.rank for each in FairTurns().choose(work, at_most(4))] == [0, 1]


def test_fills_a_gap_with_what_fits_and_keeps_the_turn() -> None:
    turns = FairTurns()
    first, second, plain = Work("a"), Work("b"), Work("c", rows=1)
    assert turns.choose([first, second, plain], at_most(3)) == [first, plain]
    assert turns.choose([first, second, plain], at_most(3))[0] is second


def test_a_higher_priority_goes_first_and_lower_ones_fill_up() -> None:
    low, high = Work("a", priority=-1), Work("b", 5, priority=1)
    assert FairTurns().choose([low, high], at_most(2)) == [high]
    assert FairTurns().choose([low, high], at_most(4)) == [high, low]


def test_shapes_take_turns() -> None:
    turns = FairTurns()
    square, wide = [Work(rank=0), Work(rank=1)], [Work(rank=2, shape="wide")]
    chosen = [turns.choose(square + wide, at_most(8)) for _ in range(4)]
    assert chosen == [square, wide, square, wide]


def test_waiting_work_comes_up_in_turns_of_tenants() -> None:
    work = [Work("a", 0), Work("a", 1), Work("b", 2), Work("c", 3, priority=1)]
    assert [(each.tenant, each.rank) for each in in_turns(work)] == [
        ("c", 3),
        ("a", 0),
        ("b", 2),
        ("a", 1),
    ]


@given(st.lists(works, min_size=1, max_size=12), st.integers(2, 16))
def test_a_batch_is_within_the_limit_and_of_one_shape(work: list[Work], max_rows: int) -> None:
    chosen = FairTurns().choose(work, at_most(max_rows))
    assert 0 < sum(each.rows for each in chosen) <= max_rows
    assert len(set(chosen)) == len(chosen)
    assert len({each.shape for each in chosen}) == 1
    assert max(each.priority for each in work) == max(each.priority for each in chosen)


@given(st.lists(works, min_size=1, max_size=12), st.integers(2, 8))
def test_everything_gets_done(work: list[Work], max_rows: int) -> None:
    turns, left, steps = FairTurns(), list(work), 0
    while left:
        chosen = turns.choose(left, at_most(max_rows))
        left = [each for each in left if each not in chosen]
        steps += 1
    assert steps <= len(work)


tenants_with_work = st.dictionaries(
    st.sampled_from("abcd"), st.lists(st.integers(1, 2), min_size=16, max_size=20), min_size=2
)


def served(rows: dict[str, list[int]], max_rows: int, steps: int) -> Counter[str]:
    """Rows of each tenant, if the same pictures ask for every step."""
    work = [
        Work(tenant, rank, each) for tenant, own in rows.items() for rank, each in enumerate(own)
    ]
    turns, counted = FairTurns(), Counter(dict.fromkeys(rows, 0))
    for _ in range(steps):
        for each in turns.choose(work, at_most(max_rows)):
            counted[each.tenant] += each.rows
    return counted


@given(tenants_with_work, st.integers(1, 8), st.integers(1, 100))
def test_tenants_who_always_have_work_get_equal_rows(
    rows: dict[str, list[int]], pairs: int, steps: int
) -> None:
    counted = served(rows, 2 * pairs, steps)
    assert max(counted.values()) - min(counted.values()) <= 2 * QUANTUM


def test_a_tenant_whose_next_picture_is_too_wide_for_what_is_left_keeps_its_turn() -> None:
    counted = served({"a": [1, 2, 2, 2, 1, 1, 1, 1], "b": [1, 1, 1, 2, 2, 2, 2, 1]}, 11, 100)
    assert max(counted.values()) - min(counted.values()) <= 2 * QUANTUM


@given(tenants_with_work, st.integers(2, 16), st.integers(1, 100))
@example({"a": [2] * 16, "b": [1] * 16}, 3, 100)
def test_only_a_row_that_nobody_else_can_use_is_given_away(
    rows: dict[str, list[int]], max_rows: int, steps: int
) -> None:
    counted = served(rows, max_rows, steps)
    assert min(counted.values()) >= steps * (max_rows - 1) / len(rows) - 2 * QUANTUM


@given(st.lists(works, min_size=1, max_size=12), st.integers(2, 8))
def test_no_shape_of_the_highest_priority_waits_for_ever(work: list[Work], max_rows: int) -> None:
    turns = FairTurns()
    highest = max(each.priority for each in work)
    shapes = {each.shape for each in work if each.priority == highest}
    led = {turns.choose(work, at_most(max_rows))[0].shape for _ in shapes}
    assert led == shapes
