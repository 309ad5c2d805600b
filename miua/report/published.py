"""What was published beside what came out here, and whether the two can be compared."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from miua.analysis.claims_table import read_claims
from miua.analysis.clinician import read_facts
from miua.analysis.reader_tables import (
    ALL,
    CLINICIAN,
    ENGINEER,
    READERS,
    SYNTHETIC_CALLED_REAL,
    read_readers,
)
from miua.metrics.registry import FID, measure
from miua.report.claims import JudgedClaim
from miua.report.study_tables import (
    fid_stand_in,
    is_full_scale,
    read_regression,
)
from miua.study.store import Results
from miua.wording import MINUS, change, number

RANGE_TEST = "values-in-range"  # of the claims that give a published range of the sets
SAME_POINTS = "yes: the same points, read off the published plot"
NO_READERS = "no: nobody has judged these images"
OTHER_READERS = "with care: other readers, and other images"
PHANTOMS = "no: phantoms, not real images"


@dataclass(frozen=True)
class Comparison:
    """A published value beside its counterpart, as text. where: the id of the place to read on."""

    what: str
    unit: str
    published: str
    here: str
    difference: str
    comparable: str
    where: str


def comparisons(results: Results, study: Path, claims: Sequence[JudgedClaim]) -> list[Comparison]:
    """Ranges of the sets, coefficients, correlations, and what readers called real.

    Raises:
        MiuaError: a file of the study is missing or damaged.
    """
    facts, regression = read_facts(study), read_regression(results)
    return [
        *_ranges(results, study, claims, is_full_scale(results, facts)),
        *_coefficients(regression),
        _correlation(regression, facts),
        *_readers(results, facts),
    ]


def _ranges(
    results: Results, study: Path, claims: Sequence[JudgedClaim], full_scale: bool
) -> Iterator[Comparison]:
    found = {claim.id: claim.numbers for claim in claims}
    for claim in read_claims(study):
        if claim.test != RANGE_TEST:
            continue
        shown = [measure(str(name)) for name in claim.inputs["metrics"]]
        stand_in = FID in shown and bool(fid_stand_in(results))
        for word, threshold in (("lowest", "low"), ("highest", "high")):
            here = found.get(claim.id, {}).get(word)
            what = f"{', '.join(each.label for each in shown)}: {word} of all sets"
            comparable = _of_sets(results, full_scale, stand_in, computed=here is not None)
            numbers = (float(claim.thresholds[threshold]), math.nan if here is None else here)
            known = (shown[0].unit, *numbers, shown[0].decimals)
            yield _row(what, *known, comparable, f"claim-{claim.id}")


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


def _coefficients(regression: pd.DataFrame) -> Iterator[Comparison]:
    for row in regression.to_dict(orient="records"):
        shown = measure(row["metric"])
        for name in ("a", "b"):
            what = f"{shown.label} = a ln(score) + b: {name}"
            numbers = (row[f"{name}_published"], row[name])
            yield _row(what, shown.unit, *numbers, 4, SAME_POINTS, "regression")


def _correlation(regression: pd.DataFrame, facts: dict[str, str]) -> Comparison:
    what = "Least correlation r of the five metrics with ln(score)"
    numbers = (float(facts["claimed_correlation"]), regression["pearson_r"].min())
    return _row(what, "", *numbers, 2, SAME_POINTS, "claim-correlation", bound="above ")


def _readers(results: Results, facts: dict[str, str]) -> Iterator[Comparison]:
    """What share of the synthetic images readers called real, theirs and this study's own."""
    table = read_readers(results, READERS)
    for role, published, where in (
        (ENGINEER, float(facts["called_real_percent"]), "claim-indistinguishable"),
        (CLINICIAN, 0.0, "claim-clinician"),
    ):
        here, comparable = math.nan, NO_READERS
        if table is not None:
            own = (table["role"] == role) & (table["reader"] == ALL)
            found = table.loc[own & (table["score"] == SYNTHETIC_CALLED_REAL), "value"]
            here = 100 * float(found.iloc[0]) if len(found) else math.nan
        if not math.isnan(here):
            comparable = OTHER_READERS if results.plan.scientific else PHANTOMS
        what = f"Synthetic images that {role}s called real"
        yield _row(what, "%", published, here, 2, comparable, where)


def _row(
    what: str,
    unit: str,
    published: float,
    here: float,
    decimals: int,
    comparable: str,
    where: str,
    bound: str = "",
) -> Comparison:
    printed = bound + f"{published:.10g}".replace("-", MINUS)
    numbers = (number(here, decimals), change(here - published, decimals))
    return Comparison(what, unit, printed, *numbers, comparable, where)
