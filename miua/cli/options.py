"""Arguments and options that several commands share: one wording, one default."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from miua.cli.declaring import argument, option
from miua.errors import MiuaError
from miua.progress import say

if TYPE_CHECKING:
    from miua.analysis.real_images import MeasuredImages
    from miua.data import ImageStack, ReadingOptions
    from miua.evaluation import result

    Read = ImageStack | MeasuredImages | result.Source

STUDY, PAPER, RESULTS = Path("experiments"), Path("paper"), Path("results")

Device = Annotated[Literal["auto", "cpu", "cuda"], option("Where to compute.")]
Threads = Annotated[int | None, option("CPU threads; all cores if not given.", min=1)]
Weights = Annotated[Path | None, option("Weights file for FID, if it was not fetched.")]

Source = Annotated[Path, argument("Folder of images, or an .npy image stack.")]
# Of people's own images; some commands require them.
REAL_IMAGES = option("Real images: a folder, or a .npy, .npz or DICOM file.")
SETS = option("Synthetic images, the same; several times, or a pattern: 'sets/*'.")
MoreSets = Annotated[
    list[Path] | None, argument("Further synthetic sets, as a shell makes of a pattern.")
]
ResizedTo = Annotated[int | None, option("Resize all to this square; not if not given.", min=2)]
Fit = Annotated[Literal["stretch", "crop"], option("How an image becomes square.")]
CropSize = Annotated[
    int | None, option("Pixels that --fit crop takes; the most if not given.", min=1)
]
Window = Annotated[
    str | None, option("For images deeper than 8 bits: LOW:HIGH become 0 and 255; or dicom.")
]
Exclude = Annotated[
    list[str] | None,
    option(
        "Leave out files and folders of this name, or path: '*_seg.png'; several times. Masks and "
        "thumbnails are left out anyway; '' takes them."
    ),
]
SkipBad = Annotated[bool, option("Go on without files that cannot be taken.", "--skip-bad")]

# Steps of the study.
Results = Annotated[Path, argument("A results folder, such as results/smoke.")]
Study = Annotated[Path, option("The folder that says what the study is.")]
Paper = Annotated[Path, option("The LaTeX sources.")]
Cores = Annotated[int | None, option("CPU cores; all if not given.", min=1)]


def reading(
    size: ResizedTo = None,
    fit: Fit = "stretch",
    crop_size: CropSize = None,
    window: Window = None,
    exclude: Exclude = None,
    skip_bad: SkipBad = False,
) -> ReadingOptions:
    """How images are read, checked before the work: no option is without effect."""
    from miua.data import ReadingOptions, parse_window
    from miua.data.reading import EXCLUDED

    if crop_size is not None and fit != "crop":
        raise MiuaError("--crop-size needs --fit crop. Add it, or leave --crop-size out.")
    if size is None and fit == "crop":
        raise MiuaError("--fit crop needs the size of the square: --size N.")
    chosen = parse_window(window) if window else None
    left_out = None
    if exclude:
        left_out = (*(() if "" in exclude else EXCLUDED), *filter(None, exclude))
    return ReadingOptions(size, fit, crop_size, chosen, skip_bad=skip_bad, exclude=left_out)


def resizing(
    size: Annotated[int, option("Side of the square, pixels.", min=2)] = 64,
    fit: Fit = "stretch",
    crop_size: CropSize = None,
    window: Window = None,
    exclude: Exclude = None,
    skip_bad: SkipBad = False,
) -> ReadingOptions:
    """The same of a command that always resizes."""
    return reading(size, fit, crop_size, window, exclude, skip_bad)


def say_read(read: Read) -> None:
    """Tell what was done to the files, and of each that was left out."""
    for line in read_lines(read):
        say(line)


def read_lines(read: Read) -> list[str]:
    """What was done to the files, and each that was left out."""
    return [*read.notes, *map(str, read.skipped)]
