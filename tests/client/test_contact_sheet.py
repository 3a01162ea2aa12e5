"""The contact sheet: its size, and that everything is on it."""

import numpy as np
import pytest
from PIL import Image

from deploy.contact_sheet import Cell, Figure, contact_sheet

COLOURS = [(250, 20 * number, 10) for number in range(8)]


def _sheet(count: int, source: tuple[int, int] = (64, 64), columns: int = 4) -> Image.Image:
    cells = [
        Cell(Image.new("RGB", (64, 64), colour), f"a photo of <ann>, number {number}")
        for number, colour in enumerate(COLOURS[:count])
    ]
    picture = Image.new("RGB", source, (0, 0, 255))
    return contact_sheet(picture, cells, "Title", [Figure("31 s", "to learn")], columns)


def _area(sheet: Image.Image, colour: tuple[int, int, int]) -> int:
    """Pixels of exactly this colour."""
    return int((np.asarray(sheet) == colour).all(axis=-1).sum())


@pytest.mark.parametrize(("count", "columns", "rows"), [(8, 4, 2), (5, 4, 2), (3, 2, 2)])
def test_every_picture_appears_enlarged_four_times(count: int, columns: int, rows: int) -> None:
    sheet = _sheet(count, columns=columns)
    for colour in COLOURS[:count]:
        assert _area(sheet, colour) == pytest.approx(256 * 256, rel=0.01)
    assert _area(sheet, (0, 0, 255)) == pytest.approx(384 * 384, rel=0.01)
    assert sheet.width == 56 + 384 + 56 + columns * 256 + (columns - 1) * 28 + 56
    assert sheet.height > rows * 256


@pytest.mark.parametrize("source", [(3000, 1000), (50, 900), (1, 1)])
def test_a_source_of_any_shape_keeps_its_proportions(source: tuple[int, int]) -> None:
    blue = (np.asarray(_sheet(1, source)) == (0, 0, 255)).all(axis=-1)
    height, width = blue.any(axis=1).sum(), blue.any(axis=0).sum()
    assert max(width, height) == 384
    assert width / height == pytest.approx(source[0] / source[1], rel=0.05)


def test_a_long_prompt_stays_below_its_picture() -> None:
    picture = Image.new("RGB", (64, 64), COLOURS[0])
    short, long = (
        contact_sheet(picture, [Cell(picture, prompt)] * 2, "Title", columns=1)
        for prompt in ("a cup", "a photo of <ann> " * 30)
    )
    assert short.size == long.size
    assert _area(long, COLOURS[0]) == _area(short, COLOURS[0])


def test_the_same_input_gives_the_same_sheet() -> None:
    assert _sheet(8).tobytes() == _sheet(8).tobytes()
