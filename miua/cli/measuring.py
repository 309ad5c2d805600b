"""What images and metrics are like: `miua lbpv`, `noise-floor`, `sensitivity`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from miua.cli.declaring import option, takes
from miua.cli.options import (
    Half,
    OutTable,
    Real,
    Source,
    Threads,
    Weights,
    reading,
    resizing,
    say_skipped,
)

if TYPE_CHECKING:
    from miua.analysis.real_images import MeasuredImages, Tables
    from miua.data import ReadingOptions


@takes(reading=reading)
def lbpv_command(
    source: Source,
    out: Annotated[
        Path, option("The .npy to write, 256 numbers, its provenance beside it (.json).")
    ],
    reading: ReadingOptions,
) -> Path:
    """Write the LBP vector of a set of images."""
    from miua.data import read_stack
    from miua.files import write_array
    from miua.metrics import lbp_vector
    from miua.provenance import provenance, write_file_provenance

    stack = read_stack(source, **vars(reading))
    say_skipped(stack.skipped)
    write_array(out, lbp_vector(stack.images))
    record = provenance(inputs={"images": stack.digest}, settings=reading.settings())
    write_file_provenance(out.with_suffix(".json"), record, [out])
    return out


@takes(reading=resizing)
def noise_floor_command(
    real: Real,
    out: OutTable,
    reading: ReadingOptions,
    images: Half = None,
    repeats: Annotated[int, option("How many splits of each kind.", min=1)] = 100,
    seed: Annotated[int, option("Seed of the splits.", min=0)] = 0,
    inception_weights: Weights = None,
    threads: Threads = None,
) -> list[Path]:
    """Measure real images against other real images."""
    from miua.analysis.real_images import measure_images, noise_floor_tables

    measured = measure_images(
        real, reading, images, inception_weights=inception_weights, threads=threads
    )
    tables = noise_floor_tables(measured, repeats, seed)
    return _write(out, measured, tables, reading, repeats=repeats, seed=seed)


@takes(reading=resizing)
def sensitivity_command(
    real: Real,
    out: OutTable,
    reading: ReadingOptions,
    images: Half = None,
    repeats: Annotated[int, option("How many splits.", min=2)] = 20,
    seed: Annotated[int, option("Seed of the splits and the damage.", min=0)] = 0,
    inception_weights: Weights = None,
    threads: Threads = None,
) -> list[Path]:
    """Measure real images that were damaged in known steps."""
    from miua.analysis.real_images import measure_images, sensitivity_tables

    measured = measure_images(
        real, reading, images, inception_weights=inception_weights, threads=threads
    )
    tables = sensitivity_tables(measured, repeats, seed)
    return _write(out, measured, tables, reading, repeats=repeats, seed=seed)


def _write(
    out: Path, measured: MeasuredImages, tables: Tables, reading: ReadingOptions, **splits: int
) -> list[Path]:
    """Write each table beside the first, `out`, then the provenance of all of them."""
    from miua.provenance import provenance, write_file_provenance
    from miua.study.store import write_table

    paths = [out.with_name(f"{out.stem}{ending}.csv") for ending in tables]
    for path, table in zip(paths, tables.values(), strict=True):
        write_table(path, table)
    say_skipped(measured.skipped)
    settings = {"images": measured.half, **splits, **reading.settings(), "fid": measured.fid_status}
    record = provenance(inputs={"real": measured.digest}, settings=settings)
    write_file_provenance(out.with_suffix(".json"), record, paths)
    return paths
