"""The command `miua`: each step of the study, alone, on folders a person can look into."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from miua.errors import MiuaError, MissingExtraError

STUDY_PACKAGES = {
    "jinja2",
    "matplotlib",
    "pandas",
    "pooch",
    "pydantic",
    "requests",
    "safetensors",
    "snakemake",
    "torch",
    "torch_fidelity",
    "torchvision",
    "yaml",
}

app = typer.Typer(
    help="Rerun a study of synthetic fetal head ultrasound images, and measure your own.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
fetch_app = typer.Typer(help="Get data and weights, verified by checksum.", no_args_is_help=True)
app.add_typer(fetch_app, name="fetch")

From = Annotated[
    Path | None, typer.Option("--from", help="Take it from here instead of downloading.")
]
Device = Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="Where to compute.")]
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads; all cores if not given.")]
Results = Annotated[Path, typer.Argument(help="A results folder, such as results/smoke.")]
Study = Annotated[Path, typer.Option(help="The folder that says what the study is.")]


@fetch_app.command("hc18")
def fetch_hc18_command(source: From = None) -> None:
    """The 999 real fetal head images of HC18 (133 MB), from an archive or a folder with --from."""
    from miua.data import fetch_hc18

    print(fetch_hc18(source))


@fetch_app.command("inception")
def fetch_inception_command(source: From = None) -> None:
    """The Inception weights that the Frechet inception distance needs (91 MB)."""
    from miua.metrics.inception_weights import fetch_inception

    print(fetch_inception(source))


@app.command("phantom")
def phantom_command(
    out: Annotated[Path, typer.Option(help="Folder to make.")],
    images: Annotated[int, typer.Option(min=1, help="How many images.")] = 999,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other heads.")] = 0,
) -> None:
    """Make a phantom dataset: simulated fetal heads in exactly HC18's format."""
    from miua.data import write_phantoms

    write_phantoms(out, images, seed)
    print(out)


@app.command("stack")
def stack_command(
    source: Annotated[Path, typer.Argument(help="Folder of images, or an .npy image stack.")],
    out: Annotated[Path, typer.Option(help="Folder for images.npy and provenance.json.")],
    size: Annotated[int, typer.Option(min=1, help="Side of the square, pixels.")] = 64,
    fit: Annotated[
        Literal["stretch", "crop"], typer.Option(help="How an image becomes square.")
    ] = "stretch",
    images: Annotated[
        int | None, typer.Option(min=1, help="Draw this many at random; all if not given.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draw.")] = 0,
) -> None:
    """Read images once: a folder of grey images becomes one uint8 image stack."""
    from miua.data.stack_file import save_stack

    save_stack(source, out, size, fit, images, seed)
    print(out / "images.npy")


@app.command("train")
def train_command(
    config: Annotated[Path, typer.Option(help="YAML file; `miua train-config` prints one.")],
    images: Annotated[Path, typer.Option(help="Folder of images, or an .npy image stack.")],
    out: Annotated[Path, typer.Option(help="Run folder; an interrupted run goes on.")],
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Train a DCGAN. The same command goes on where an interrupted training stopped."""
    from miua.config import TrainingConfig, read_config
    from miua.data import read_stack

    _need("torch", "Training")
    from miua.training import train

    settings = read_config(config, TrainingConfig)
    stack = read_stack(images, settings.image_size, settings.fit)
    train(settings, stack.images, out, device=device, threads=threads)
    print(out)


@app.command("train-config")
def train_config_command(
    variant: Annotated[
        Literal["text", "notebook-128", "notebook-256"],
        typer.Option(help="The paper's text, or what a released notebook does instead."),
    ] = "text",
) -> None:
    """Print a complete training configuration to start from."""
    import yaml

    from miua.config import TrainingConfig

    config = TrainingConfig.model_validate({"variant": variant})
    print(yaml.safe_dump(config.model_dump(), sort_keys=False), end="")


@app.command("generate")
def generate_command(
    run: Annotated[Path, typer.Option(help="Run folder of `miua train`.")],
    epoch: Annotated[int, typer.Option(min=1, help="An epoch that the run kept.")],
    out: Annotated[Path, typer.Option(help="Folder of the synthetic set.")],
    images: Annotated[int, typer.Option(min=1, help="How many images.")] = 800,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the set.")] = 0,
    png: Annotated[bool, typer.Option("--png", help="PNG files instead of images.npy.")] = False,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Make a synthetic set: images from one epoch of a run, each from a seed of its own."""
    _need("torch", "Generating")
    from miua.sampling import generate

    generate(
        run, epoch, out, images=images, seed=seed, as_png=png, device=device, threads=threads
    )
    print(out)


@app.command("reproduce")
def reproduce_command(
    profile: Annotated[
        str | None, typer.Option(help="smoke, cpu or paper; by the hardware if not given.")
    ] = None,
    study: Study = Path("experiments"),
    paper: Annotated[Path, typer.Option(help="The LaTeX sources.")] = Path("paper"),
    results: Annotated[Path, typer.Option(help="Where results folders go.")] = Path("results"),
    cores: Annotated[int | None, typer.Option(min=1, help="CPU cores; all if not given.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the steps only.")] = False,
) -> None:
    """Rerun the study: images, training, metrics, figures, report and paper."""
    for package in ("torch", "snakemake", "pydantic"):
        _need(package, "Reproducing the study")
    from miua.reproduce import reproduce

    reproduce(profile, study=study, paper=paper, results=results, cores=cores, dry_run=dry_run)


def _need(package: str, what: str) -> None:
    from importlib.util import find_spec

    if find_spec(package) is None:
        raise MissingExtraError(what, package)


def main() -> None:
    """Run the command line; a MiuaError is one message, not a traceback."""
    try:
        app(prog_name="miua")
    except MiuaError as error:
        if os.environ.get("MIUA_TRACEBACK"):
            raise
        sys.exit(f"miua: {error}")
    except ModuleNotFoundError as error:
        package = (error.name or "").split(".")[0]
        if os.environ.get("MIUA_TRACEBACK") or package not in STUDY_PACKAGES:
            raise
        sys.exit(f"miua: {MissingExtraError('This command', package)}")
    except KeyboardInterrupt:
        sys.exit("miua: interrupted. The same command goes on or starts again.")
