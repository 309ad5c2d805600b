"""The command `miua`: each step of the study, alone, on folders a person can look into."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from miua.errors import MissingExtraError, MiuaError
from miua.progress import say

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from miua.conformance import Case
    from miua.metrics import MetricRecord
    from miua.metrics.subsets import SubsetTables

STUDY_PACKAGES = {
    "jinja2",
    "matplotlib",
    "pandas",
    "pooch",
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
From = Annotated[
    Path | None, typer.Option("--from", help="Take it from here instead of downloading.")
]
Device = Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="Where to compute.")]
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads; all cores if not given.")]
Results = Annotated[Path, typer.Argument(help="A results folder, such as results/smoke.")]
Study = Annotated[Path, typer.Option(help="The folder that says what the study is.")]
Paper = Annotated[Path, typer.Option(help="The LaTeX sources.")]
ProfileName = Annotated[
    str | None, typer.Option(help="smoke, cpu or paper; by the hardware if not given.")
]
ResultsParent = Annotated[Path, typer.Option(help="Where results folders go.")]
Cores = Annotated[int | None, typer.Option(min=1, help="CPU cores; all if not given.")]
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
Weights = Annotated[Path | None, typer.Option(help="Weights file for FID, if it was not fetched.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the steps only.")]

INTERRUPTED = 130  # the exit status that typer gives to Ctrl-C
STUDY, PAPER, RESULTS = Path("experiments"), Path("paper"), Path("results")


@app.command("fetch")
def fetch_command(
    what: Annotated[
        Literal["hc18", "inception"],
        typer.Argument(help="The real images (133 MB), or FID's Inception weights (96 MB)."),
    ],
    source: From = None,
) -> None:
    """Get real images or FID's weights, verified."""
    if what == "hc18":
        from miua.data import fetch_hc18

        print(fetch_hc18(source))
    else:
        from miua.metrics.inception_weights import fetch_inception

        print(fetch_inception(source))


@app.command("phantom")
def phantom_command(
    out: Annotated[Path, typer.Option(help="Folder to make.")],
    images: Annotated[int, typer.Option(min=1, help="How many images.")] = 999,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other heads.")] = 0,
) -> None:
    """Simulate fetal heads, in exactly HC18's format."""
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
    crop_size: Annotated[
        int | None, typer.Option(min=1, help="Pixels that --fit crop takes; the most if not given.")
    ] = None,
    images: Annotated[
        int | None, typer.Option(min=1, help="Draw this many at random; all if not given.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draw.")] = 0,
) -> None:
    """Make an image stack of a folder of images."""
    from miua.data.stack_file import save_stack

    save_stack(source, out, size, fit, images, seed, crop_size=crop_size)
    print(out / "images.npy")


@app.command("train")
def train_command(
    config: Annotated[Path, typer.Option(help="YAML file; `miua train-config` prints one.")],
    images: Annotated[Path, typer.Option(help="Folder of images, or an .npy image stack.")],
    out: Annotated[Path, typer.Option(help="Run folder; an interrupted run goes on.")],
    allow_divergence: Annotated[
        bool, typer.Option(help="A training that diverges is a result, not a failure.")
    ] = False,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Train a DCGAN, or go on where it stopped."""
    from miua.config import TrainingConfig, read_config
    from miua.data import read_stack

    _need("torch", "Training")
    settings = read_config(config, TrainingConfig)
    stack = read_stack(images, settings.image_size, settings.fit, crop_size=settings.crop_size)
    # Loading torch takes seconds: what is wrong with the input is said before.
    from miua.training import DivergedError, train

    try:
        train(settings, stack.images, out, device=device, threads=threads)
    except DivergedError as error:
        if not allow_divergence:
            raise
        say(str(error))
    print(out)


@app.command("train-config")
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


@app.command("generate")
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
    _need("torch", "Generating")
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


@app.command("evaluate")
def evaluate_command(
    real: Annotated[Path, typer.Option(help="Real images: folder or .npy image stack.")],
    synthetic: Annotated[Path, typer.Option(help="Synthetic images: folder or .npy stack.")],
    size: Annotated[
        int | None, typer.Option(min=2, help="Resize both to this square; not if not given.")
    ] = None,
    pairing: Annotated[
        Literal["all", "index"], typer.Option(help="Which pairs MI and PSNR average over.")
    ] = "all",
    name: Annotated[str, typer.Option(help="Name of the set in the table.")] = "synthetic",
    csv: Annotated[
        Path | None,
        typer.Option(help="Write the table here, and its provenance beside it (.json)."),
    ] = None,
    lbpv: Annotated[Path | None, typer.Option(help="Write the set's LBP vector here.")] = None,
    inception_weights: Weights = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the bootstrap.")] = 0,
    allow_divergence: Annotated[
        bool, typer.Option(help="A set that was not made is measured as not computed.")
    ] = False,
    threads: Threads = None,
) -> None:
    """Measure synthetic images against real ones."""
    from miua.data import read_stack
    from miua.metrics import evaluate, write_lbpv, write_records

    if allow_divergence and (reason := _not_made(synthetic)):
        _write_not_made(name, reason, csv, lbpv)
        return

    reference, made = read_stack(real, size), read_stack(synthetic, size)
    evaluation = evaluate(
        reference.images,
        made.images,
        set_name=name,
        pairing=pairing,
        inception_weights=inception_weights,
        seed=seed,
        threads=threads or 0,
    )
    if lbpv:
        write_lbpv(lbpv, evaluation.synthetic_lbpv)
    if csv:
        from miua.files import write_json
        from miua.provenance import provenance

        inputs = {"real": reference.digest, "synthetic": made.digest}
        settings = {"name": name, "size": size, "pairing": pairing, "seed": seed}
        write_json(csv.with_suffix(".json"), provenance(inputs=inputs, settings=settings))
        write_records(csv, evaluation.records)
        print(csv)
    else:
        _print_records(evaluation.records)


@app.command("lbpv")
def lbpv_command(
    source: Annotated[Path, typer.Argument(help="Folder of images, or an .npy image stack.")],
    out: Annotated[Path, typer.Option(help="The .npy file to write, 256 numbers.")],
    size: Annotated[
        int | None, typer.Option(min=2, help="Resize to this square; not if not given.")
    ] = None,
) -> None:
    """Write the LBP vector of a set of images."""
    from miua.data import read_stack
    from miua.metrics import lbp_vector, write_lbpv

    write_lbpv(out, lbp_vector(read_stack(source, size).images))
    print(out)


@app.command("noise-floor")
def noise_floor_command(
    real: Real,
    out: OutTable,
    size: Side = 64,
    images: Half = None,
    repeats: Annotated[int, typer.Option(min=1, help="How many splits of each kind.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the splits.")] = 0,
    inception_weights: Weights = None,
    threads: Threads = None,
) -> None:
    """Measure real images against other real images."""
    _one_blas_thread()
    from miua.analysis.noise_floor import (
        draw_splits,
        noise_floor,
        pairing_effect,
        summarise_noise_floor,
    )
    from miua.analysis.tables import write_table

    tables, subjects, half, record = _real_against_real(
        real, size, images, repeats, seed, inception_weights, threads
    )
    by_subject = draw_splits(subjects, half, repeats, seed)
    by_image = draw_splits(subjects, half, repeats, seed, by="image")
    in_order = draw_splits(subjects, half, repeats, seed, by="order")
    found = noise_floor(tables, by_subject + by_image + in_order)
    beside = {
        out.with_name(f"{out.stem}-summary.csv"): summarise_noise_floor(found),
        out.with_name(f"{out.stem}-pairing.csv"): pairing_effect(tables, by_subject),
    }
    _write_with_provenance(out, found, record)
    for path, table in beside.items():
        write_table(path, table)
    print(out, *beside, sep="\n")


@app.command("sensitivity")
def sensitivity_command(
    real: Real,
    out: OutTable,
    size: Side = 64,
    images: Half = None,
    repeats: Annotated[int, typer.Option(min=2, help="How many splits.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the splits and the damage.")] = 0,
    inception_weights: Weights = None,
    threads: Threads = None,
) -> None:
    """Measure real images that were damaged in known steps."""
    _one_blas_thread()
    from miua.analysis.sensitivity import sensitivity, summarise_sensitivity
    from miua.analysis.tables import write_table

    tables, subjects, half, record = _real_against_real(
        real, size, images, repeats, seed, inception_weights, threads
    )
    found = sensitivity(tables, subjects, half=half, repeats=repeats, seed=seed)
    summary = out.with_name(f"{out.stem}-summary.csv")
    _write_with_provenance(out, found, record)
    write_table(summary, summarise_sensitivity(found))
    print(out, summary, sep="\n")


@app.command("conformance")
def conformance_command(
    images: Annotated[
        Path | None, typer.Option(help="Compare others on these; on phantoms if not given.")
    ] = None,
    size: Annotated[
        int | None, typer.Option(min=2, help="Resize the images to this square; not if not given.")
    ] = None,
    runner: Annotated[
        str | None,
        typer.Option(help="Check this kernel_runner, not what is installed."),
    ] = None,
) -> None:
    """Check the kernels bit for bit, and show where other libraries differ."""
    import shlex

    from miua import conformance

    cases = conformance.read_cases()
    if runner:
        _check_conformance(runner, cases, conformance.runner(shlex.split(runner)))
        return
    for name in conformance.instruction_sets():
        with conformance.forced(name):
            _check_conformance(f"installed, {name}", cases, conformance.installed)
    _print_peers(images, size)


@app.command("collect")
def collect_command(
    results: Results,
    experiment: Annotated[str, typer.Argument(help="One that trains, such as augmentation.")],
) -> None:
    """Join the metrics of one experiment's sets."""
    from miua.analysis import collect

    for path in collect(results, experiment):
        print(path)


@app.command("clinician")
def clinician_command(results: Results, study: Study = STUDY) -> None:
    """Refit the published scores of the clinician."""
    from miua.analysis import clinician

    for path in clinician(results, study):
        print(path)


@app.command("analyse")
def analyse_command(results: Results) -> None:
    """Join all sets' metrics into tables."""
    from miua.analysis import analyse

    for path in analyse(results):
        print(path)


@app.command("claims")
def claims_command(results: Results, study: Study = STUDY) -> None:
    """Judge every claim of the study by the results' tables."""
    from miua.analysis.ledger import write_claims

    paths = write_claims(results, study)
    _print_claims(results)
    for path in paths:
        print(path)


@app.command("figures")
def figures_command(results: Results, study: Study = STUDY) -> None:
    """Draw every figure, as PDF and PNG."""
    from miua.report import make_figures

    for path in make_figures(results, study):
        print(path)


@app.command("report")
def report_command(results: Results, study: Study = STUDY) -> None:
    """Write the HTML report from tables and figures."""
    from miua.report import make_report

    print(make_report(results, study))


@app.command("paper")
def paper_command(results: Results, study: Study = STUDY, source: Paper = PAPER) -> None:
    """Print the paper from results and LaTeX sources."""
    from miua.report import make_paper

    print(make_paper(results, study, source))


@app.command("trace")
def trace_command(
    value: Annotated[
        str | None, typer.Argument(help="A value's id, its macro in the paper, or a claim's id.")
    ] = None,
    results: Annotated[
        Path | None, typer.Argument(help="A results folder, such as results/smoke.")
    ] = None,
    listed: Annotated[
        Path | None, typer.Option("--list", help="Print all that this results folder can trace.")
    ] = None,
) -> None:
    """Show where a number of the paper comes from, back to the run that made it."""
    from miua.report import list_values, trace_value

    if listed is not None:
        lines = list_values(listed)
    elif value is None or results is None:
        raise MiuaError("Name a value and a results folder: miua trace VALUE-ID RESULTS.")
    else:
        lines = trace_value(results, value)
    print(*lines, sep="\n")


@app.command("reproduce")
def reproduce_command(
    profile: ProfileName = None,
    study: Study = STUDY,
    paper: Paper = PAPER,
    results: ResultsParent = RESULTS,
    cores: Cores = None,
    dry_run: DryRun = False,
) -> None:
    """Rerun the study, from images to the paper."""
    _need_for_study()
    from miua.reproduce import reproduce

    folder = reproduce(
        profile, study=study, paper=paper, results=results, cores=cores, dry_run=dry_run
    )
    if not dry_run:
        _print_outcome(folder)


@app.command("experiment")
def experiment_command(
    name: Annotated[str, typer.Argument(help="A file in experiments/, such as training-size.")],
    profile: ProfileName = None,
    study: Study = STUDY,
    paper: Paper = PAPER,
    results: ResultsParent = RESULTS,
    cores: Cores = None,
    dry_run: DryRun = False,
) -> None:
    """Rerun one experiment, up to its figures."""
    _need_for_study()
    from miua.reproduce import reproduce

    folder = reproduce(
        profile,
        study=study,
        paper=paper,
        results=results,
        cores=cores,
        dry_run=dry_run,
        experiment=name,
    )
    print(folder / "tables")


def _need_for_study() -> None:
    for package in ("torch", "snakemake"):
        _need(package, "Reproducing the study")


def _one_blas_thread() -> None:
    """Small matrices by the hundred: threads of numpy's OpenBLAS would only wait for each other.

    It reads this when numpy is loaded, which no command has done before.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def _real_against_real(
    real: Path,
    size: int,
    images: int | None,
    repeats: int,
    seed: int,
    inception_weights: Path | None,
    threads: int | None,
) -> tuple[SubsetTables, NDArray[np.int64], int, dict[str, Any]]:
    """Tables of all real images, their subjects, the images in a half, and the provenance."""
    from miua.analysis.noise_floor import half_size
    from miua.data import read_stack, subjects_of
    from miua.metrics.subsets import Instruments, SubsetTables
    from miua.provenance import provenance

    stack = read_stack(real, size)
    subjects = subjects_of(stack.names)
    half = half_size(subjects, images)
    instruments = Instruments.ready(inception_weights=inception_weights, threads=threads or 0)
    settings = {"size": size, "images": half, "repeats": repeats, "seed": seed}
    record = provenance(
        inputs={"real": stack.digest}, settings={**settings, "fid": instruments.fid_status}
    )
    return SubsetTables.of(stack.images, instruments), subjects, half, record


def _write_with_provenance(path: Path, table: pd.DataFrame, record: dict[str, Any]) -> None:
    from miua.analysis.tables import write_table
    from miua.files import write_json

    write_json(path.with_suffix(".json"), record)
    write_table(path, table)


def _not_made(synthetic: Path) -> str:
    """Why a synthetic set has no images, in the words of its provenance; "" if it has."""
    from miua.files import read_json

    path = synthetic / "provenance.json"
    return str(read_json(path).get("not_made", "")) if path.is_file() else ""


def _write_not_made(name: str, reason: str, csv: Path | None, lbpv: Path | None) -> None:
    from miua.metrics import not_computed_records, write_lbpv, write_records

    if lbpv:
        import numpy as np

        write_lbpv(lbpv, np.full(256, np.nan))
    if csv:
        write_records(csv, not_computed_records(name, reason))
        print(csv)


def _print_records(records: Sequence[MetricRecord]) -> None:
    """The table of one set; of the 256 LBPv elements only those that the study names."""
    from miua.analysis.measures import ALL_MEASURES

    by_name = {record.metric: record for record in records}
    table = Table("metric", "value", "95 % interval", "unit", "what it is", box=None)
    last = ""
    for measure in ALL_MEASURES:
        record = by_name[measure.name]
        if record.value is None:
            table.add_row(measure.label, "-", "", "", record.status)
            continue
        value = f"{record.value:.{measure.decimals}f}"
        interval = ""
        if record.low is not None and record.high is not None:
            interval = f"{record.low:.{measure.decimals}f} to {record.high:.{measure.decimals}f}"
        # The elements of the LBP vector share one definition: said once.
        said, last = (record.definition if record.definition != last else ""), record.definition
        table.add_row(measure.label, value, interval, measure.unit, said)
    Console(highlight=False).print(table)


def _print_claims(results: Path) -> None:
    """The ledger as a table, and how many claims have each verdict."""
    from miua.analysis.claim_tests import VERDICTS
    from miua.analysis.ledger import read_ledger
    from miua.analysis.results import Results

    ledger = read_ledger(Results.open(results))
    # The words say it; colours only help to find them.
    styles = {"reproduced": "green", "not reproduced": "red", "undecided": "yellow"}
    table = Table(title=ledger["banner"] or None, box=None, padding=(0, 1, 1, 0))
    table.add_column("claim", max_width=18, overflow="fold")
    table.add_column("verdict", max_width=14)
    table.add_column("reason")
    for claim in ledger["claims"]:
        style = styles.get(claim["verdict"], "")
        table.add_row(claim["id"], Text(claim["verdict"], style=style), Text(claim["reason"]))
    console = Console(highlight=False)
    console.print(table)
    console.print(", ".join(f"{ledger['verdicts'][verdict]} {verdict}" for verdict in VERDICTS))


def _check_conformance(
    name: str, cases: Sequence[Case], kernel: Callable[[Case, int], bytes]
) -> None:
    from miua.conformance import failures

    for threads in (1, 2, 3, 7):
        wrong = failures(cases, kernel, threads)
        if wrong:
            listed = "".join(f"\n  {case}" for case in wrong[:10])
            raise MiuaError(
                f"{name}, {threads} threads: {len(wrong)} of {len(cases)} results are not those "
                f"on file. Do not trust this build. The first:{listed}"
            )
    print(f"{name}: all {len(cases)} results are those on file, with 1, 2, 3 and 7 threads")


def _print_peers(images: Path | None, size: int | None) -> None:
    from miua.peers import compare, phantoms, stacks_of

    compared = compare(phantoms() if images is None else stacks_of(images, size))
    kind = "phantoms" if images is None else "images"
    height, width = next(iter(compared.sizes))
    of = f"{width} x {height}" if len(compared.sizes) == 1 else f"{len(compared.sizes)} sizes"
    table = Table(
        title=f"Pixels that others code or count otherwise: {compared.images} {kind} of {of}",
        title_justify="left",
    )
    for column in ("library", "what", "pixels", "share", "remark"):
        table.add_column(column, justify="right" if column in ("pixels", "share") else "left")
    for row in compared.rows:
        share = f"{100 * row.pixels / row.of:.4f} %"
        table.add_row(row.peer, row.what, f"{row.pixels:,}", share, row.remark)
    Console().print(table)
    if compared.absent:
        print(f"Not installed, so not compared: {', '.join(compared.absent)}")


def _print_outcome(folder: Path) -> None:
    """Where everything is, and what came out, in short."""
    from miua.report import results_summary

    summary = results_summary(folder)
    table = Table(*summary.rows[0], box=None, padding=(0, 1, 0, 0))
    for row in summary.rows:
        table.add_row(*row.values())
    console = Console(highlight=False)
    console.print(f"\n{summary.title}:")
    console.print(table)
    for note in summary.notes:
        console.print(f"\n{note}", soft_wrap=False, markup=False)
    console.print(f"\npaper   {folder / 'paper' / 'main.pdf'}")
    console.print(f"report  {folder / 'report' / 'index.html'}")
    console.print(f"tables  {folder / 'tables'}")


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
    except OSError as error:
        if os.environ.get("MIUA_TRACEBACK") or error.filename is None:
            raise
        sys.exit(f"miua: {error.filename}: {error.strerror}.")
    except SystemExit as stop:
        if stop.code == INTERRUPTED:
            print("miua: interrupted. The same command goes on or starts again.", file=sys.stderr)
        raise
