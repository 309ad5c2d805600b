"""Images, trainings and synthetic sets: `miua fetch`, `phantom`, `stack`, `train`, `generate`."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from miua.cli import options
from miua.cli.declaring import argument, need, option, takes
from miua.cli.options import Device, Exclude, SkipBad, Source, Threads, Window
from miua.errors import MiuaError
from miua.progress import say

if TYPE_CHECKING:
    from miua.data import ReadingOptions


def fetch_command(
    what: Annotated[
        Literal["hc18", "inception"],
        argument("The real images (133 MB), or FID's Inception weights (96 MB)."),
    ],
    source: Annotated[
        Path | None, option("Take it from here instead of downloading.", "--from")
    ] = None,
    test_source: Annotated[
        Path | None,
        option("HC18's test images: test_set.zip or its folder.", "--test-from"),
    ] = None,
) -> Path:
    """Get real images or FID's weights, verified."""
    if what == "hc18":
        return _fetch_images(source, test_source)
    if test_source is not None:
        raise MiuaError("--test-from is for hc18: miua fetch hc18 --test-from PATH")
    from miua.metrics.inception_weights import fetch_inception

    return fetch_inception(source)


def _fetch_images(source: Path | None, test_source: Path | None) -> Path:
    """HC18's training images; with them the test images, where these are named or can be had."""
    from miua.data import fetch_hc18, fetch_test_set, hc18_folder

    if test_source is not None:
        say(f"Test images: {fetch_test_set(test_source)}")
    if source is not None:
        return fetch_hc18(source)
    with suppress(MiuaError):
        return hc18_folder()
    folder = fetch_hc18()
    if test_source is None:
        try:
            say(f"Test images: {fetch_test_set()}")
        except MiuaError as error:
            say(f"Without HC18's test images: {error}")
    return folder


def phantom_command(
    out: Annotated[Path, option("Folder to make.")],
    images: Annotated[int, option("How many images.", min=1)] = 999,
    seed: Annotated[int, option("Another seed, other heads.", min=0)] = 0,
) -> Path:
    """Simulate fetal heads, in exactly HC18's format."""
    from miua.data import write_phantoms

    write_phantoms(out, images, seed)
    return out


@takes(reading=options.resizing)
def stack_command(
    source: Source,
    out: Annotated[Path, option("Folder for images.npy and provenance.json.")],
    reading: ReadingOptions,
    images: Annotated[
        int | None, option("Draw this many at random; all if not given.", min=1)
    ] = None,
    seed: Annotated[int, option("Seed of the draw.", min=0)] = 0,
) -> Path:
    """Make an image stack of a folder of images."""
    from miua.data.stack import save_stack

    options.say_read(save_stack(source, out, reading, images, seed))
    return out / "images.npy"


def train_config_command(
    variant: Annotated[
        Literal["text", "notebook-128", "notebook-256"],
        option("The paper's text, or what a released notebook does instead."),
    ] = "text",
) -> None:
    """Print a training configuration to start from."""
    import yaml

    from miua.config import TrainingConfig

    config = TrainingConfig.model_validate({"variant": variant})
    print(yaml.safe_dump(config.model_dump(), sort_keys=False, default_flow_style=None), end="")


def train_command(
    config: Annotated[Path, option("YAML file; `miua train-config` prints one.")],
    images: Annotated[Path, option("Folder of images, or an .npy image stack.")],
    out: Annotated[Path, option("Run folder; an interrupted run goes on.")],
    window: Window = None,
    exclude: Exclude = None,
    skip_bad: SkipBad = False,
    allow_divergence: Annotated[
        bool, option("A training that diverges is a result, not a failure.")
    ] = False,
    device: Device = "auto",
    threads: Threads = None,
) -> Path:
    """Train a DCGAN, or go on where it stopped."""
    from miua.config import TrainingConfig, read_config
    from miua.data import read_stack

    need("Training", "torch")
    settings = read_config(config, TrainingConfig)
    reading = options.reading(
        settings.image_size, settings.fit, settings.crop_size, window, exclude, skip_bad
    )
    stack = read_stack(images, **vars(reading))
    options.say_read(stack)
    # Loading torch takes seconds: what is wrong with the input is said before.
    from miua.training.loop import DivergedError, train

    try:
        train(settings, stack.images, out, device=device, threads=threads)
    except DivergedError as error:
        if not allow_divergence:
            raise
        say(str(error))
    return out


def generate_command(
    run: Annotated[Path, option("Run folder of `miua train`.")],
    epoch: Annotated[int, option("An epoch that the run kept.", min=1)],
    out: Annotated[Path, option("Folder of the synthetic set.")],
    images: Annotated[int, option("How many images.", min=1)] = 800,
    seed: Annotated[int, option("Seed of the set.", min=0, max=2**32 - 1)] = 0,
    png: Annotated[bool, option("PNG files instead of images.npy.", "--png")] = False,
    allow_divergence: Annotated[
        bool, option("Of a training that diverged, make a set that says so.")
    ] = False,
    device: Device = "auto",
    threads: Threads = None,
) -> Path:
    """Make a set of synthetic images from a run."""
    need("Generating", "torch")
    from miua.sampling import generate

    generate(
        run,
        epoch,
        out,
        images=images,
        seed=seed,
        as_png=png,
        record_divergence=allow_divergence,
        device=device,
        threads=threads,
    )
    return out
