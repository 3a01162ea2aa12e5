"""Who takes the next step: fair between tenants, never over the limit, nobody left behind."""

from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace

from hypothesis import example, given
from hypothesis import strategies as st

from sampler.policy import FairTurns, in_turns

PAIR = 2
"""Rows of a guided picture."""
MOST = 16
"""Rows that a step may have."""
SHAPES = ("square", "wide", "tall")


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
    shape=st.sampled_from(SHAPES),
)


def test_nothing_to_do() -> None:
    assert FairTurns(MOST).choose([], at_most(8)) == []


def test_takes_all_that_fit() -> None:
    work = [Work(rank=0), Work(rank=1, rows=1), Work("b")]
    assert set(FairTurns(MOST).choose(work, at_most(8))) == set(work)


def test_a_tenant_of_many_does_not_crowd_out_one_of_one() -> None:
    many = [Work("many", rank) for rank in range(16)]
    one = Work("one", 99)
    assert FairTurns(MOST).choose([*many, one], at_most(4)) == [many[0], one]


def test_within_a_tenant_lower_ranks_go_first() -> None:
    work = [Work(rank=rank) for rank in (3, 1, 2, 0)]
    assert [each.rank for each in FairTurns(MOST).choose(work, at_most(4))] == [0, 1]


def test_fills_a_gap_with_what_fits_and_keeps_the_turn() -> None:
    turns = FairTurns(MOST)
    first, second, plain = Work("a"), Work("b"), Work("c", rows=1)
    assert turns.choose([first, second, plain], at_most(3)) == [first, plain]
    assert turns.choose([first, second, plain], at_most(3))[0] is second


def test_a_higher_priority_goes_first_and_lower_ones_fill_up() -> None:
    low, high = Work("a", priority=-1), Work("b", 5, priority=1)
    assert FairTurns(MOST).choose([low, high], at_most(2)) == [high]
    assert FairTurns(MOST).choose([low, high], at_most(4)) == [high, low]


def test_tenants_take_turns_whatever_shapes_they_ask_for() -> None:
    turns = FairTurns(MOST)
    square, wide = Work("a", 0), Work("a", 1, shape="wide")
    tall, other_square = Work("b", 2, shape="tall"), Work("b", 3)
    work = [square, wide, tall, other_square]
    chosen = [turns.choose(work, at_most(8)) for _ in range(4)]
    assert chosen == [[square, other_square], [tall], [square, other_square], [tall]]


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
    chosen = FairTurns(MOST).choose(work, at_most(max_rows))
    assert 0 < sum(each.rows for each in chosen) <= max_rows
    assert len(set(chosen)) == len(chosen)
    assert len({each.shape for each in chosen}) == 1
    assert max(each.priority for each in work) == max(each.priority for each in chosen)


@given(st.lists(works, min_size=1, max_size=12), st.integers(2, 8))
def test_everything_gets_done(work: list[Work], max_rows: int) -> None:
    turns, left, steps = FairTurns(MOST), list(work), 0
    while left:
        chosen = turns.choose(left, at_most(max_rows))
        left = [each for each in left if each not in chosen]
        steps += 1
    assert steps <= len(work)


def enough(width: int, shapes: set[str]) -> dict[str, list[int]]:
    """Rows of pictures by their shape, enough of each for any step."""
    return {shape: [width] * MOST for shape in sorted(shapes)}


tenants_with_work = st.dictionaries(
    st.sampled_from("abcd"),
    st.builds(enough, st.integers(1, PAIR), st.sets(st.sampled_from(SHAPES), min_size=1)),
    min_size=2,
)


def served(
    rows: Mapping[str, Mapping[str, list[int]]], limit: Callable[[Hashable, int], int], steps: int
) -> Counter[str]:
    """Rows of each tenant, if the same pictures ask for every step."""
    work = [
        Work(tenant, rank, each, shape=shape)
        for tenant, shapes in rows.items()
        for shape, own in shapes.items()
        for rank, each in enumerate(own)
    ]
    turns, counted = FairTurns(MOST), Counter(dict.fromkeys(rows, 0))
    for _ in range(steps):
        for each in turns.choose(work, limit):
            counted[each.tenant] += each.rows
    return counted


def apart(counted: Counter[str]) -> int:
    return max(counted.values()) - min(counted.values())


even_limits = st.fixed_dictionaries({shape: st.integers(1, MOST // 2) for shape in SHAPES}).map(
    lambda pairs: {shape: PAIR * each for shape, each in pairs.items()}
)


@given(tenants_with_work, even_limits, st.integers(1, 60))
@example({"a": enough(2, set(SHAPES)), "b": enough(2, {"wide"})}, dict.fromkeys(SHAPES, 2), 60)
def test_tenants_who_always_have_work_get_equal_rows_whatever_their_shapes(
    rows: dict[str, dict[str, list[int]]], limits: dict[str, int], steps: int
) -> None:
    counted = served(rows, lambda shape, _: limits[str(shape)], steps)
    assert apart(counted) <= max(limits.values())


one_shape = st.dictionaries(
    st.sampled_from("abcd"),
    st.lists(st.integers(1, PAIR), min_size=MOST, max_size=20),
    min_size=2,
).map(lambda tenants: {tenant: {"square": rows} for tenant, rows in tenants.items()})


@given(one_shape, st.integers(1, MOST // 2), st.integers(1, 100))
def test_with_one_shape_they_are_two_pictures_apart(
    rows: dict[str, dict[str, list[int]]], pairs: int, steps: int
) -> None:
    assert apart(served(rows, at_most(PAIR * pairs), steps)) <= 2 * PAIR


def test_a_tenant_whose_next_picture_is_too_wide_for_what_is_left_keeps_its_turn() -> None:
    rows = {"a": [1, 2, 2, 2, 1, 1, 1, 1], "b": [1, 1, 1, 2, 2, 2, 2, 1]}
    counted = served({tenant: {"square": own} for tenant, own in rows.items()}, at_most(11), 100)
    assert apart(counted) <= 2 * PAIR


@given(one_shape, st.integers(2, MOST), st.integers(1, 100))
@example({"a": {"square": [2] * MOST}, "b": {"square": [1] * MOST}}, 3, 100)
def test_only_a_row_that_nobody_else_can_use_is_given_away(
    rows: dict[str, dict[str, list[int]]], max_rows: int, steps: int
) -> None:
    counted = served(rows, at_most(max_rows), steps)
    assert min(counted.values()) >= steps * (max_rows - 1) / len(rows) - 2 * PAIR


def test_who_could_not_use_its_share_is_not_owed_it() -> None:
    """And who used what was left over need not pay for it."""
    turns = FairTurns(MOST)
    many, more = ([Work(tenant, rank) for rank in range(8)] for tenant in "ac")
    for _ in range(50):
        assert len(turns.choose([Work("b"), *many], at_most(MOST))) == 8
    rows: Counter[str] = Counter()
    for _ in range(6):
        for each in turns.choose([Work("b", 1), *many, *more], at_most(PAIR)):
            rows[each.tenant] += each.rows
    assert rows == {"a": 4, "b": 4, "c": 4}


@given(st.lists(works, min_size=1, max_size=8), works, st.integers(2, 8))
def test_nobody_of_the_highest_priority_waits_for_ever(
    others: list[Work], own: Work, max_rows: int
) -> None:
    """However many newcomers there are: each of the others' pictures is followed by another."""
    own.priority, own.rank, own.tenant = 1, 0, "a"
    turns, work = FairTurns(MOST), [own, *others]
    for steps in range(1, MOST * (len(others) + 1)):
        chosen = turns.choose(work, at_most(max_rows))
        if own in chosen:
            break
        work = [replace(each, rank=each.rank + steps) if each in chosen else each for each in work]
    assert own in chosen
