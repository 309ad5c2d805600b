"""What was published beside what came out here, and whether the two can be compared."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from miua.analysis import columns
from miua.analysis.clinician import read_facts
from miua.analysis.paper_claims import read_evidence
from miua.metrics.registry import FID, measure
from miua.report.claims import JudgedClaim
from miua.report.study_tables import fid_stand_in, is_full_scale, read_regression, study_table
from miua.study.store import Results
from miua.wording import MINUS, change, number

RANGE_TEST = "values-in-range"  # of the claims that give a published range of the sets
SAME_POINTS = "yes: the same points, read off the published plot"
NO_READERS = "no: nobody has judged these images"
OTHER_READERS = "with care: other readers, and other images"
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


def comparisons(
    results: Results, study: Path, claims: Sequence[JudgedClaim]
) -> Iterator[PublishedComparison]:
    """Ranges of the sets, coefficients, correlations, and what readers called real."""
    facts, regression = read_facts(study), read_regression(results)
    yield from _ranges(results, study, claims, is_full_scale(results, facts))
    for row in regression.to_dict(orient="records"):
        shown = measure(row["metric"])
        for name in ("a", "b"):
            what, both = f"{shown.label} = a ln(score) + b: {name}", (f"{name}_published", name)
            published, here = (row[column] for column in both)
            yield _row(what, shown.unit, published, here, 4, SAME_POINTS, "regression")
    what = "Least correlation r of the five metrics with ln(score)"
    claimed, least = float(facts["claimed_correlation"]), regression["pearson_r"].min()
    yield _row(what, "", claimed, least, 2, SAME_POINTS, "claim-correlation", bound="above ")
    called_real = {
        columns.ENGINEER: (float(facts["called_real_percent"]), "claim-indistinguishable"),
        columns.CLINICIAN: (0.0, "claim-clinician"),
    }
    for role, (published, where) in called_real.items():
        here, what = _called_real(results, role), f"Synthetic images that {role}s called real"
        comparable = OTHER_READERS if results.plan.scientific else PHANTOMS
        comparable = NO_READERS if math.isnan(here) else comparable
        yield _row(what, "%", published, here, 2, comparable, where)


def _ranges(
    results: Results, study: Path, claims: Sequence[JudgedClaim], full_scale: bool
) -> Iterator[PublishedComparison]:
    found = {claim.id: claim.numbers for claim in claims}
    for row in read_evidence(study):
        if row.test != RANGE_TEST:
            continue
        shown = [measure(str(name)) for name in row.inputs["metrics"]]
        stand_in = FID in shown and bool(fid_stand_in(results))
        for word, threshold in (("lowest", "low"), ("highest", "high")):
            here = found.get(row.id, {}).get(word)
            what = f"{', '.join(each.label for each in shown)}: {word} of all sets"
            comparable = _of_sets(results, full_scale, stand_in, computed=here is not None)
            numbers = (float(row.thresholds[threshold]), math.nan if here is None else here)
            known = (shown[0].unit, *numbers, shown[0].decimals)
            yield _row(what, *known, comparable, f"claim-{row.id}")


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


def _called_real(results: Results, role: str) -> float:
    """The percentage of synthetic images that own readers of a role called real; nan if unknown."""
    table = study_table(results, columns.READERS)
    if table is None:
        return math.nan
    own = (table["role"] == role) & (table["reader"] == columns.ALL)
    share = table.loc[own & (table["score"] == columns.SYNTHETIC_CALLED_REAL), "value"].max()
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
