"""Metrics of sets, and of real images: `miua evaluate`, `lbpv`, `noise-floor`, `sensitivity`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from miua.cli.options import Half, OutTable, Real, Side, Threads, Weights

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from miua.metrics import MetricRecord
    from miua.metrics.subsets import SubsetTables


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
    from rich.console import Console
    from rich.table import Table

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
