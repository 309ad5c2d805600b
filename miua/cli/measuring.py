"""What images and metrics are like: `miua lbpv`, `noise-floor`, `sensitivity`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from miua.cli.options import Half, OutTable, Real, Threads, Weights, reads_images, say_skipped

if TYPE_CHECKING:
    from miua.analysis.real_images import MeasuredImages, Tables
    from miua.data import ReadingOptions


@reads_images()
def lbpv_command(
    source: Annotated[Path, typer.Argument(help="Folder of images, or an .npy image stack.")],
    out: Annotated[
        Path, typer.Option(help="The .npy to write, 256 numbers, its provenance beside it (.json).")
    ],
    reading: ReadingOptions,
) -> None:
    """Write the LBP vector of a set of images."""
    from miua.data import read_stack
    from miua.evaluation.records import write_lbpv
    from miua.metrics import lbp_vector
    from miua.provenance import provenance, write_file_provenance

    stack = read_stack(source, **vars(reading))
    say_skipped(stack.skipped)
    write_lbpv(out, lbp_vector(stack.images))
    record = provenance(inputs={"images": stack.digest}, settings=reading.settings())
    write_file_provenance(out.with_suffix(".json"), record, [out])
    print(out)


@reads_images(size=64)
def noise_floor_command(
    real: Real,
    out: OutTable,
    reading: ReadingOptions,
    images: Half = None,
    repeats: Annotated[int, typer.Option(min=1, help="How many splits of each kind.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the splits.")] = 0,
    inception_weights: Weights = None,
    threads: Threads = None,
) -> None:
    """Measure real images against other real images."""
    from miua.analysis.real_images import measure_images, noise_floor_tables

    measured = measure_images(
        real, reading, images, inception_weights=inception_weights, threads=threads
    )
    _write(out, measured, noise_floor_tables(measured, repeats, seed), reading, repeats, seed)


@reads_images(size=64)
def sensitivity_command(
    real: Real,
    out: OutTable,
    reading: ReadingOptions,
    images: Half = None,
    repeats: Annotated[int, typer.Option(min=2, help="How many splits.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the splits and the damage.")] = 0,
    inception_weights: Weights = None,
    threads: Threads = None,
) -> None:
    """Measure real images that were damaged in known steps."""
    from miua.analysis.real_images import measure_images, sensitivity_tables

    measured = measure_images(
        real, reading, images, inception_weights=inception_weights, threads=threads
    )
    _write(out, measured, sensitivity_tables(measured, repeats, seed), reading, repeats, seed)


def _write(
    out: Path,
    measured: MeasuredImages,
    tables: Tables,
    reading: ReadingOptions,
    repeats: int,
    seed: int,
) -> None:
    """Write each table beside the first, `out`, then the provenance of all of them."""
    from miua.provenance import provenance, write_file_provenance
    from miua.study.store import write_table

    paths = [out.with_name(f"{out.stem}{ending}.csv") for ending in tables]
    for path, table in zip(paths, tables.values(), strict=True):
        write_table(path, table)
    say_skipped(measured.skipped)
    settings = {"images": measured.half, "repeats": repeats, "seed": seed, **reading.settings()}
    record = provenance(
        inputs={"real": measured.digest}, settings={**settings, "fid": measured.fid_status}
    )
    write_file_provenance(out.with_suffix(".json"), record, paths)
    print(*paths, sep="\n")
