"""Tests of stability: which trainings show signs of instability, and which show fewest.

Signs count after the burn-in alone (miua.training.signs), and at equal numbers of updates: a larger
image is unstable only if the control, trained as long, is not. A training that ended within the
burn-in is not judged.
"""

from collections.abc import Sequence
from typing import Annotated, Any

import pandas as pd
from pydantic import Field

from miua.analysis.claim_tests.base import (
    NOT_REPRODUCED,
    REPRODUCED,
    UNDECIDED,
    AtLeastOne,
    ClaimFinding,
    Evidence,
    Names,
    NotTestableError,
    claim_test,
    of_arm,
)
from miua.analysis.columns import TOO_SHORT
from miua.training.signs import BURN_IN_UPDATES

Count = Annotated[int, Field(ge=0)]
AFTER = f"after the burn-in of {BURN_IN_UPDATES} updates"


@claim_test
def arms_are_stable(
    evidence: Evidence,
    stable: Sequence[str] = (),
    unstable: Sequence[str] = (),
    control: str | None = None,
    *,
    most_signs: Count,
    least_epochs: AtLeastOne,
) -> ClaimFinding:
    """Every run of the stable arms is without signs of instability, each unstable arm shows some.

    `most_signs` is how many signs a stable training may show. Fewer than `least_epochs` epochs
    without a sign prove nothing. Of unstable arms nothing is said, undecided, unless the control at
    the same number of updates shows no more signs than a stable training may.
    """
    table, experiment = _stability(evidence), evidence.experiments[0]
    if unstable and control is None:
        raise NotTestableError("a control, that is a smaller image trained as long")
    sign_counts: dict[str, float] = {}
    told, contradicted, open_, untrained = [], [], [], []
    for arm in [*stable, *unstable]:
        rows = of_arm(table, arm, experiment)
        shown = int((rows["signs"].map(len) > most_signs).sum())
        sign_counts[f"runs of {arm} with signs"] = shown
        told.append(f"{arm}: {_signs(rows)}")
        if not shown and rows["stable"].eq(TOO_SHORT).any():
            untrained.append(arm)
        elif not shown and rows["epochs"].min() < least_epochs:
            open_.append(f"{arm} may still show a sign before {least_epochs} epochs")
        elif bool(shown) != (arm in unstable) and arm != control:
            contradicted.append(arm)
    for arm in unstable:
        rows = of_arm(table, arm, experiment)
        beside = _at_updates(of_arm(table, str(control), experiment), rows.iloc[0])
        if problem := _not_free(beside, str(control), most_signs):
            open_.append(problem)
            contradicted = [each for each in contradicted if each != arm]
    if untrained:
        open_.insert(0, f"{', '.join(untrained)} not trained beyond it")
    chosen = table[table["arm"].isin([*stable, *unstable])]
    verdict, end = REPRODUCED, "as claimed"
    if contradicted:
        verdict, end = NOT_REPRODUCED, f"{', '.join(contradicted)} against the claim"
    elif open_:
        verdict, end = UNDECIDED, "; ".join(dict.fromkeys(open_))
    longest, updates = (int(chosen[name].max()) for name in ("epochs", "updates"))
    length = f"In {longest} epochs, or {updates} updates"
    reason = f"{length}, the signs {AFTER} are {', '.join(told)}: {end}."
    numbers = sign_counts | {"epochs": longest, "updates": updates}
    return ClaimFinding(verdict, reason, numbers, n=len(chosen))


@claim_test
def most_stable_arm(
    evidence: Evidence, best: str, others: Names, *, least_arms: AtLeastOne
) -> ClaimFinding:
    """An arm shows no more signs than any other arm, and fewer than at least `least_arms` of them.

    Of an arm with several trainings the mean counts.

    Each other arm is compared with the training of `best` at the same number of updates, within one
    epoch; where there is no such comparison, as for a training within the burn-in, the claim is not
    reproduced by the rest.
    """
    table, experiment = _stability(evidence), evidence.experiments[0]
    arms = {arm: of_arm(table, arm, experiment) for arm in [best, *others]}
    own = table[table["run"].isin(arms[best]["run"])]
    counts = {arm: _mean_signs(rows) for arm, rows in arms.items()}
    beaten, fewer, open_, untrained = [], [], [], []
    for arm in others:
        row = arms[arm].iloc[0]
        beside = _at_updates(own, row)
        if beside.empty:
            open_.append(f"{best} was not judged at the {row['updates']:g} updates of {arm}")
        elif TOO_SHORT in {*beside["stable"], *arms[arm]["stable"]}:
            untrained.append(arm)
        elif counts[arm] < _mean_signs(beside):
            beaten.append(arm)
        elif counts[arm] > _mean_signs(beside):
            fewer.append(arm)
    if untrained:
        open_.insert(0, f"{', '.join(untrained)} not trained beyond it")
    if beaten:
        verdict, end = NOT_REPRODUCED, f"{', '.join(beaten)} with fewer than {best}"
    elif open_ or len(fewer) < least_arms:
        verdict = UNDECIDED
        end = "; ".join(open_) or f"{len(fewer)} arms with more signs than {best}"
    else:
        verdict = REPRODUCED
        end = f"no arm has fewer than {best}, and {', '.join(fewer)} more"
    said = ", ".join(f"{arm} {count:.3g}" for arm, count in counts.items())
    numbers: dict[str, float] = {f"signs of {arm}": count for arm, count in counts.items()}
    reason = f"Signs of instability {AFTER}: {said}: {end}."
    return ClaimFinding(verdict, reason, numbers, n=sum(map(len, arms.values())))


def _stability(evidence: Evidence) -> pd.DataFrame:
    """The runs of the claim's first experiment; in `signs`, the list of each run's signs."""
    table = evidence.table("stability")
    table = table[table["experiment"] == evidence.experiments[0]]
    if table.empty:
        raise NotTestableError(f"the experiment {evidence.experiments[0]} (no run of it is there)")
    signs = table["signs"].str.split("; ").map(lambda each: [sign for sign in each if sign])
    return table.assign(signs=signs)


def _signs(rows: pd.DataFrame) -> str:
    """All signs of these runs in words."""
    seen = sorted({*rows["signs"].explode().dropna()})
    return "; ".join(seen) or ("not judged" if rows["stable"].eq(TOO_SHORT).all() else "no sign")


def _mean_signs(rows: pd.DataFrame) -> float:
    """How many signs a training shows, on average."""
    return float(rows["signs"].map(len).mean())


def _at_updates(control: pd.DataFrame, row: Any) -> pd.DataFrame:
    """Of a control's rows those with as many updates as `row`, within one epoch."""
    apart = (control["updates"] - row["updates"]).abs()
    near = (apart == apart.min()) & (apart <= control["updates"] / control["epochs"])
    found: pd.DataFrame = control.loc[near]
    return found


def _not_free(control: pd.DataFrame, name: str, most_signs: int) -> str:
    """Why a control says nothing, or ""."""
    if control.empty:
        return f"the control, {name}, has no set at as many updates"
    if control["stable"].eq(TOO_SHORT).any():
        return f"the control, {name}, was not trained beyond it"
    if control["signs"].map(len).max() > most_signs:
        return f"the control, {name}, is not free of signs itself"
    return ""
