"""From images to synthetic sets: `miua train`, `train-config`, `generate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from miua.cli.extras import need
from miua.cli.options import Device, Threads, reads_images, say_skipped
from miua.progress import say

if TYPE_CHECKING:
    from miua.data import ReadingOptions


@reads_images(square=False)
def train_command(
    config: Annotated[Path, typer.Option(help="YAML file; `miua train-config` prints one.")],
    images: Annotated[Path, typer.Option(help="Folder of images, or an .npy image stack.")],
    out: Annotated[Path, typer.Option(help="Run folder; an interrupted run goes on.")],
    reading: ReadingOptions,
    allow_divergence: Annotated[
        bool, typer.Option(help="A training that diverges is a result, not a failure.")
    ] = False,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Train a DCGAN, or go on where it stopped."""
    from miua.config import TrainingConfig, read_config
    from miua.data import read_stack

    need("torch", "Training")
    settings = read_config(config, TrainingConfig)
    stack = read_stack(
        images,
        settings.image_size,
        settings.fit,
        crop_size=settings.crop_size,
        window=reading.window,
        skip_bad=reading.skip_bad,
    )
    say_skipped(stack.skipped)
    # Loading torch takes seconds: what is wrong with the input is said before.
    from miua.training.loop import DivergedError, train

    try:
        train(settings, stack.images, out, device=device, threads=threads)
    except DivergedError as error:
        if not allow_divergence:
            raise
        say(str(error))
    print(out)


def train_config_command(
    variant: Annotated[
        Literal["text", "notebook-128", "notebook-256"],
        typer.Option(help="The paper's text, or what a released notebook does instead."),
    ] = "text",
) -> None:
    """Print a training configuration to start from."""
    import yaml

    from miua.config import TrainingConfig

    config = TrainingConfig.model_validate({"variant": variant})
    print(yaml.safe_dump(config.model_dump(), sort_keys=False, default_flow_style=None), end="")


def generate_command(
    run: Annotated[Path, typer.Option(help="Run folder of `miua train`.")],
    epoch: Annotated[int, typer.Option(min=1, help="An epoch that the run kept.")],
    out: Annotated[Path, typer.Option(help="Folder of the synthetic set.")],
    images: Annotated[int, typer.Option(min=1, help="How many images.")] = 800,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Seed of the set.")] = 0,
    png: Annotated[bool, typer.Option("--png", help="PNG files instead of images.npy.")] = False,
    allow_divergence: Annotated[
        bool, typer.Option(help="Of a training that diverged, make a set that says so.")
    ] = False,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Make a set of synthetic images from a run."""
    need("torch", "Generating")
    from miua.sampling import generate

    generate(
        run,
        epoch,
        out,
        images=images,
        seed=seed,
        as_png=png,
        device=device,
        threads=threads,
        record_divergence=allow_divergence,
    )
    print(out)
