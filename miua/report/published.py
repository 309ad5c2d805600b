"""What was published beside what came out here, and whether the two can be compared."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from miua.analysis import columns
from miua.analysis.clinician import read_facts, read_scores
from miua.metrics.registry import FID, measure
from miua.report.study_tables import (
    computed,
    fid_stand_in,
    is_full_scale,
    read_regression,
    study_table,
)
from miua.study.store import Results, read_metrics
from miua.wording import MINUS, change, number

SAME_POINTS = "yes: the same points, read off the published plot"
NO_READERS = "no: nobody has judged these images"
OTHER_READERS = "with care: other readers, and other images"
CALLED_REAL = {"Synthetic": columns.SYNTHETIC_CALLED_REAL, "Real": columns.REAL_CALLED_REAL}
PHANTOMS = "no: phantoms, not real images"


class PublishedComparison(NamedTuple):
    """A published value beside its counterpart, as text. where: the id of the place to read on."""

    what: str
    unit: str
    published: str
    here: str
    difference: str
    comparable: str
    where: str


def comparisons(results: Results, study: Path) -> Iterator[PublishedComparison]:
    """Ranges of the sets, coefficients, correlations, and what readers called real."""
    facts, regression = read_facts(study), read_regression(results)
    yield from _ranges(results, study, is_full_scale(results, facts), regression)
    for row in regression.to_dict(orient="records"):
        shown = measure(row["metric"])
        for name in ("a", "b"):
            what, both = f"{shown.label} = a ln(score) + b: {name}", (f"{name}_published", name)
            published, here = (row[column] for column in both)
            yield _row(what, shown.unit, published, here, 4, SAME_POINTS, "regression")
    what = "Least correlation r of the five metrics with ln(score)"
    claimed, least = float(facts["claimed_correlation"]), regression["pearson_r"].min()
    yield _row(what, "", claimed, least, 2, SAME_POINTS, "claim-correlation", bound="above ")
    by_clinician = 100 * float(facts["clinician_called_real"]) / float(facts["judged_images"])
    called_real = (
        (columns.ENGINEER, "Synthetic", float(facts["called_real_percent"]), "indistinguishable"),
        (columns.CLINICIAN, "Synthetic", by_clinician, "clinician"),
        (columns.CLINICIAN, "Real", by_clinician, "clinician"),
    )
    for role, kind, published, claim in called_real:
        here, what = _called_real(results, role, kind), f"{kind} images that {role}s called real"
        comparable = OTHER_READERS if results.plan.scientific else PHANTOMS
        comparable = NO_READERS if math.isnan(here) else comparable
        yield _row(what, "%", published, here, 2, comparable, f"claim-{claim}")


def _ranges(
    results: Results, study: Path, full_scale: bool, regression: pd.DataFrame
) -> Iterator[PublishedComparison]:
    """The range of the 20 sets: as it was printed, else that of the published points."""
    points, here = read_scores(study), read_metrics(results)
    for row in regression.to_dict(orient="records"):
        shown = measure(row["metric"])
        values = computed(here, shown.name)["value"]
        of_points = points.loc[points["metric"] == shown.name, "value"]
        stand_in = shown == FID and bool(fid_stand_in(results))
        comparable = _of_sets(results, full_scale, stand_in, computed=len(values) > 0)
        ends = {
            "lowest": (values.min(), of_points.min()),
            "highest": (values.max(), of_points.max()),
        }
        for word, (end, read_off) in ends.items():
            printed = row[f"published_{word}"]
            published = read_off if math.isnan(printed) else printed
            numbers = (float(published), float(end), shown.decimals)
            what = f"{shown.label}: {word} of all sets"
            yield _row(what, shown.unit, *numbers, comparable, "sets")


def _of_sets(results: Results, full_scale: bool, stand_in: bool, computed: bool) -> str:
    if stand_in:
        return "no: other weights than the published ones"
    if not computed:
        return "no: not computed here"
    if not results.plan.scientific:
        return PHANTOMS
    if not full_scale:
        return "with care: at another scale than the study's"
    return "yes: the same scale"


def _called_real(results: Results, role: str, kind: str) -> float:
    """The percentage of one kind of image that own readers of a role called real, or nan."""
    table = study_table(results, columns.READERS)
    if table is None:
        return math.nan
    own = (table["role"] == role) & (table["reader"] == columns.ALL)
    share = table.loc[own & (table["score"] == CALLED_REAL[kind]), "value"].max()
    return 100 * float(share)


def _row(
    what: str,
    unit: str,
    published: float,
    here: float,
    decimals: int,
    comparable: str,
    where: str,
    bound: str = "",
) -> PublishedComparison:
    printed = bound + f"{published:.10g}".replace("-", MINUS)
    numbers = (number(here, decimals), change(here - published, decimals))
    return PublishedComparison(what, unit, printed, *numbers, comparable, where)
