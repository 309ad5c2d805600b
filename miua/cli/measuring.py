"""What images and metrics are like: `miua lbpv`, `noise-floor`, `sensitivity`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from miua.cli.options import Half, OutTable, Real, Side, Threads, Weights

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from miua.evaluation.subsets import SubsetTables


def lbpv_command(
    source: Annotated[Path, typer.Argument(help="Folder of images, or an .npy image stack.")],
    out: Annotated[Path, typer.Option(help="The .npy file to write, 256 numbers.")],
    size: Annotated[
        int | None, typer.Option(min=2, help="Resize to this square; not if not given.")
    ] = None,
) -> None:
    """Write the LBP vector of a set of images."""
    from miua.data import read_stack
    from miua.evaluation.records import write_lbpv
    from miua.metrics import lbp_vector

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
    from miua.analysis.noise_floor import noise_floor, pairing_effect, summarise_noise_floor
    from miua.analysis.tables import write_table
    from miua.evaluation.splits import draw_splits

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
    from miua.data import read_stack, subjects_of
    from miua.evaluation.splits import half_size
    from miua.evaluation.subsets import Instruments, SubsetTables
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
