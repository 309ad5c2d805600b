"""The study's tables as figures, paper and report read them, and what all three say about them."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from miua.analysis.columns import study_table as study_table
from miua.metrics.inception_weights import stand_in
from miua.metrics.lbpv import LBPV_DIFFERENCES
from miua.metrics.registry import ALL_MEASURES, FID, LBPV_TOTAL_DIFFERENCE, Measure, measure
from miua.study.store import COMPUTED, Results, read_experiment, read_metrics, read_table

AUGMENTATION, LEARNING_RATE, SEEDS = "augmentation", "learning-rate", "seeds"
TRAINING_SIZE, IMAGE_SIZE = "training-size", "image-size"
NOISE_FLOOR, SENSITIVITY = "noise-floor", "sensitivity"
FLOOR, PAIRING = f"{NOISE_FLOOR}-summary", f"{NOISE_FLOOR}-pairing"
RESPONSES = f"{SENSITIVITY}-summary"
CLINICIAN, REGRESSION, STABILITY = "clinician", "regression", "stability"
MEASURED = (*ALL_MEASURES, LBPV_TOTAL_DIFFERENCE)


def read_regression(results: Results) -> pd.DataFrame:
    """tables/regression.csv as analysis wrote it."""
    table = study_table(results, REGRESSION)
    return read_table(results.table_path(REGRESSION), (), ()) if table is None else table


def not_run(experiment: str) -> str:
    """What stands where an experiment's numbers would."""
    return f"The experiment {experiment} is not part of this run."


def real_images(results: Results) -> str:
    """What to call the images to learn from: phantoms show no patient."""
    return "phantoms" if results.plan.data.source == "phantom" else "real images"


def arms_of(table: pd.DataFrame) -> list[str]:
    """The arms of an experiment in the order of its plan."""
    return list(dict.fromkeys(table["arm"]))


def trainings_of(table: pd.DataFrame) -> dict[tuple[str, str], str]:
    """Every arm and run of an experiment in the order of its plan, and what to call it.

    That is the arm's name, with the seed where the arm has several trainings.
    """
    each = table.drop_duplicates(["arm", "run"])
    several = each["arm"].duplicated(keep=False)
    called = each["arm"].mask(several, each["arm"] + ", seed " + each["seed"].astype(str))
    return dict(zip(zip(each["arm"], each["run"], strict=True), called, strict=True))


def last_sets(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of each run's last set within each arm."""
    last = table.groupby(["arm", "run"])["epoch"].transform("max")
    rows: pd.DataFrame = table[table["epoch"] == last]
    return rows


def computed(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The rows of one metric that hold a number."""
    rows: pd.DataFrame = table[(table["metric"] == metric) & (table["status"] == COMPUTED)]
    return rows


def with_total_difference(table: pd.DataFrame) -> pd.DataFrame:
    """A table of sets, with the sum of each set's 256 absolute LBPv differences added to it."""
    elements = table[table["metric"].isin(LBPV_DIFFERENCES) & (table["status"] == COMPUTED)]
    totals = elements.groupby("set")["value"].agg(lambda each: np.abs(each).sum())
    added = elements.drop_duplicates([*elements.columns.intersection(["arm"]), "set"])
    added = added.assign(
        metric=LBPV_TOTAL_DIFFERENCE.name, value=added["set"].map(totals), low=np.nan, high=np.nan
    )
    return pd.concat([table, added], ignore_index=True)


def floor_splits(results: Results) -> str:
    """Of how many splits by subject the noise floor is: "2000 (FD-LBP: 100)"; "" without one."""
    floor = study_table(results, FLOOR)
    if floor is None:
        return ""
    taken: dict[int, list[str]] = {}
    for shown in MEASURED:
        for repeats in computed(floor[floor["split"] == "subject"], shown.name)["repeats"]:
            taken.setdefault(int(repeats), []).append(shown.label)
    most = max(taken, default=0)
    fewer = [f"{', '.join(labels)}: {each}" for each, labels in taken.items() if each != most]
    return f"{most} ({'; '.join(fewer)})" if fewer else str(most)


class Spread(NamedTuple):
    """What a metric varies by when nothing but the seed changes: how many seeds, their values'
    range and standard deviation."""

    seeds: int
    low: float
    high: float
    deviation: float


def seed_spread(results: Results, metric: str) -> Spread | None:
    """How far repeated seeds spread a metric at the last epoch; None if that is not known."""
    table = read_experiment(results, SEEDS)
    values = None if table is None else computed(last_sets(table), metric)["value"]
    if values is None or len(values) < 2:
        return None
    return Spread(len(values), values.min(), values.max(), float(values.std(ddof=1)))


def fid_stand_in(results: Results) -> str:
    """The first digits of the weights' hash, if FID rests on others than the published; else ""."""
    definitions = computed(read_metrics(results), FID.name)["definition"]
    return next(filter(None, map(stand_in, definitions)), "")


def shown_measure(results: Results, metric: str) -> Measure:
    """The measure; for FID with stand-in weights, "stand-in" takes the place of the unit."""
    shown = measure(metric)
    stands_in = metric == FID.name and fid_stand_in(results)
    return replace(shown, unit="stand-in") if stands_in else shown


def is_full_scale(results: Results, facts: dict[str, str]) -> bool:
    """Whether the grid spans what the published one spans, with as many sets and images."""
    sizes, epochs = results.training_sizes, results.epochs
    ours = {
        "smallest_training_size": sizes[0],
        "largest_training_size": sizes[-1],
        "fewest_epochs": epochs[0],
        "most_epochs": epochs[-1],
        "sets": len(results.sets),
        "images_per_set": results.plan.synthetic_images,
    }
    return all(value == float(facts[name]) for name, value in ours.items())
