"""Tests of arms: which one gives the images closest to real ones, and what one counts as accuracy.

The text's settings were trained with several seeds, other arms most often once. All of these
trainings count, each once, and what they vary by within an arm is the error of every comparison.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.regression.linear_model import OLS

from miua.analysis.checks import UndecidedError, is_constant
from miua.analysis.claim_tests.base import (
    NOT_REPRODUCED,
    REPRODUCED,
    SEEDS,
    UNDECIDED,
    ClaimFinding,
    Evidence,
    Fraction,
    Metrics,
    Names,
    Share,
    claim_test,
    computed,
    decide,
    has_computed,
    number,
    of_arm,
    p_text,
)
from miua.analysis.claim_tests.runs import deciding_distance
from miua.analysis.group_differences import grouped
from miua.config import VARIANTS
from miua.metrics.registry import measure


@claim_test
def best_arm(
    evidence: Evidence,
    distance: Metrics,
    best: str,
    others: Names,
    beside: Sequence[str] = (),
    *,
    alpha: Fraction,
) -> ClaimFinding:
    """An arm, the text's settings, is closer to real images than each other one.

    Its value is the mean over all seeds of the text's settings. Every other arm must be farther at
    level alpha (one-sided t tests with the deviation within arms; as all must pass, none is
    adjusted); that another arm is closer is found at alpha over all of them (Bonferroni).

    An arm whose images are prepared otherwise, such as cropped, has another reference: its distance
    is told and decides nothing, as that of the arms `beside`; with one among `others` nothing is
    reproduced. Of `distance` the first that sees anatomy decides; without one the claim stays
    undecided.
    """
    sets, seeds = evidence.sets(), evidence.sets(SEEDS)
    arms = {arm: of_arm(sets, arm, evidence.experiments[0]) for arm in [best, *others, *beside]}
    metric, blind = deciding_distance([arms[best], seeds], distance)
    # An arm without the metric that the best one has gave no images: its training diverged.
    last = {arm: _last(rows, metric) for arm, rows in arms.items() if has_computed(rows, metric)}
    own = last[best].iloc[0]
    epoch, size = own["epoch"], own["training_size"]
    last[best] = _with_seeds(last[best], seeds, metric)
    alike = [arm for arm in last if last[arm]["preparation"].iloc[0] == own["preparation"]]
    failed = [arm for arm in others if arm not in last]
    elsewhere = [arm for arm in others if arm in last and arm not in alike]
    compared = [arm for arm in others if arm in alike]
    if not compared:
        reasons = [f"{', '.join(failed)} gave no images to compare with"] if failed else []
        if elsewhere:
            reasons.append(f"the images of {', '.join(elsewhere)} are prepared otherwise")
        raise UndecidedError("; ".join(reasons))
    runs = pd.concat([last[arm].assign(arm=arm) for arm in [best, *compared]])
    repeated = len(last[best])
    if repeated < 2:
        raise UndecidedError(
            f"{repeated} seeds at epoch {epoch} and {size} images, at least 2 are needed to say "
            "what seeds alone do"
        )
    groups = grouped(runs["value"], runs["arm"])
    margins = {arm: groups.difference(arm, best) for arm in compared}
    next_best = min(margins, key=lambda arm: margins[arm].value)
    margin, strict = margins[next_best].value, alpha / len(margins)
    needed, beaten = (margins[next_best].reach(level) for level in (alpha, strict))
    if blind:
        verdict, end = UNDECIDED, blind
    elif all(each.value > each.reach(alpha) for each in margins.values()):
        verdict, end = REPRODUCED, f"the margin exceeds what {repeated} seeds explain"
        if elsewhere:
            verdict, end = UNDECIDED, f"{end}, but not every arm can be compared"
    elif closer := [arm for arm, each in margins.items() if -each.value > each.reach(strict)]:
        verdict, end = NOT_REPRODUCED, f"{', '.join(closer)} closer by more than seeds explain"
    else:
        verdict, end = UNDECIDED, f"{repeated} seeds of {best} cannot tell them apart"
    found = {arm: number(rows["value"].mean()) for arm, rows in last.items()}
    low, high = (number(each) for each in (last[best]["value"].min(), last[best]["value"].max()))
    said = (
        f"At epoch {epoch} {measure(metric).label} is {found[best]} for {best}, the mean of "
        f"{repeated} seeds ({low} to {high}), and {found[next_best]} for {next_best}, the best "
        "other arm"
    )
    if failed:
        said += f" ({', '.join(failed)} gave no images)"
    said += f": {end} (margin needed: {number(needed if margin > 0 else beaten)})"
    for arm in beside:
        if arm in last:
            said += f"; {arm} has {found[arm]} at epoch {last[arm]['epoch'].iloc[0]}"
    for arm in elsewhere:
        said += (
            f"; {arm} has {found[arm]} to images prepared otherwise, "
            "which no other arm can be compared with"
        )
    return ClaimFinding(
        verdict,
        f"{said}.",
        {f"{metric} {arm}": float(rows["value"].mean()) for arm, rows in last.items()}
        | {"margin": margin, "margin needed": needed, "margin to be beaten": beaten}
        | {"deviation over seeds": groups.deviation},
        n=len(runs),
    )


@claim_test
def factors_improve(
    evidence: Evidence,
    distance: Metrics,
    neither: str,
    flip: str,
    rotation: str,
    both: str,
    *,
    alpha: Fraction,
) -> ClaimFinding:
    """Augmented trainings give closer images than those that are not: flip by rotation, 2 x 2.

    Ordinary least squares with both main effects, so that all trainings of all cells count, the
    seeds of the text's settings in the cell `both`. The sum of the two effects, which is what both
    change against neither, decides (one-sided at alpha either way). Where the interaction is
    significant at alpha the effects do not add up, and the claim stays undecided. The error is what
    trainings of one cell vary by, most often the seeds of `both`. Of `distance` the first that sees
    anatomy decides.
    """
    sets, seeds = evidence.sets(), evidence.sets(SEEDS)
    cells = {(0, 0): neither, (1, 0): flip, (0, 1): rotation, (1, 1): both}
    arms = {place: of_arm(sets, arm, evidence.experiments[0]) for place, arm in cells.items()}
    metric, blind = deciding_distance([arms[1, 1], seeds], distance)
    if failed := [cells[place] for place in cells if not has_computed(arms[place], metric)]:
        raise UndecidedError(f"{', '.join(failed)} gave no images")
    last = {place: _last(rows, metric) for place, rows in arms.items()}
    epoch = last[1, 1]["epoch"].iloc[0]
    last[1, 1] = _with_seeds(last[1, 1], seeds, metric)
    value = np.concatenate([rows["value"].to_numpy() for rows in last.values()])
    signs = np.repeat(np.array(list(last), dtype=float) - 0.5, [*map(len, last.values())], axis=0)
    # The difference between the means of two levels is the coefficient of a factor of +-1/2.
    factors = np.column_stack([np.ones(len(value)), signs])
    crossed = OLS(value, np.column_stack([factors, 2 * signs.prod(axis=1)])).fit()
    if crossed.df_resid < 1 or is_constant(crossed.resid, scale=float(np.abs(value).max())):
        raise UndecidedError("no cell has trainings with several seeds that vary")
    added = OLS(value, factors).fit(
        cov_type="fixed scale", cov_kwds={"scale": crossed.scale}, use_t=False
    )
    contrasts = {"flip": [0, 1, 0], "rotation": [0, 0, 1], "both": [0, 1, 1]}
    effects, p_values = {}, {}
    for name, contrast in contrasts.items():
        tested = added.t_test(contrast)
        effects[name] = float(tested.effect[0])
        t = effects[name] / float(tested.sd.item())
        p_values[name] = float(2 * stats.t.sf(abs(t), crossed.df_resid))
    effects["interaction"], p_values["interaction"] = crossed.params[3], crossed.pvalues[3]
    change, p = effects.pop("both"), p_values.pop("both")
    if blind:
        verdict, end = UNDECIDED, blind
    elif p_values["interaction"] < alpha:
        verdict = UNDECIDED
        end = "the effects of flip and of rotation do not add up, so the data allow no answer"
    elif p < 2 * alpha:
        verdict, end = decide(change < 0), f"{'closer' if change < 0 else 'farther'} if augmented"
    else:
        verdict, end = UNDECIDED, f"{len(value)} trainings cannot tell them apart"
    told = ", ".join(
        f"{name} {number(effects[name])} ({p_text(p_values[name])})" for name in effects
    )
    label = measure(metric).label
    reason = (
        f"At epoch {epoch} flip and rotation together change {label} by {number(change)}, the sum "
        f"of their effects, one-sided {p_text(p / 2)}; effects and interaction: {told}. The error "
        f"is what trainings of one cell vary by, on {crossed.df_resid:g} degrees of freedom"
    )
    return ClaimFinding(
        verdict,
        f"{reason}: {end}.",
        {f"{metric} {arm}": float(last[place]["value"].mean()) for place, arm in cells.items()}
        | {f"effect of {name}": float(each) for name, each in effects.items()}
        | {f"p of {name}": float(each) for name, each in p_values.items()}
        | {"both minus neither": change, "p one-sided": p / 2}
        | {"deviation over seeds": float(np.sqrt(crossed.scale))},
        n=len(value),
    )


@claim_test
def label_is_truncated(
    evidence: Evidence, variant: Literal["notebook-128"], *, accuracy: Share
) -> ClaimFinding:
    """Comparing with the variant's real label cast to an integer gives that accuracy."""
    label = float(VARIANTS[variant]["real_label"])
    # A faultless discriminator answers 1, real, to every real image.
    given = float(int(label) == 1)
    return ClaimFinding(
        decide(given == accuracy),
        f"Cast to an integer the real label {label:g} is {int(label)}, so a discriminator that "
        f"calls every real image real gets an accuracy of {number(given)} on real images.",
        {"label": label, "accuracy": given},
    )


def _last(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Of an arm's trainings the values at its last epoch, one row each."""
    found = computed(rows, metric)
    at_end: pd.DataFrame = found[found["epoch"] == found["epoch"].max()]
    return at_end.drop_duplicates("run")


def _with_seeds(rows: pd.DataFrame, seeds: pd.DataFrame, metric: str) -> pd.DataFrame:
    """These rows of the text's settings with those of its other seeds at the same place."""
    place = ["epoch", "training_size", "preparation"]
    more = computed(seeds, metric)
    same = more.loc[(more[place] == rows[place].iloc[0]).all(axis=1)]
    return pd.concat([rows, same]).drop_duplicates("set")
