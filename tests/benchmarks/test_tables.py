"""The serving benchmark's figures are held against their bars, and pages are written whole."""

from pathlib import Path

import pytest

from benchmarks.breakdown import parts
from benchmarks.crowd import Bars, Crowd
from benchmarks.load import Result
from benchmarks.tables import Row, Table, comparison, write_section
from benchmarks.triton_counts import Counts


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
        peer_seconds=0.5,
    )
    rows = Bars(throughput=1.5, peer_throughput=4, mean=0.75, p95=0.4).rows(crowd)
    assert [(row.figure, row.bar) for row in rows] == [
        ("4.00x", ">= 1.5x: reached"),
        ("0.50x", "<= 0.75x: reached"),
        ("0.50x", "<= 0.4x: missed"),
        ("2.00x", ">= 4x: missed"),
    ]


def test_the_parts_of_a_latency_add_up_to_it() -> None:
    phases = {"text": 1.0, "queue": 2.0, "denoise": 10.0, "decode": 3.0}
    counted = Counts(20, 40, step_seconds=9.5, call_seconds=9, unet_seconds=7, phase_seconds=phases)
    latency, *others = parts(17.0, counted)
    whole = [each.seconds for each in others if not each.name.startswith("of it")]
    assert latency.seconds == sum(whole) == 17
    within = [each.seconds for each in others if each.name.startswith("of it")]
    assert within == [7, 2, 1]


def test_each_benchmark_has_its_part_of_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    table = Table("Title", "Text.", [Row("a", "1", ">= 2")], "Note.")
    write_section(page, "Two", ["an older one"], [])
    write_section(page, "One", ["on two cores"], [table])
    write_section(page, "Two", ["a newer one"], [])
    assert page.read_text() == (
        "# One\n\non two cores\n\n## Title\n\nText.\n\n| what | figure | bar |\n|---|---|---|\n"
        "| a | 1 | >= 2 |\n\nNote.\n\n# Two\n\na newer one\n"
    )
    assert list(tmp_path.iterdir()) == [page]
