"""Trainings as the unit of every comparison: one value each, and the distance that may decide.

What differs between two trainings may be the seed alone, and the sets of one training are snapshots
of it, no repetitions. So a training gives one value, and trainings that differ in nothing but the
seed say how far such values scatter. That scatter is taken to be the same for all trainings.
"""

from collections.abc import Sequence
from contextlib import suppress

import pandas as pd

from miua.analysis.checks import UndecidedError
from miua.analysis.claim_tests.base import NotTestableError, computed, labels, nearest_computed
from miua.metrics.registry import FD_LBP, measure

# Distances that see texture alone: what is in an image, and where, is nothing to them.
BLIND_TO_ANATOMY = (FD_LBP.name,)


def one_value_a_run(tables: Sequence[pd.DataFrame], metric: str) -> pd.DataFrame:
    """One row a training of these tables, by its name: `value`, `epochs`, `training_size`.

    The value is the mean over all epochs that every training has. A set of several tables counts
    once. NotTestableError: a table lacks the metric. UndecidedError: there is no such epoch.
    """
    rows = pd.concat([computed(table, metric) for table in tables]).drop_duplicates("set")
    runs = rows.groupby("epoch")["run"].nunique()
    shared = runs.index[runs == rows["run"].nunique()]
    if shared.empty:
        raise UndecidedError("there is no epoch at which all trainings have a set")
    by_run = rows[rows["epoch"].isin(shared)].groupby("run")
    return by_run.agg(
        value=("value", "mean"), epochs=("value", "size"), training_size=("training_size", "first")
    )


def deciding_distance(tables: Sequence[pd.DataFrame], distances: Sequence[str]) -> tuple[str, str]:
    """The distance that decides how realistic images are, and why it may not, or "".

    The first that all tables have and that sees anatomy. Where there is none, the first that all
    have: it is told, and decides nothing. NotTestableError: the tables have none of them.
    """
    seeing = [each for each in distances if each not in BLIND_TO_ANATOMY]
    with suppress(NotTestableError):
        if seeing:
            return nearest_computed(tables, seeing), ""
    metric = nearest_computed(tables, distances)
    return metric, (
        f"{measure(metric).label} does not see anatomy and decides nothing alone, and no distance "
        f"that does was computed ({labels(seeing) or 'none was asked for'})"
    )
