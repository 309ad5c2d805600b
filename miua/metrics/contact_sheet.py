"""A contact sheet of the synthetic images nearest to a reference image, to be looked at.

Grey on white, without colours: what counts as a copy is framed and labelled.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from miua.metrics.memorisation import Memorisation
from miua.metrics.registry import COMPUTED
from miua.metrics.variants import transformed

WHITE, EDGE, GREY, BLACK = 255, 190, 95, 0
TILE = 144  # Small images are zoomed by a whole factor to no less, larger ones reduced to no more
LARGEST = 288  # than this many pixels a side.
GAP = 6  # between the images of a pair
MARGIN, BETWEEN = 20, 10  # around the sheet, and between its pairs
LINE = 20  # from one line of text to the next
TEXT, TITLE = 15, 19  # font sizes
FRAME = 3
DARKEST = 100  # the difference in grey levels that is drawn black
HEADINGS = ("synthetic", "nearest real image", "difference")


def contact_sheet(
    reference: NDArray[np.uint8],
    synthetic: NDArray[np.uint8],
    memorisation: Memorisation,
    *,
    pairs: int = 16,
    columns: int = 2,
    reference_names: Sequence[str] | None = None,
    synthetic_names: Sequence[str] | None = None,
) -> Image.Image:
    """The `pairs` likeliest copies beside their reference image: a grey picture (mode "L").

    reference, synthetic: the stacks (N, H, W) and (M, H, W) that `find_copies` judged. pairs,
    columns: at most so many pairs, so many in a row. Names default to places in the stacks, from 0.
    Under each pair: the file names, how the reference image was transformed, the distance in grey
    levels and the relative distance. ValueError: stacks or names of other lengths.
    """
    if len(reference) != len(memorisation.groups) or len(synthetic) != len(memorisation.index):
        raise ValueError("reference and synthetic must be the stacks that find_copies judged")
    if pairs < 1 or columns < 1:
        raise ValueError(f"pairs and columns must be at least 1, not {pairs} and {columns}")
    real_names = _names(reference_names, len(reference), "reference")
    made_names = _names(synthetic_names, len(synthetic), "synthetic")
    chosen = memorisation.closest[:pairs]
    shown = [
        _pair(reference, synthetic, memorisation, int(place), real_names, made_names)
        for place in chosen
    ]
    columns = min(columns, max(1, len(shown)))
    height, width = (shown[0].height, shown[0].width) if shown else (0, 6 * TILE)
    sheet_width = 2 * MARGIN + columns * width + (columns - 1) * BETWEEN
    title = list(_title(memorisation, len(chosen), sheet_width - 2 * MARGIN))
    top = MARGIN + sum(line.height for line in title) + MARGIN // 2
    rows = -(-len(shown) // columns)
    sheet = Image.new("L", (sheet_width, top + rows * (height + BETWEEN) + BETWEEN), WHITE)
    _write(sheet, title, MARGIN, MARGIN)
    for number, pair in enumerate(shown):
        row, column = divmod(number, columns)
        sheet.paste(pair, (MARGIN + column * (width + BETWEEN), top + row * (height + BETWEEN)))
    return sheet


def in_words(flipped: bool, rotation: float) -> str:
    """How a reference image was transformed: "as it is", "rotated -6°", "flipped, rotated 4°"."""
    words = ["flipped"] if flipped else []
    if rotation:
        words.append(f"rotated {rotation:g}°")
    return ", ".join(words) or "as it is"


@dataclass(frozen=True)
class _Line:
    """A line of text: its size in pixels, its grey, and how much room it takes."""

    text: str
    size: int = TEXT
    grey: int = BLACK
    height: int = LINE


def _title(memorisation: Memorisation, shown: int, width: int) -> Iterator[_Line]:
    """What is seen and what was found, broken to the width."""
    total, copies = len(memorisation.index), len(memorisation.flagged)
    for text in _broken(
        f"The {shown} of {total} synthetic images most like one of the "
        f"{len(memorisation.groups)} reference images",
        TITLE,
        width,
    ):
        yield _Line(text, TITLE, height=TITLE + 7)
    if memorisation.status == COMPUTED:
        found = (
            f"A copy is nearer to a reference image than {memorisation.threshold:.3f} times its "
            f"distance to the nearest image of another subject. Copies found: {copies} of {total}"
            f"{', framed here' if copies else ''}; "
            f"expected by chance: {memorisation.expected_false_alarms:.2g}."
        )
    else:
        found = f"Which are copies was {memorisation.status}."
    legend = (
        "Distance: root mean squared difference in grey levels. Relative: over that to the nearest "
        "image of another subject. Difference: white where equal, black from "
        f"{DARKEST} grey levels on."
    )
    for text in _broken(found, TEXT, width):
        yield _Line(text)
    for text in _broken(legend, TEXT, width):
        yield _Line(text, grey=GREY)


def _pair(
    reference: NDArray[np.uint8],
    synthetic: NDArray[np.uint8],
    memorisation: Memorisation,
    place: int,
    reference_names: Sequence[str],
    synthetic_names: Sequence[str],
) -> Image.Image:
    """One synthetic image, its reference image, their difference, and what is said of them."""
    source = int(memorisation.index[place])
    flipped, rotation = bool(memorisation.flipped[place]), float(memorisation.rotation[place])
    made = synthetic[place]
    real = transformed(reference[source : source + 1], flipped, rotation)[0]
    relative = float(memorisation.relative_distance[place])
    captions = (
        (synthetic_names[place], ""),
        (reference_names[source], in_words(flipped, rotation)),
        (
            f"distance {memorisation.distance[place]:.1f}",
            "" if np.isnan(relative) else f"relative {relative:.2f}",
        ),
    )
    tiles = [_tile(image) for image in (made, real, _difference(made, real))]
    width, height = tiles[0].size
    inset = FRAME + GAP
    picture = Image.new(
        "L", (3 * width + 2 * GAP + 2 * inset, LINE + height + 2 * LINE + GAP + 2 * inset), WHITE
    )
    draw = ImageDraw.Draw(picture)
    for number, (tile, heading, lines) in enumerate(zip(tiles, HEADINGS, captions, strict=True)):
        left = inset + number * (width + GAP)
        _write(picture, [_Line(_cut(heading, width), grey=GREY)], left, inset)
        picture.paste(tile, (left, inset + LINE))
        # Thin and outside the pixels: images that are equal differ by a white square.
        edges = (left - 1, inset + LINE - 1, left + width, inset + LINE + height)
        draw.rectangle(edges, outline=EDGE)
        written = [_Line(_cut(line, width)) for line in lines]
        _write(picture, written, left, inset + LINE + height + GAP)
    if place in memorisation.flagged:
        draw.rectangle((0, 0, picture.width - 1, picture.height - 1), outline=BLACK, width=FRAME)
        _mark(draw, inset, inset + 2 * LINE + height + GAP)
    return picture


def _difference(made: NDArray[np.uint8], real: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The difference of two images as dark on white."""
    darkness = np.minimum(np.abs(made.astype(np.float64) - real) / DARKEST, 1)
    drawn: NDArray[np.uint8] = np.rint(WHITE * (1 - darkness)).astype(np.uint8)
    return drawn


def _mark(draw: ImageDraw.ImageDraw, left: int, top: int) -> None:
    """The word COPY, white on black, in place of a line of text."""
    word = "COPY"
    width = _width(word, TEXT)
    draw.rectangle((left, top, left + width + 10, top + LINE), fill=BLACK)
    draw.text((left + 5, top + 1), word, fill=WHITE, font=_font(TEXT))


def _tile(image: NDArray[np.uint8]) -> Image.Image:
    """An image zoomed by a whole factor, each pixel a square, or reduced by one."""
    picture = Image.fromarray(image)
    zoom = -(-TILE // max(picture.size))
    reduction = -(-max(picture.size) // LARGEST)
    if reduction > 1:
        picture = picture.reduce(reduction)
    size = (picture.width * zoom, picture.height * zoom)
    return picture.resize(size, Image.Resampling.NEAREST)


def _write(picture: Image.Image, lines: Sequence[_Line], left: int, top: int) -> None:
    draw = ImageDraw.Draw(picture)
    for line in lines:
        draw.text((left, top), line.text, fill=line.grey, font=_font(line.size))
        top += line.height


def _broken(text: str, size: int, width: int) -> list[str]:
    """Text broken between words into lines no wider than `width`, where words allow it."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and _width(longer, size) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _cut(text: str, width: int) -> str:
    """Text no wider than `width`: what is too long loses its middle, as names differ at the end."""
    if _width(text, TEXT) <= width:
        return text
    for kept in range(len(text) - 1, 1, -1):
        start, end = kept - kept // 2, kept // 2
        shorter = f"{text[:start]}…{text[len(text) - end :]}"
        if _width(shorter, TEXT) <= width:
            return shorter
    return "…"


def _width(text: str, size: int) -> float:
    return float(_font(size).getlength(text))


@cache
def _font(size: int) -> Any:
    """Pillow's own font."""
    return ImageFont.load_default(size)


def _names(names: Sequence[str] | None, count: int, stack: str) -> Sequence[str]:
    if names is None:
        return [f"{stack} {place}" for place in range(count)]
    if len(names) != count:
        raise ValueError(f"{stack}_names must name {count} images, not {len(names)}")
    return names
