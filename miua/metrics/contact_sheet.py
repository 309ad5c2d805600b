"""A contact sheet of the synthetic images nearest to a reference image, to be looked at.

Grey on white, without colours: what counts as a copy is framed and labelled.
"""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from miua.metrics.memorisation import Memorisation
from miua.metrics.registry import COMPUTED
from miua.metrics.stacks import Grey
from miua.metrics.variants import transformed

WHITE, EDGE, GREY, BLACK = 255, 190, 95, 0
TILE = 144  # Small images are zoomed by a whole factor to no less, larger ones reduced to no more
LARGEST = 288  # than this many pixels a side.
GAP = 6  # between the images of a pair
MARGIN, BETWEEN = 20, 10  # around the sheet, and between its pairs
TEXT, TITLE = 15, 19  # font sizes
HEIGHTS = {TEXT: 20, TITLE: 26}  # from one line of text to the next
LINE = HEIGHTS[TEXT]
FRAME = 3
DARKEST = 100  # the difference in grey levels that is drawn black
HEADINGS = ("synthetic", "nearest real image", "difference")


def contact_sheet(
    reference: Grey,
    synthetic: Grey,
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
    shown = []
    for place in map(int, memorisation.closest[:pairs]):
        source = int(memorisation.index[place])
        turn = bool(memorisation.flipped[place]), float(memorisation.rotation[place])
        relative = memorisation.relative_distance[place]
        beside = "" if np.isnan(relative) else f"relative {relative:.2f}"
        apart = (f"distance {memorisation.distance[place]:.1f}", beside)
        captions = ((made_names[place], ""), (real_names[source], in_words(*turn)), apart)
        real = transformed(reference[source : source + 1], *turn)[0]
        copy = place in memorisation.flagged
        shown.append(_pair(synthetic[place], real, captions, copy))
    columns = min(columns, max(1, len(shown)))
    height, width = (shown[0].height, shown[0].width) if shown else (0, 6 * TILE)
    sheet_width = 2 * MARGIN + columns * width + (columns - 1) * BETWEEN
    title = _title(memorisation, len(shown), sheet_width - 2 * MARGIN)
    top = MARGIN + sum(HEIGHTS[line.size] for line in title) + MARGIN // 2
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


class _Line(NamedTuple):
    text: str
    size: int = TEXT
    grey: int = BLACK


def _title(memorisation: Memorisation, shown: int, width: int) -> list[_Line]:
    """What is seen and what was found, broken to the width."""
    total, copies = len(memorisation.index), len(memorisation.flagged)
    seen = (
        f"The {shown} of {total} synthetic images most like one of the "
        f"{len(memorisation.groups)} reference images"
    )
    found = f"Which are copies was {memorisation.status}."
    if memorisation.status == COMPUTED:
        found = (
            f"A copy is nearer to a reference image than {memorisation.threshold:.3f} times its "
            f"distance to the nearest image of another subject. Copies found: {copies} of {total}"
            f"{', framed here' if copies else ''}; "
            f"expected by chance: {memorisation.expected_false_alarms:.2g}."
        )
    legend = (
        "Distance: root mean squared difference in grey levels. Relative: over that to the nearest "
        "image of another subject. Difference: white where equal, black from "
        f"{DARKEST} grey levels on."
    )
    return [
        _Line(text, line.size, line.grey)
        for line in (_Line(seen, TITLE), _Line(found), _Line(legend, grey=GREY))
        for text in _broken(line.text, line.size, width)
    ]


def _pair(made: Grey, real: Grey, captions: Sequence[Sequence[str]], copy: bool) -> Image.Image:
    """A synthetic image, its reference image, their difference, and what is said of each."""
    darkness = np.minimum(np.abs(made.astype(np.float64) - real) / DARKEST, 1)
    difference = np.rint(WHITE * (1 - darkness)).astype(np.uint8)
    tiles = [_tile(image) for image in (made, real, difference)]
    width, height = tiles[0].size
    inset = FRAME + GAP
    below = inset + LINE + height + GAP
    picture = Image.new("L", (3 * width + 2 * GAP + 2 * inset, below + 2 * LINE + inset), WHITE)
    draw = ImageDraw.Draw(picture)
    for number, (tile, heading, lines) in enumerate(zip(tiles, HEADINGS, captions, strict=True)):
        left = inset + number * (width + GAP)
        _write(picture, [_Line(_cut(heading, width), grey=GREY)], left, inset)
        picture.paste(tile, (left, inset + LINE))
        # Thin and outside the pixels: images that are equal differ by a white square.
        edges = (left - 1, inset + LINE - 1, left + width, inset + LINE + height)
        draw.rectangle(edges, outline=EDGE)
        _write(picture, [_Line(_cut(line, width)) for line in lines], left, below)
    if copy:
        draw.rectangle((0, 0, picture.width - 1, picture.height - 1), outline=BLACK, width=FRAME)
        top, word = below + LINE, "COPY"  # white on black, in place of a line of text
        right = inset + _width(word, TEXT) + 10
        draw.rectangle((inset, top, right, top + LINE), fill=BLACK)
        draw.text((inset + 5, top + 1), word, fill=WHITE, font=_font(TEXT))
    return picture


def _tile(image: Grey) -> Image.Image:
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
        top += HEIGHTS[line.size]


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


_font = cache(ImageFont.load_default)  # Pillow's own


def _width(text: str, size: int) -> float:
    return float(_font(size).getlength(text))


def _names(names: Sequence[str] | None, count: int, stack: str) -> Sequence[str]:
    if names is None:
        return [f"{stack} {place}" for place in range(count)]
    if len(names) != count:
        raise ValueError(f"{stack}_names must name {count} images, not {len(names)}")
    return names
