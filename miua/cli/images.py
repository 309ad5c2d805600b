"""Images to work on: `miua fetch`, `phantom`, `stack`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from miua.cli.options import CropSize, Fit


def fetch_command(
    what: Annotated[
        Literal["hc18", "inception"],
        typer.Argument(help="The real images (133 MB), or FID's Inception weights (96 MB)."),
    ],
    source: Annotated[
        Path | None, typer.Option("--from", help="Take it from here instead of downloading.")
    ] = None,
) -> None:
    """Get real images or FID's weights, verified."""
    if what == "hc18":
        from miua.data import fetch_hc18

        print(fetch_hc18(source))
    else:
        from miua.metrics.inception_weights import fetch_inception

        print(fetch_inception(source))


def phantom_command(
    out: Annotated[Path, typer.Option(help="Folder to make.")],
    images: Annotated[int, typer.Option(min=1, help="How many images.")] = 999,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other heads.")] = 0,
) -> None:
    """Simulate fetal heads, in exactly HC18's format."""
    from miua.data import write_phantoms

    write_phantoms(out, images, seed)
    print(out)


def stack_command(
    source: Annotated[Path, typer.Argument(help="Folder of images, or an .npy image stack.")],
    out: Annotated[Path, typer.Option(help="Folder for images.npy and provenance.json.")],
    size: Annotated[int, typer.Option(min=1, help="Side of the square, pixels.")] = 64,
    fit: Fit = "stretch",
    crop_size: CropSize = None,
    images: Annotated[
        int | None, typer.Option(min=1, help="Draw this many at random; all if not given.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draw.")] = 0,
) -> None:
    """Make an image stack of a folder of images."""
    from miua.data.stack_file import save_stack

    save_stack(source, out, size, fit, images, seed, crop_size=crop_size)
    print(out / "images.npy")
