"""Which pictures share a step: in turns, never over the limit, nobody left behind."""

from dataclasses import dataclass
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from sampler.batch import choose
from sampler.picture import Picture


@dataclass(eq=False)
class Rows:
    """All that choosing looks at."""

    rows: int


def of_rows(*requests: list[int]) -> list[list[Picture]]:
    return [[cast(Picture, Rows(rows)) for rows in request] for request in requests]


def test_takes_all_that_fit() -> None:
    requests = of_rows([2], [1, 1], [2])
    chosen = choose(requests, 8)
    assert set(chosen) == {picture for request in requests for picture in request}


def test_a_request_of_many_pictures_does_not_crowd_out_one_of_one() -> None:
    many, one = requests = of_rows([2] * 16, [2])
    assert choose(requests, 4) == [many[0], one[0]]


def test_the_first_pictures_of_a_request_go_first() -> None:
    (many,) = requests = of_rows([2] * 16)
    assert choose(requests, 8) == many[:4]


def test_fills_a_gap_with_a_picture_that_fits() -> None:
    guided, also_guided, plain = requests = of_rows([2], [2], [1])
    assert choose(requests, 3) == [guided[0], plain[0]]
    assert also_guided[0] not in choose(requests, 3)


def test_nothing_to_do() -> None:
    assert choose([], 8) == []


@given(
    st.lists(st.lists(st.integers(1, 2), min_size=1, max_size=5), min_size=1, max_size=6),
    st.integers(2, 16),
)
def test_never_over_the_limit_and_every_turn_moves_somebody(
    requests: list[list[int]], max_rows: int
) -> None:
    pictures = of_rows(*requests)
    waiting = list(pictures)
    for _ in range(len(pictures)):
        chosen = choose(waiting, max_rows)
        assert 0 < sum(picture.rows for picture in chosen) <= max_rows
        assert len(set(chosen)) == len(chosen)
        assert waiting[0][0] in chosen
        waiting.append(waiting.pop(0))
