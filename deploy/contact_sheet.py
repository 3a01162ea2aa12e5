"""A contact sheet: the source image beside the pictures drawn from it, each with its prompt."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont
from PIL.Image import Resampling

_PAPER, _INK, _MUTED, _ACCENT, _RULE = "#faf8f4", "#1f1d1a", "#78736a", "#c2410c", "#e2ddd3"

_MARGIN, _GAP = 56, 28  # pixels
_CELL, _SOURCE = 256, 384  # side of a drawn picture, and of the box that the source is fitted into
_RADIUS = 14  # of the pictures' corners
_TITLE_SIZE, _VALUE_SIZE, _TEXT_SIZE = 46, 40, 20
_CAPTION_LINES = 2
_LINE = 27  # height of a line of text
_SMOOTH = 4  # corners are drawn this much larger and averaged down

_WORD = re.compile(r"\S+")


@dataclass(frozen=True)
class Cell:
    """A picture and the prompt that it was drawn from."""

    picture: Image.Image
    prompt: str


@dataclass(frozen=True)
class Figure:
    """A measured figure, such as `31 s` and `to learn`."""

    value: str
    label: str


def contact_sheet(
    source: Image.Image,
    cells: Sequence[Cell],
    title: str,
    figures: Sequence[Figure] = (),
    columns: int = 4,
) -> Image.Image:
    """Lays out the sheet.

    Args:
        source: the image that the identity was learned from, of any size.
        cells: the pictures, in reading order; each is shown with its prompt below.
        title: one line above all.
        figures: shown below the source image.
        columns: pictures side by side.

    Returns:
        An RGB image; its size follows from the numbers of cells and figures.
    """
    rows = -(-len(cells) // columns)
    row_height = _CELL + 14 + _CAPTION_LINES * _LINE
    top = _MARGIN + _TITLE_SIZE + 44
    side = _fit(source, _SOURCE)
    left_height = side.height + 14 + _LINE + 34 + len(figures) * 84
    grid_left = _MARGIN + _SOURCE + 2 * _GAP
    width = grid_left + columns * _CELL + (columns - 1) * _GAP + _MARGIN
    height = top + max(rows * row_height + (rows - 1) * _GAP, left_height) + _MARGIN - 16
    sheet = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(sheet)

    draw.text((_MARGIN - 2, _MARGIN - 12), title, _INK, _font(_TITLE_SIZE))
    _paste_rounded(sheet, side, (_MARGIN, top))
    y = top + side.height + 12
    draw.text((_MARGIN, y), "the one image it learned from", _MUTED, _font(_TEXT_SIZE))
    y += _LINE + 28
    for figure in figures:
        draw.line((_MARGIN, y, _MARGIN + _SOURCE, y), _RULE, 2)
        baseline = y + 56
        draw.text((_MARGIN, baseline), figure.value, _INK, _font(_VALUE_SIZE), anchor="ls")
        end = _MARGIN + _SOURCE
        draw.text((end, baseline), figure.label, _MUTED, _font(_TEXT_SIZE), anchor="rs")
        y += 84

    for number, cell in enumerate(cells):
        row, column = divmod(number, columns)
        x = grid_left + column * (_CELL + _GAP)
        y = top + row * (row_height + _GAP)
        picture = cell.picture.convert("RGB").resize((_CELL, _CELL), Resampling.LANCZOS)
        _paste_rounded(sheet, picture, (x, y))
        _draw_caption(draw, cell.prompt, (x, y + _CELL + 12))
    return sheet


def _fit(picture: Image.Image, side: int) -> Image.Image:
    """The picture as large as fits into a square of this side."""
    scale = side / max(picture.size)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    return picture.convert("RGB").resize(size, Resampling.LANCZOS)


def _paste_rounded(sheet: Image.Image, picture: Image.Image, corner: tuple[int, int]) -> None:
    large = Image.new("L", (picture.width * _SMOOTH, picture.height * _SMOOTH))
    box = (0, 0, large.width - 1, large.height - 1)
    ImageDraw.Draw(large).rounded_rectangle(box, _RADIUS * _SMOOTH, fill=255)
    sheet.paste(picture, corner, large.reduce(_SMOOTH))


def _draw_caption(draw: ImageDraw.ImageDraw, prompt: str, corner: tuple[int, int]) -> None:
    """Writes a prompt below its picture; placeholders stand out, what does not fit is cut off."""
    font = _font(_TEXT_SIZE)
    space = font.getlength(" ")
    x, y = float(corner[0]), corner[1]
    line = 1
    for match in _WORD.finditer(prompt):
        word = match.group()
        length = font.getlength(word)
        if x > corner[0] and x + length > corner[0] + _CELL:
            if line == _CAPTION_LINES:
                draw.text((x - space, y), "...", _MUTED, font)
                return
            x, y, line = float(corner[0]), y + _LINE, line + 1
        draw.text((x, y), word, _ACCENT if word.startswith("<") else _INK, font)
        x += length + space


def _font(size: int) -> ImageFont.FreeTypeFont:
    """Pillow's own scalable font. Raises OSError where Pillow was built without FreeType."""
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise OSError("this Pillow was built without FreeType")
    return font
