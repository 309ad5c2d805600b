"""Whether the metrics are those of the images: every set and the real images are measured again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path

import numpy as np
import pandas as pd

from miua.analysis.real_images import (
    MeasuredImages,
    measure_images,
    noise_floor_tables,
    sensitivity_tables,
)
from miua.data import ReadingOptions
from miua.errors import MiuaError
from miua.evaluation.evaluate import evaluate
from miua.evaluation.records import LBPV_DIFFERENCES, not_computed_records, write_records
from miua.files import read_array
from miua.metrics import lbp_vector
from miua.metrics.blas import one_blas_thread
from miua.metrics.registry import FID, STUDY_METRICS
from miua.progress import Progress
from miua.study.plan import Cell, Plan, RealImages
from miua.study.store import COMPUTED, NOT_COMPUTED, Results, write_table
from miua.verification.finding import Finding
from miua.verification.guard import guarded, read_record
from miua.verification.image_check import real_images
from miua.verification.table_comparison import RELATIVE, compare_tables, read_cells

CHECK = "metrics"
# Distances of covariances come from singular values, which libraries give to about six digits
# where features are nearly dependent; Inception's features also depend on the device.
LOOSE = {"fd_lbp": 1e-6, "fid": 1e-3}
# From integer counts: the same everywhere.
EXACT = frozenset(LBPV_DIFFERENCES)
MEASURES_OF_REAL = {"noise-floor": noise_floor_tables, "sensitivity": sensitivity_tables}


def check_metrics(
    results: Results, plan: Plan, cells: list[Cell], scratch: Path
) -> Iterator[Finding]:
    """Findings on metrics/ and on the tables of real images.

    Args:
        results: the results folder.
        plan: what the study says.
        cells: the sets that the folder should hold.
        scratch: an empty folder to write in.
    """
    yield from guarded(CHECK, "metrics/reference.npy", lambda: _reference(results))
    with Progress("Measuring the sets again", len(cells), "sets") as shown, one_blas_thread():
        for cell in cells:
            again = partial(_set, results, plan, cell, scratch)
            yield from guarded(CHECK, f"metrics/{cell.set}.csv", again)
            shown.advance(note=cell.set)
        yield from _real_images(results, plan, scratch)


def _reference(results: Results) -> Iterator[Finding]:
    again = lbp_vector(read_array(results.reference_stack))
    yield _vector("metrics/reference.npy", results.reference_lbpv, again)


def _vector(
    subject: str, path: Path, again: np.ndarray[tuple[int, ...], np.dtype[np.float64]]
) -> Finding:
    there = read_array(path)
    if there.dtype == again.dtype and np.array_equal(there, again, equal_nan=True):
        return Finding(CHECK, subject, "passed", f"{len(again)} elements, the same to the bit.")
    said = "It is not the LBP vector of the images. No difference is allowed. Evaluate again."
    return Finding(CHECK, subject, "failed", said)


def _set(results: Results, plan: Plan, cell: Cell, scratch: Path) -> Iterator[Finding]:
    subject = f"metrics/{cell.set}.csv"
    folder = results.folder / "sets" / cell.set
    made = scratch / f"{cell.set}.csv"
    record = read_record(folder / "provenance.json")
    vector = np.full(256, np.nan)
    if reason := record.get("not_made"):
        write_records(made, not_computed_records(cell.set, str(reason)))
    else:
        found = evaluate(
            results.folder / "reference" / cell.preparation / "images.npy",
            {cell.set: folder},
            metrics=STUDY_METRICS,
            floor_splits=0,
            seed=plan.profile.seed,
        )
        found.write_csv(made)
        vector = found.sets[0].lbpv
    there, again = read_cells(results.folder / subject), read_cells(made)
    there, again, missing = _beside_each_other(there, again)
    yield from compare_tables(CHECK, subject, there, again, _tolerance)
    if missing:
        yield Finding(CHECK, f"{subject}, FID", "not checked", missing)
    vectors = f"metrics/{cell.set}.npy"
    yield _vector(vectors, results.folder / vectors, vector)


def _beside_each_other(
    there: pd.DataFrame, again: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    """Both tables, without FID if only one side has the weights for it, and that in words.

    Where neither has them, their words for it are made the same.
    """
    if "status" not in there or "status" not in again or "metric" not in there:
        return there, again, ""
    computed = []
    for table in (there, again):
        fid = table["metric"] == FID.name
        computed.append(bool((table.loc[fid, "status"] == COMPUTED).any()))
        missing = fid & table["status"].str.startswith(NOT_COMPUTED)
        table.loc[missing, "status"] = NOT_COMPUTED
    if computed[0] == computed[1]:
        return there, again, ""
    kept = [table[table["metric"] != FID.name].reset_index(drop=True) for table in (there, again)]
    side = "there but not here" if computed[0] else "here but not there"
    return kept[0], kept[1], f"The Inception weights are {side}, so FID was not compared."


def _tolerance(row: pd.Series[str], column: str) -> float:
    if row["metric"] in EXACT and column in ("value", "n_reference", "n_synthetic"):
        return 0.0
    return LOOSE.get(str(row["metric"]), RELATIVE)


def _real_images(results: Results, plan: Plan, scratch: Path) -> Iterator[Finding]:
    """The experiments that measure real images; each size of their halves is measured once."""
    scales = {
        name: scale
        for name, scale in plan.profile.experiments.items()
        if isinstance(scale, RealImages) and any(results.tables.glob(f"{name}*.csv"))
    }
    try:
        source = real_images(results, plan)
    except MiuaError as error:
        said = f"The real images are not at hand, so they were not measured. {error}"
        yield from (Finding(CHECK, f"tables/{name}.csv", "not checked", said) for name in scales)
        return
    measure = cache(partial(measure_images, source, ReadingOptions(plan.profile.image_size)))
    for name, scale in scales.items():
        again = partial(_real, results, plan, name, scale, measure, scratch)
        yield from guarded(CHECK, f"tables/{name}.csv", again)


def _real(
    results: Results,
    plan: Plan,
    name: str,
    scale: RealImages,
    measure: Callable[[int], MeasuredImages],
    scratch: Path,
) -> Iterator[Finding]:
    """The tables of an experiment that measures real images, from the images again."""
    made = MEASURES_OF_REAL[name](measure(scale.images), scale.repeats, plan.profile.seed)
    for ending, table in made.items():
        subject = f"tables/{name}{ending}.csv"
        write_table(scratch / f"{name}{ending}.csv", table)
        there = read_cells(results.folder / subject)
        again = read_cells(scratch / f"{name}{ending}.csv")
        there, again, missing = _beside_each_other(there, again)
        yield from compare_tables(CHECK, subject, there, again, _real_tolerance)
        if missing:
            yield Finding(CHECK, f"{subject}, FID", "not checked", missing)


def _real_tolerance(row: pd.Series[str], column: str) -> float:
    return LOOSE.get(str(row["metric"]), RELATIVE)
