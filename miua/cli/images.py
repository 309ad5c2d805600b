"""Images to work on: `miua fetch`, `phantom`, `stack`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from miua.cli.options import reads_images, say_skipped

if TYPE_CHECKING:
    from miua.data import ReadingOptions


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


@reads_images(size=64)
def stack_command(
    source: Annotated[Path, typer.Argument(help="Folder of images, or an .npy image stack.")],
    out: Annotated[Path, typer.Option(help="Folder for images.npy and provenance.json.")],
    reading: ReadingOptions,
    images: Annotated[
        int | None, typer.Option(min=1, help="Draw this many at random; all if not given.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draw.")] = 0,
) -> None:
    """Make an image stack of a folder of images."""
    from miua.data.stack import save_stack

    say_skipped(save_stack(source, out, reading, images, seed).skipped)
    print(out / "images.npy")
