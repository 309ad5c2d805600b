"""What was done to the images of a stack, counted, and said in plain sentences."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from miua.data.frame import Fact, in_words
from miua.data.resize import Square
from miua.data.window import Window, window_in_words


@dataclass
class Notes:
    """Counts of images, by what was done to them.

    resized, cropped: by (width, height) before. windowed: by depth, and the pixels of these images
    and how many of them lay outside the window. as_is: images of 8 bits.
    """

    facts: Counter[Fact] = field(default_factory=Counter)
    resized: Counter[tuple[int, int]] = field(default_factory=Counter)
    cropped: Counter[tuple[int, int]] = field(default_factory=Counter)
    windowed: Counter[str] = field(default_factory=Counter)
    pixels: Counter[str] = field(default_factory=Counter)
    clipped: Counter[str] = field(default_factory=Counter)
    as_is: int = 0

    def add(self, other: Notes) -> None:
        """Count what was done to other images, too."""
        self.as_is += other.as_is
        for mine, theirs in zip(self._counters(), other._counters(), strict=True):
            mine.update(theirs)

    def _counters(self) -> list[Counter[Any]]:
        return [value for value in vars(self).values() if isinstance(value, Counter)]

    def sentences(self, square: Square, window: Window | None, depth: int) -> tuple[str, ...]:
        """One sentence for each kind of conversion; none where nothing was done."""
        said = [
            f"{images_in_words(n, kind)} {'is' if n == 1 else 'are'} {state}: {done}"
            for (kind, state, done), n in sorted(self.facts.items())
        ]
        if window is not None:
            for deep, n in sorted(self.windowed.items()):
                share = 100 * self.clipped[deep] / self.pixels[deep]
                said.append(
                    f"{images_in_words(n)} of {deep}: {window_in_words(window)} to "
                    f"0..{2**depth - 1}, {_percent(share)} of the pixels clipped"
                )
            if self.as_is:
                said.append(
                    f"{images_in_words(self.as_is)} of 8 bits: taken as stored, without the window"
                )
        if depth == 16 and self.as_is:
            said.append(f"{images_in_words(self.as_is)} of 8 bits: scaled by 257 to 16 bits")
        if self.cropped:
            said.append(
                f"cropped {_sizes(self.cropped)} to the centred {square.size} x {square.size}"
            )
        if self.resized:
            said.append(
                f"resized {_sizes(self.resized)} to {square.size} x {square.size}: {square.how()}"
            )
        return tuple(said)


def left_out(excluded: Counter[str], unread: Counter[str]) -> tuple[str, ...]:
    """One sentence for each kind of file in a folder that was not read; see `folder.Found`."""
    said = [
        f"left out {files_in_words(n)} named {pattern}" for pattern, n in sorted(excluded.items())
    ]
    if unread:
        suffixes = in_words(sorted(unread, key=lambda suffix: (-unread[suffix], suffix)), 10)
        said.append(
            f"left out {files_in_words(unread.total())} of formats that are not read here "
            f"({suffixes})"
        )
    return tuple(said)


def stands_for_folder(name: str, beside: int) -> str:
    """That one folder or file in a folder was read, and not the images beside it."""
    rest = f", not the {files_in_words(beside, 'image')} beside it" if beside else ""
    return f"read {name} of the folder{rest}"


def files_in_words(count: int, kind: str = "") -> str:
    """A number of files: "1 image file"."""
    return f"{count:,} {kind + ' ' if kind else ''}file{'' if count == 1 else 's'}"


def images_in_words(count: int, kind: str = "") -> str:
    """A number of images: "1 RGB image"."""
    return f"{count:,} {kind + ' ' if kind else ''}image{'' if count == 1 else 's'}"


def _sizes(counts: Counter[tuple[int, int]]) -> str:
    width, height = max(counts, key=lambda size: (size[0] * size[1], size))
    images = images_in_words(counts.total())
    if len(counts) == 1:
        return f"{images} of {width} x {height}"
    return f"{images} of {len(counts):,} sizes (largest {width} x {height})"


def _percent(share: float) -> str:
    return "under 0.1 %" if 0 < share < 0.05 else f"{share:.1f} %"
