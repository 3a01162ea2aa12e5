"""The serving benchmark's figures are held against their bars, and its page is written whole."""

from pathlib import Path

import pytest

from benchmarks.crowd import Bars, Crowd
from benchmarks.load import Result
from benchmarks.tables import Row, Table, comparison, write_page


@pytest.mark.parametrize(
    ("bar", "told"),
    [
        ({"at_least": 1.5}, ("1.50x", ">= 1.5x: reached")),
        ({"at_least": 1.51}, ("1.50x", ">= 1.51x: missed")),
        ({"at_most": 1.5}, ("1.50x", "<= 1.5x: reached")),
        ({"at_most": 1.4}, ("1.50x", "<= 1.4x: missed")),
        ({}, ("1.50x", "")),
    ],
)
def test_a_ratio_is_told_with_its_bar(bar: dict[str, float], told: tuple[str, str]) -> None:
    assert comparison(1.5, **bar) == told


def test_a_crowd_is_compared_with_its_peers() -> None:
    crowd = Crowd(
        apart=0.1,
        in_turn=Result(8.0, (1.0,) * 8),
        by_request=Result(4.0, (2.0,) * 8),
        by_step=Result(2.0, (1.0,) * 8),
    )
    rows = Bars(throughput=1.5, mean=0.75, p95=0.4).rows(crowd, None)
    assert [(row.figure, row.bar) for row in rows] == [
        ("4.00x", ">= 1.5x: reached"),
        ("0.50x", "<= 0.75x: reached"),
        ("0.50x", "<= 0.4x: missed"),
    ]


def test_the_page_holds_machine_and_tables(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("an older one")
    write_page(page, "two cores", [Table("Title", "Text.", [Row("a", "1", ">= 2")], "Note.")])
    text = page.read_text()
    assert "Machine: two cores" in text
    assert "## Title\n\nText.\n\n| what | figure | bar |" in text
    assert "| a | 1 | >= 2 |" in text
    assert list(tmp_path.iterdir()) == [page]
