"""Whether the study's reference, which shares images with the trainings, decides what is found."""

import pandas as pd

from miua.analysis.checks import UndecidedError
from miua.analysis.claim_tests.base import (
    SEEDS,
    UNDECIDED,
    ClaimFinding,
    Evidence,
    Fraction,
    Metrics,
    claim_test,
    computed,
    decide,
    number,
)
from miua.analysis.claim_tests.runs import deciding_distance, one_value_a_run
from miua.analysis.columns import UNSEEN
from miua.analysis.group_differences import equivalence, grouped
from miua.metrics.registry import measure


@claim_test
def unseen_images_agree(
    evidence: Evidence, distance: Metrics, arm: str, *, alpha: Fraction, share: Fraction
) -> ClaimFinding:
    """Between training sizes the distance to unseen images changes as that to the reference does.

    The difference of the two distances of each training, one value a training, is the same for
    every two sizes within `share` times the range of the sizes' mean distances to the reference:
    two one-sided tests (miua.analysis.group_differences.equivalence) against the spread between
    seeds. A constant difference is none: the two references have different numbers of images.
    Of `distance` the first that sees anatomy decides.
    """
    tables = [evidence.sets(arm=arm), evidence.sets(SEEDS)]
    unseen = evidence.table(UNSEEN)
    metric, blind = deciding_distance([*tables, unseen], distance)
    seen = one_value_a_run(tables, metric)
    values = computed(unseen, metric).set_index("set")["value"]
    apart = one_value_a_run([_apart(table, values, metric) for table in tables], metric)
    means = seen.groupby("training_size")["value"].mean()
    reach = float(means.max() - means.min())
    if not reach:
        raise UndecidedError(f"{measure(metric).label} to the reference is equal for all sizes")
    groups = grouped(apart["value"], apart["training_size"])
    margin = share * reach
    found = equivalence(groups, margin=margin, alpha=alpha)
    verdict = UNDECIDED if blind else decide(found.p < alpha, found.beyond < alpha)
    reason = (
        f"{measure(metric).label} to the reference differs by up to {number(reach)} between sizes; "
        f"that to unseen images changes otherwise by {number(found.difference)} at most, between "
        f"{found.pair[0]} and {found.pair[1]} images ({100 - 200 * alpha:g} % interval "
        f"{number(found.low)} to {number(found.high)}; margin {number(margin)}; {len(apart)} "
        f"trainings){f': {blind}' if blind else ''}."
    )
    numbers = {"range over sizes": reach, "margin": margin, "difference": found.difference}
    numbers |= {"low": found.low, "high": found.high, "p": found.p, "p beyond": found.beyond}
    return ClaimFinding(verdict, reason, numbers, n=len(apart))


def _apart(table: pd.DataFrame, unseen: pd.Series, metric: str) -> pd.DataFrame:
    """The sets' rows of a metric, with the distance to unseen images less that to the reference."""
    rows = computed(table, metric)
    rows = rows[rows["set"].isin(unseen.index)]
    return rows.assign(value=rows["set"].map(unseen) - rows["value"])
