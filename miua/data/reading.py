"""What an image file holds and how it becomes grey values: `Frame`, `ReadingOptions`, windows.

    v <= LOW -> 0,   v >= HIGH -> top,   between them   top (v - LOW) / (HIGH - LOW)

top is 255, or 65535 for a stack of 16 bits. Rounded half up. A DICOM file's own window, of centre c
and width w, is c - w/2 : c + w/2 - 1 for the function LINEAR and c - w/2 : c + w/2 for LINEAR_EXACT
(DICOM PS3.3, C.11.2.1.2). It applies after the modality rescale, as LOW:HIGH does.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from miua.errors import MiuaError

Fit = Literal["stretch", "crop"]
Resize = Literal["bilinear", "bicubic", "lanczos", "box", "nearest"]
Depth = Literal[8, 16]
# A kind of images, their state, and what was done: "3 DICOM images are MONOCHROME1: inverted".
Fact = tuple[str, str, str]
# (LOW, HIGH), or each DICOM file's own.
Window = tuple[float, float] | Literal["dicom"]

# What lies among images and is none, by the names of files and folders: masks (HC18's first),
# thumbnails, and what macOS keeps beside a file on other disks.
EXCLUDED = ("*_Annotation.png", "*_mask.*", "*_Mask.*", "*_mask_[0-9].*", "@eaDir", ".thumbnails",
            "._*")  # fmt: skip


ORIENTATION = 274  # the tag of TIFF and EXIF
DEEP_COLOUR = (
    "is deeper than 8 bits in several channels, which cannot be read without loss. "
    "Save it as a grey image."
)


class RefusedError(Exception):
    """Why one image cannot be taken, and what would help; reads on after the file's name."""


class Frame(NamedTuple):
    """One grey image as its file holds it.

    pixels: (H, W); uint8, or numbers of another type, which need a window. depth: in words, such
    as "16 bits"; empty where the pixels are uint8. window: the file's own window (low, high).
    inverted: whether the lowest value means white; only where there is a depth, other pixels are
    inverted already. facts: what was done to get the pixels.
    """

    pixels: NDArray[Any]
    depth: str = ""
    window: tuple[float, float] | None = None
    inverted: bool = False
    facts: tuple[Fact, ...] = ()


@dataclass(frozen=True)
class ReadingOptions:
    """All that decides which grey values images get: see `miua.data.read_stack` for each;
    ValueError: a value is not allowed."""

    size: int | None = None
    fit: Fit = "stretch"
    crop_size: int | None = None
    window: Window | None = None
    resize: Resize = "bilinear"
    antialias: bool = True
    depth: Depth = 8
    # Not shown: they decide which files are taken, but no grey value, so no cached stack.
    skip_bad: bool = field(default=False, repr=False)
    exclude: Sequence[str] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.size is not None and self.size < 1:
            raise ValueError(f"size must be at least 1, got {self.size}")
        if self.crop_size is not None and self.fit != "crop":
            raise ValueError("crop_size needs fit='crop'")
        for name, known in {"fit": Fit, "resize": Resize, "depth": Depth}.items():
            if (value := getattr(self, name)) not in get_args(known):
                raise ValueError(f"{name} must be one of {get_args(known)}, got {value!r}")
        if isinstance(self.exclude, str):
            raise ValueError(f"exclude takes several patterns, got {self.exclude!r}")
        if self.exclude is not None:
            object.__setattr__(self, "exclude", tuple(self.exclude))
        if self.window is not None:
            object.__setattr__(self, "window", checked_window(self.window))

    @property
    def dtype(self) -> type[np.uint8] | type[np.uint16]:
        """The type of the stack."""
        return np.uint8 if self.depth == 8 else np.uint16

    @property
    def nearest(self) -> bool:
        """Whether each pixel is one of the image's; a box that does not widen is one pixel."""
        return self.resize == "nearest" or (self.resize == "box" and not self.antialias)

    def settings(self) -> dict[str, Any]:
        """For provenance: the size, and what was asked for beyond the defaults."""
        plain = vars(ReadingOptions())
        return {key: v for key, v in vars(self).items() if key == "size" or v != plain[key]}

    def how(self) -> str:
        """What is done to an image that is resized, in words."""
        whole = "stretched"
        if self.crop_size:
            whole = f"the centred {self.crop_size} x {self.crop_size} cropped"
        elif self.fit == "crop":
            whole = "the largest centred square cropped"
        if self.nearest:
            return f"{whole}, nearest pixel"
        return f"{whole}, {self.resize} {'with' if self.antialias else 'without'} antialiasing"


def parse_window(text: str) -> Window:
    """A window as it is given on the command line, LOW:HIGH or dicom; MiuaError if it is none."""
    if text == "dicom":
        return "dicom"
    try:
        low, high = map(float, text.split(":"))
        return checked_window((low, high))
    except ValueError:
        raise MiuaError(
            f"{text!r} is no window. Give LOW:HIGH, two numbers with LOW < HIGH, such as "
            "100:3000, or dicom for each DICOM file's own."
        ) from None


def checked_window(window: Window) -> Window:
    """The window itself; ValueError unless LOW < HIGH are finite or it is "dicom"."""
    if window == "dicom":
        return window
    low, high = window
    if not (isinstance(low, (int, float)) and math.isfinite(low) and math.isfinite(high)):
        raise ValueError(f"a window is (LOW, HIGH) or 'dicom', got {window!r}")
    if low >= high:
        raise ValueError(f"a window needs LOW < HIGH, got {low:g} and {high:g}")
    return float(low), float(high)


def window_of(frame: Frame, window: Window | None) -> tuple[float, float]:
    """LOW and HIGH for a frame that needs a window; RefusedError where none is given."""
    chosen = frame.window if window == "dicom" else window
    if chosen is not None:
        return chosen
    if window == "dicom":
        raise RefusedError("has no window of its own that is linear. Name one: --window LOW:HIGH.")
    _check_finite(frame.pixels)
    own = ""
    if frame.window is not None:
        own = ", or --window dicom for its own ({:g}:{:g})".format(*frame.window)
    what = "has signed values" if frame.pixels.dtype == np.int8 else "is deeper than 8 bits"
    raise RefusedError(
        f"{what} ({frame.depth}); its values run from {frame.pixels.min():g} to "
        f"{frame.pixels.max():g}. How to map them to 0..255 is your choice: "
        f"--window LOW:HIGH{own}."
    )


def through_window(
    values: NDArray[Any], low: float, high: float, top: int
) -> tuple[NDArray[np.float64], int]:
    """The values mapped to 0..top, not rounded, and how many lay outside LOW..HIGH."""
    values = values.astype(np.float64)
    _check_finite(values)
    clipped = int(np.count_nonzero((values < low) | (values > high)))
    if low == high:  # a DICOM window of width 1 is a threshold
        return np.where(values > low, float(top), 0.0), clipped
    return np.clip((values - low) / (high - low), 0.0, 1.0) * top, clipped


def _check_finite(values: NDArray[Any]) -> None:
    if not np.isfinite(values).all():
        raise RefusedError("holds values that are not finite. Replace them.")


def rounded(values: NDArray[Any], dtype: type[np.uint8] | type[np.uint16]) -> NDArray[Any]:
    """Rounded half up to a type's whole range; values beyond it are clipped."""
    return np.clip(np.floor(values + 0.5), 0, np.iinfo(dtype).max).astype(dtype)


def check_size(width: int, height: int) -> None:
    """RefusedError: an image has more pixels than Pillow reads."""
    if width * height > 2 * (Image.MAX_IMAGE_PIXELS or math.inf):
        raise RefusedError(f"is too large ({width} x {height} pixels).")


def upright(frame: Frame, orientation: object) -> Frame:
    """The frame as an EXIF orientation says that it is shown."""
    if orientation not in range(2, 9):
        return frame
    rows = -1 if orientation in (3, 4, 7, 8) else 1
    columns = -1 if orientation in (2, 3, 6, 7) else 1
    pixels = frame.pixels.T if orientation in (5, 6, 7, 8) else frame.pixels
    pixels = np.ascontiguousarray(pixels[::rows, ::columns])
    fact = ("", "stored with an EXIF orientation", "turned upright")
    return frame._replace(pixels=pixels, facts=(*frame.facts, fact))


def one_channel(pixels: NDArray[Any], kind: str) -> tuple[NDArray[Any], Fact]:
    """The one channel of pixels (H, W, 3 or 4) that are grey by content, of any type; RefusedError:
    a pixel has a colour, or is not opaque (the fourth channel, if there is one)."""
    if pixels.shape[2] == 4 and (pixels[..., 3] != np.iinfo(pixels.dtype).max).any():
        raise RefusedError("has transparent pixels. Convert it to 8-bit grey explicitly.")
    grey = pixels[..., :1]
    if (pixels[..., 1:3] != grey).any():
        raise RefusedError("has coloured pixels. Convert it to 8-bit grey explicitly.")
    return np.ascontiguousarray(grey[..., 0]), (kind, "grey by content", "one channel taken")
