"""Whether a training was stable, read off its log and its last synthetic set.

The signs and their bounds are those of `miua.training.signs`, which the training itself logs for
each epoch. Here they are judged of a training as a whole: of its discriminator by the last half of
its epochs, of its samples by the last set.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from miua.analysis.results import Results, read_run_log
from miua.analysis.tables import COMPUTED
from miua.files import read_json
from miua.training.signs import (
    COLLAPSED,
    COLLAPSED_DIVERSITY,
    NON_FINITE,
    SATURATED,
    SATURATED_ACCURACY,
    told,
)

# The discriminator counts as saturated in a training where it is so in more than this share of the
# last half of its epochs.
SATURATED_SHARE = 0.5

STABILITY_COLUMNS = (
    "experiment",
    "arm",
    "run",
    "image_size",
    "training_size",
    "epochs",
    "updates",
    "diverged_epoch",
    "saturated_share",
    "accuracy_real_last",
    "accuracy_synthetic_last",
    "generator_loss_last",
    "discriminator_loss_last",
    "diversity",
    "signs",
    "stable",
    "events",
)
STABILITY_NUMBERS = tuple(
    column
    for column in STABILITY_COLUMNS
    if column not in ("experiment", "arm", "run", "signs", "stable", "events")
)


def stability(results: Results, table: pd.DataFrame) -> pd.DataFrame:
    """The signs in every run of one experiment's table, up to its last set: STABILITY_COLUMNS.

    Raises:
        MiuaError: a run's log is missing or damaged.
    """
    last = table.sort_values("epoch").groupby(["arm", "run"], sort=False).tail(1)
    last = last.drop_duplicates(["arm", "run"])
    rows = []
    for cell in last.itertuples():
        chosen = table[(table["set"] == cell.set) & (table["metric"] == "diversity")]
        rows.append(_row(results, cell, chosen))
    return pd.DataFrame(rows, columns=list(STABILITY_COLUMNS))


def saturated_share(log: pd.DataFrame) -> float:
    """The share of the last half of epochs in which the discriminator is saturated."""
    late = log.iloc[len(log) // 2 :]
    both = late[["accuracy_real", "accuracy_synthetic"]].min(axis=1)
    return float((both >= SATURATED_ACCURACY).mean())


def _row(results: Results, cell: Any, diversities: pd.DataFrame) -> dict[str, object]:
    folder = results.folder / "runs" / cell.run
    log = read_run_log(folder, cell.epoch)
    diverged = folder / "diverged.json"
    diverged_epoch = read_json(diverged)["epoch"] if diverged.exists() else None
    computed = diversities[diversities["status"] == COMPUTED]
    diversity = float(computed["value"].iloc[0]) if len(computed) else None
    share = saturated_share(log)
    signs = [
        sign
        for sign, seen in (
            (NON_FINITE, diverged_epoch is not None and diverged_epoch <= cell.epoch),
            (SATURATED, share > SATURATED_SHARE),
            (COLLAPSED, diversity is not None and diversity < COLLAPSED_DIVERSITY),
        )
        if seen
    ]
    end = log.iloc[-1]
    return {
        "experiment": cell.experiment,
        "arm": cell.arm,
        "run": cell.run,
        "image_size": cell.image_size,
        "training_size": cell.training_size,
        "epochs": cell.epoch,
        "updates": cell.updates,
        "diverged_epoch": diverged_epoch,
        "saturated_share": share,
        "accuracy_real_last": end["accuracy_real"],
        "accuracy_synthetic_last": end["accuracy_synthetic"],
        "generator_loss_last": end["generator_loss"],
        "discriminator_loss_last": end["discriminator_loss"],
        "diversity": diversity,
        "signs": "; ".join(signs),
        "stable": "no" if signs else "yes",
        "events": "; ".join(told(log["epoch"], log["events"])),
    }
