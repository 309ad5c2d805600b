"""What was published beside what came out here, and whether the two can be compared."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from miua.analysis.ledger import read_claims
from miua.analysis.reader_tables import (
    ALL,
    CLINICIAN,
    ENGINEER,
    READERS,
    SYNTHETIC_CALLED_REAL,
    read_readers,
)
from miua.metrics.registry import FID, Measure, measure
from miua.report import sources
from miua.report.claims import JudgedClaim
from miua.report.values import read_facts
from miua.study.store import Results
from miua.wording import MINUS, change, number

RANGE_TEST = "values-in-range"  # of the claims that give a published range of the sets
SAME_POINTS = "yes: the same points, read off the published plot"
NO_READERS = "no: nobody has judged these images"


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


def comparisons(
    results: Results,
    study: Path,
    metrics: pd.DataFrame,
    regression: pd.DataFrame,
    claims: Sequence[JudgedClaim],
    full_scale: bool,
) -> list[Comparison]:
    """Ranges of the sets, coefficients, correlations, and what readers called real.

    Raises:
        MiuaError: a file of the study is missing or damaged.
    """
    facts = read_facts(study)
    return [
        *_ranges(results, study, metrics, claims, full_scale),
        *_coefficients(regression),
        _correlation(regression, facts),
        *_readers(results, facts),
    ]


def _ranges(
    results: Results,
    study: Path,
    metrics: pd.DataFrame,
    claims: Sequence[JudgedClaim],
    full_scale: bool,
) -> Iterator[Comparison]:
    found = {claim.id: claim.numbers for claim in claims}
    for claim in read_claims(study):
        if claim.test != RANGE_TEST:
            continue
        shown = [measure(str(name)) for name in claim.inputs["metrics"]]
        names = ", ".join(each.label for each in shown)
        stand_in = FID in shown and bool(sources.fid_stand_in(metrics))
        numbers = found.get(claim.id, {})
        for word, threshold in (("lowest", "low"), ("highest", "high")):
            here = numbers.get(word)
            yield _row(
                f"{names}: {word} of all sets",
                shown[0],
                float(claim.thresholds[threshold]),
                math.nan if here is None else here,
                _of_sets(results, full_scale, stand_in, computed=here is not None),
                f"claim-{claim.id}",
            )


def _of_sets(results: Results, full_scale: bool, stand_in: bool, computed: bool) -> str:
    if stand_in:
        return "no: other weights than the published ones"
    if not computed:
        return "no: not computed here"
    if not results.plan.scientific:
        return "no: phantoms, not real images"
    if not full_scale:
        return "with care: at another scale than the study's"
    return "yes: the same scale"


def _coefficients(regression: pd.DataFrame) -> Iterator[Comparison]:
    for row in regression.to_dict(orient="records"):
        shown = measure(str(row["metric"]))
        for name in ("a", "b"):
            numbers = (float(row[f"{name}_published"]), float(row[name]))
            yield _row(
                f"{shown.label} = a ln(score) + b: {name}",
                shown,
                *numbers,
                SAME_POINTS,
                "regression",
                decimals=4,
            )


def _correlation(regression: pd.DataFrame, facts: pd.DataFrame) -> Comparison:
    least = float(regression["pearson_r"].min())
    claimed = float(str(facts.loc["claimed_correlation", "value"]))
    difference = change(least - claimed, 2)
    return Comparison(
        "Least correlation r of the five metrics with ln(score)",
        "",
        f"above {number(claimed, 1)}",
        number(least, 2),
        difference,
        SAME_POINTS,
        "claim-correlation",
    )


def _readers(results: Results, facts: pd.DataFrame) -> Iterator[Comparison]:
    """What share of the synthetic images readers called real, theirs and this study's own."""
    percent = str(facts.loc["called_real_percent", "value"])
    table = read_readers(results, READERS)
    for role, published in ((ENGINEER, percent), (CLINICIAN, "0")):
        here = math.nan
        if table is not None:
            own = (table["role"] == role) & (table["reader"] == ALL)
            found = table.loc[own & (table["score"] == SYNTHETIC_CALLED_REAL), "value"]
            here = 100 * float(found.iloc[0]) if len(found) else math.nan
        yield Comparison(
            f"Synthetic images that {role}s called real",
            "%",
            published,
            number(here, 2),
            change(here - float(published), 2),
            NO_READERS if math.isnan(here) else _of_readers(results),
            "claim-indistinguishable" if role == ENGINEER else "claim-clinician",
        )


def _of_readers(results: Results) -> str:
    if not results.plan.scientific:
        return "no: phantoms, not real images"
    return "with care: other readers, and other images"


def _row(
    what: str,
    shown: Measure,
    published: float,
    here: float,
    comparable: str,
    where: str,
    decimals: int | None = None,
) -> Comparison:
    places = shown.decimals if decimals is None else decimals
    return Comparison(
        what,
        shown.unit,
        f"{published:.10g}".replace("-", MINUS),  # as it was printed
        number(here, places),
        change(here - published, places),
        comparable,
        where,
    )
