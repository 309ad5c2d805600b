"""Every synthetic set a second time, against real images that no training saw.

The study's reference is drawn from the images that trainings learn from: all of those of the
largest training are in it as far as they fit, a tenth of those of the smallest. So a distance to it
may change with training size because images are shared. HC18's test images are of other subjects
and nothing learns from them; with phantoms, heads of another seed stand for them. The metrics are
those of the study, by the same engine.

With them, memorisation is judged as well: whether a set lies nearer to its own training images than
to as many unseen ones (`miua.metrics.memorisation.nearer_to_training`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from miua.analysis.columns import COLUMNS, UNSEEN, UNSEEN_COPIES, framed
from miua.analysis.training_images import (
    Named,
    orientations,
    read_named,
    read_stack,
    training_images,
)
from miua.config import TrainingConfig, read_config
from miua.data.hc18 import subjects_of
from miua.data.threads import usable_cores
from miua.evaluation.measure import measured, one_blas_thread
from miua.metrics.comparison import Comparison, Extractors, Side
from miua.metrics.memorisation import NearerToTraining, nearer_to_training
from miua.metrics.records import MetricRecord
from miua.metrics.registry import STUDY_METRICS, entries_of, not_computed_records
from miua.progress import Progress
from miua.provenance import PROVENANCE, read_provenance, record_step
from miua.study.plan import Cell
from miua.study.store import Results, read_cells, write_table

NO_TEST_IMAGES = (
    "HC18's test images are not here; get them with `miua fetch hc18 --test-from PATH`, "
    "then run the study again"
)
UNSEEN_TABLES = (UNSEEN, UNSEEN_COPIES)


def measure_unseen(results: Path, threads: int | None = None) -> list[Path]:
    """Measure all sets of a results folder against images that no training saw.

    Returns the files written: tables/unseen.csv, tables/unseen-copies.csv. Where there are no such
    images, or a set was not made, its rows say so. MiuaError: an input is missing or damaged.
    """
    opened = Results.open(results)
    found = [opened.table_path(name) for name in UNSEEN_TABLES]
    for path, table in zip(found, unseen_tables(opened, threads or 0), strict=True):
        write_table(path, table)
    places = [opened.set(name) for name in read_cells(opened)["set"].unique()]
    places += sorted(results.glob("unseen/*"))
    inputs = [place / name for place in places for name in ("images.npy", PROVENANCE)]
    record_step(found[0].with_suffix(".json"), base=results, inputs=inputs, files=found)
    return found


def unseen_tables(results: Results, threads: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The two tables: the metrics of every set, and whether it lies nearer to its training."""
    cells = [
        Cell(**{str(name): value for name, value in row.items()})
        for row in read_cells(results).drop_duplicates("set").to_dict(orient="records")
    ]
    phantoms = results.plan.data.source == "phantom"
    reference = "unseen phantoms" if phantoms else "HC18's test images"
    extractors, read = Extractors.ready(), cache(read_named)
    sides: dict[str, Side] = {}
    records: list[tuple[object, ...]] = []
    copies: list[tuple[object, ...]] = []
    with (
        one_blas_thread(),
        Progress("Measuring against unseen images", len(cells), "sets") as shown,
    ):
        for cell in cells:
            if reason := _reason(results, cell):
                rows: Iterable[MetricRecord] = not_computed_records(cell.set, reason)
                near = NearerToTraining.missing(reason)
            else:
                unseen = read(results.unseen(cell.preparation))
                made = read_stack(results.set_stack(cell.set))
                if cell.preparation not in sides:
                    sides[cell.preparation] = Side(unseen[0], extractors, threads)
                real = read(results.real(cell.preparation))
                near = _nearer(results, cell, real, unseen, made, threads)
                comparison = Comparison(
                    sides[cell.preparation],
                    Side(made, extractors, threads),
                    name=cell.set,
                    resamples=0,
                    seed=results.plan.seed,
                    threads=threads,
                )
                workers = threads or usable_cores()
                rows = measured(comparison, entries_of(STUDY_METRICS), workers=workers)
            values = (row.__dict__ | {"reference": reference} for row in rows)
            records += [tuple(row[name] for name in COLUMNS[UNSEEN]) for row in values]
            copies.append((cell.set, cell.training_size, *astuple(near)))
            shown.advance(note=cell.set)
    return framed(UNSEEN, records), framed(UNSEEN_COPIES, copies)


def _reason(results: Results, cell: Cell) -> str:
    """Why a set is not measured against unseen images, or ""."""
    remedy = "Generate the set again."
    if not_made := read_provenance(results.set(cell.set), remedy).get("not_made"):
        return str(not_made)
    if (results.unseen(cell.preparation) / "images.npy").is_file():
        return ""
    if results.plan.data.source == "phantom":
        return "there are no unseen phantoms; run the study again"
    return NO_TEST_IMAGES


def _nearer(
    results: Results,
    cell: Cell,
    real: Named,
    unseen: Named,
    made: NDArray[np.uint8],
    threads: int,
) -> NearerToTraining:
    config = read_config(results.run(cell.run) / "config.yaml", TrainingConfig)
    training, names = training_images(results, cell, config, real)
    return nearer_to_training(
        training,
        unseen[0],
        made,
        subjects_of(names),
        subjects_of(unseen[1]),
        **orientations(config),
        seed=results.plan.seed,
        threads=threads,
    )
