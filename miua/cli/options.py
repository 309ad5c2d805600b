"""Arguments and options that several commands share: one wording, one default."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

import typer

from miua.errors import MiuaError
from miua.progress import say

if TYPE_CHECKING:
    from miua.data import ReadingOptions, Skipped

STUDY, PAPER, RESULTS = Path("experiments"), Path("paper"), Path("results")
REPEATS = RESULTS / "repeats"

Device = Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="Where to compute.")]
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads; all cores if not given.")]
Weights = Annotated[Path | None, typer.Option(help="Weights file for FID, if it was not fetched.")]

MoreSets = Annotated[
    list[Path] | None,
    typer.Argument(help="Further synthetic sets, as a shell makes of a pattern."),
]
ResizedTo = Annotated[
    int | None, typer.Option(min=2, help="Resize all to this square; not if not given.")
]
Fit = Annotated[Literal["stretch", "crop"], typer.Option(help="How an image becomes square.")]
CropSize = Annotated[
    int | None, typer.Option(min=1, help="Pixels that --fit crop takes; the most if not given.")
]
Window = Annotated[
    str | None,
    typer.Option(help="For images deeper than 8 bits: LOW:HIGH become 0 and 255; or dicom."),
]
SkipBad = Annotated[
    bool, typer.Option("--skip-bad", help="Go on without files that cannot be taken.")
]

# Measuring real images.
Real = Annotated[
    Path, typer.Argument(help="Folder of real images, named as HC18's: NNN_HC.png, NNN_2HC.png.")
]
OutTable = Annotated[
    Path, typer.Option(help="The .csv to write, its provenance beside it (.json).")
]
Side = Annotated[int, typer.Option(min=2, help="Side of the square, pixels.")]
Half = Annotated[
    int | None, typer.Option(min=1, help="Images in each half; as many as fit, up to 400.")
]

# Steps of the study.
Results = Annotated[Path, typer.Argument(help="A results folder, such as results/smoke.")]
Study = Annotated[Path, typer.Option(help="The folder that says what the study is.")]
Paper = Annotated[Path, typer.Option(help="The LaTeX sources.")]

# All steps of the study.
ProfileName = Annotated[
    str | None, typer.Option(help="smoke, cpu or paper; by the hardware if not given.")
]
ResultsParent = Annotated[Path, typer.Option(help="Where results folders go.")]
Cores = Annotated[int | None, typer.Option(min=1, help="CPU cores; all if not given.")]
Executor = Annotated[
    str,
    typer.Option(help="Where the steps run: local, slurm, or a folder of settings for a cluster."),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show what there is to do, and what it will take here.")
]


def reads_images(
    *, size: int | None = None, square: bool = True
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of how images are read; it gets them as its argument `reading`.

    The options stand where the command has that parameter: --window and --skip-bad, and before them
    --size, --fit and --crop-size unless `square` is false. size: the default; None resizes nothing.
    """
    options: dict[str, tuple[Any, Any]] = {"window": (Window, None), "skip_bad": (SkipBad, False)}
    if square:
        sized = (ResizedTo if size is None else Side, size)
        options = {"size": sized, "fit": (Fit, "stretch"), "crop_size": (CropSize, None), **options}

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def wrapped(**given: Any) -> None:
            chosen = {name: given.pop(name) for name in options}
            command(reading=_reading(**chosen), **given)

        hints = get_type_hints(command, localns={"ReadingOptions": Any}, include_extras=True)
        del hints["reading"], hints["return"]
        parameters: list[inspect.Parameter] = []
        for name, parameter in inspect.signature(command).parameters.items():
            parameters += (
                [parameter.replace(annotation=hints[name])]
                if name in hints
                else [
                    parameter.replace(name=option, annotation=annotation, default=default)
                    for option, (annotation, default) in options.items()
                ]
            )
        wrapped.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        wrapped.__annotations__ = hints
        return wrapped

    return decorate


def say_skipped(skipped: Iterable[Skipped]) -> None:
    """Tell of each file that was left out."""
    for each in skipped:
        say(f"left out {each.name}: {each.reason}")


def _reading(
    size: int | None = None,
    fit: Literal["stretch", "crop"] = "stretch",
    crop_size: int | None = None,
    window: str | None = None,
    skip_bad: bool = False,
) -> ReadingOptions:
    """The options, checked before the work: none is without effect."""
    from miua.data import ReadingOptions, parse_window

    if crop_size is not None and fit != "crop":
        raise MiuaError("--crop-size needs --fit crop. Add it, or leave --crop-size out.")
    if size is None and fit == "crop":
        raise MiuaError("--fit crop needs the size of the square: --size N.")
    chosen = parse_window(window) if window else None
    return ReadingOptions(size, fit, crop_size, chosen, skip_bad=skip_bad)
