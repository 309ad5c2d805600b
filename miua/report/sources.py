"""The tables of single experiments as the report reads them: None where one was not run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from miua.analysis import noise_floor, sensitivity
from miua.analysis.clinician import CLINICIAN_COLUMNS, REGRESSION_COLUMNS
from miua.metrics.inception_weights import SHA256
from miua.metrics.registry import (
    FID,
    LBPV_ELEMENTS,
    LBPV_TOTAL_DIFFERENCE,
    Measure,
    element_name,
)
from miua.study.store import (
    COMPUTED,
    STABILITY_COLUMNS,
    STABILITY_NUMBERS,
    Results,
    read_experiment,
    read_table,
)

AUGMENTATION, LEARNING_RATE, SEEDS = "augmentation", "learning-rate", "seeds"
TRAINING_SIZE, IMAGE_SIZE = "training-size", "image-size"
NOISE_FLOOR, SENSITIVITY = "noise-floor", "sensitivity"
_WEIGHTS = ", weights "  # what the definition of FID says before the first digits of their hash


@dataclass(frozen=True)
class Spread:
    """What a metric varies by when nothing but the seed changes.

    seeds: how many; epoch: of the snapshots compared; low, high, deviation: of the values.
    """

    seeds: int
    epoch: int
    low: float
    high: float
    deviation: float


def not_run(experiment: str) -> str:
    """What stands where an experiment's numbers would."""
    return f"The experiment {experiment} is not part of this run."


def real_images(results: Results) -> str:
    """What the images to learn from are called: phantoms are none of a patient."""
    return "phantoms" if results.plan.data.source == "phantom" else "real images"


def arms_of(table: pd.DataFrame) -> list[str]:
    """The arms of an experiment in the order of its plan."""
    return list(dict.fromkeys(table["arm"]))


def last_sets(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of each run's last set within each arm."""
    last = table.groupby(["arm", "run"])["epoch"].transform("max")
    rows: pd.DataFrame = table[table["epoch"] == last]
    return rows


def computed(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The rows of one metric that hold a number."""
    rows: pd.DataFrame = table[(table["metric"] == metric) & (table["status"] == COMPUTED)]
    return rows


def read_optional(
    results: Results, name: str, columns: Sequence[str], numbers: Sequence[str]
) -> pd.DataFrame | None:
    """tables/NAME.csv, or None if it is not there.

    Raises:
        MiuaError: it is damaged.
    """
    path = results.tables / f"{name}.csv"
    table: pd.DataFrame | None = None
    if path.exists():
        table = read_table(path, columns, numbers)
    return table


def read_noise_floor(results: Results) -> pd.DataFrame | None:
    numbers = ("images", "repeat", "shared_subjects", "value")
    return read_optional(results, NOISE_FLOOR, noise_floor.COLUMNS, numbers)


def read_floor_summary(results: Results) -> pd.DataFrame | None:
    words = ("split", "metric", "status")
    numbers = [column for column in noise_floor.SUMMARY_COLUMNS if column not in words]
    return read_optional(results, f"{NOISE_FLOOR}-summary", noise_floor.SUMMARY_COLUMNS, numbers)


def read_pairing(results: Results) -> pd.DataFrame | None:
    columns = noise_floor.PAIRING_COLUMNS
    return read_optional(results, f"{NOISE_FLOOR}-pairing", columns, ("value",))


def read_sensitivity(results: Results) -> pd.DataFrame | None:
    numbers = ("level", "amount", "repeat", "value")
    return read_optional(results, SENSITIVITY, sensitivity.COLUMNS, numbers)


def read_sensitivity_summary(results: Results) -> pd.DataFrame | None:
    numbers = ("levels", "spearman", "first_level_beyond_floor")
    columns = sensitivity.SUMMARY_COLUMNS
    return read_optional(results, f"{SENSITIVITY}-summary", columns, numbers)


def read_regression(results: Results) -> pd.DataFrame:
    """tables/regression.csv as analysis wrote it."""
    words = ("metric", "agrees", "status")
    numbers = [column for column in REGRESSION_COLUMNS if column not in words]
    return read_table(results.tables / "regression.csv", REGRESSION_COLUMNS, numbers)


def read_clinician(results: Results) -> pd.DataFrame | None:
    numbers = [column for column in CLINICIAN_COLUMNS if column not in ("metric", "status")]
    return read_optional(results, "clinician", CLINICIAN_COLUMNS, numbers)


def read_stability(results: Results) -> pd.DataFrame | None:
    return read_optional(results, "stability", STABILITY_COLUMNS, STABILITY_NUMBERS)


def with_total_difference(table: pd.DataFrame) -> pd.DataFrame:
    """A table of sets, with the sum of each set's 256 absolute LBPv differences added to it."""
    names = [element_name(element) for element in range(LBPV_ELEMENTS)]
    elements = table[table["metric"].isin(names) & (table["status"] == COMPUTED)]
    totals = elements.groupby("set")["value"].agg(lambda each: np.abs(each).sum())
    added = elements.drop_duplicates([*elements.columns.intersection(["arm"]), "set"])
    added = added.assign(
        metric=LBPV_TOTAL_DIFFERENCE.name, value=added["set"].map(totals), low=np.nan, high=np.nan
    )
    return pd.concat([table, added], ignore_index=True)


def seed_spread(results: Results, metric: str) -> Spread | None:
    """How far repeated seeds spread a metric at the last epoch; None if that is not known."""
    table = read_experiment(results, SEEDS)
    if table is None:
        return None
    rows = computed(last_sets(table), metric)
    if len(rows) < 2:
        return None
    values = rows["value"].to_numpy(dtype=np.float64)
    deviation = float(values.std(ddof=1))
    return Spread(len(rows), int(rows["epoch"].iloc[0]), values.min(), values.max(), deviation)


def stand_in_weights(definitions: Sequence[str]) -> str:
    """The first digits of the weights' hash, if FID rests on others than the published; else ""."""
    for definition in definitions:
        _, marked, digest = str(definition).partition(_WEIGHTS)
        if marked and digest[:8] != SHA256[:8]:
            return digest[:8]
    return ""


def marked(shown: Measure, stand_in: str) -> Measure:
    """The measure, or FID with the word for weights that stand in where its unit would be."""
    return replace(shown, unit="stand-in") if shown.name == FID.name and stand_in else shown


def fid_stand_in(metrics: pd.DataFrame) -> str:
    """`stand_in_weights` of a table of sets."""
    return stand_in_weights(list(computed(metrics, FID.name)["definition"]))
