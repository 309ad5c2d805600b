"""The layout of a results folder: the plan, and where each run, set and table lies."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from miua.config import read_config
from miua.errors import MiuaError
from miua.plan import Profile

LOG_COLUMNS = (
    "epoch",
    "updates",
    "generator_loss",
    "discriminator_loss",
    "accuracy_real",
    "accuracy_synthetic",
    "events",
)


@dataclass(frozen=True)
class SyntheticSet:
    """One cell of the experiment's grid: a training size and the epoch of the snapshot."""

    training_size: int
    epoch: int

    @property
    def name(self) -> str:
        return f"n{self.training_size:04d}_e{self.epoch:04d}"


@dataclass(frozen=True)
class Results:
    """A results folder. Paths are computed here and nowhere else in analysis and report."""

    folder: Path
    plan: Profile

    @classmethod
    def open(cls, folder: Path) -> Results:
        """Read the plan of a results folder.

        Raises:
            MiuaError: the folder or its plan.yaml is missing, damaged or incomplete.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise MiuaError(f"The results folder {folder} is missing. Run the study first.")
        if not (folder / "plan.yaml").is_file():
            raise MiuaError(
                f"{folder} is no results folder: it has no plan.yaml. Name one such as "
                "results/smoke, or make it with: miua reproduce"
            )
        plan = read_config(folder / "plan.yaml", Profile)
        return cls(folder, plan)

    @property
    def training_sizes(self) -> list[int]:
        """Numbers of training images, ascending."""
        return sorted(set(self.plan.grid.training_sizes))

    @property
    def epochs(self) -> list[int]:
        """Epochs at which synthetic sets are made, ascending."""
        return sorted(set(self.plan.grid.epochs))

    @property
    def sets(self) -> list[SyntheticSet]:
        """The synthetic sets of the experiment, by training size, then epoch."""
        return [SyntheticSet(size, epoch) for size in self.training_sizes for epoch in self.epochs]

    @property
    def tables(self) -> Path:
        return self.folder / "tables"

    @property
    def figures(self) -> Path:
        return self.folder / "figures"

    @property
    def report(self) -> Path:
        return self.folder / "report.html"

    @property
    def paper(self) -> Path:
        return self.folder / "paper"

    @property
    def reference_stack(self) -> Path:
        return self.folder / "reference" / str(self.plan.image_size) / "images.npy"

    @property
    def reference_lbpv(self) -> Path:
        return self.folder / "metrics" / "reference.npy"

    def run(self, training_size: int) -> Path:
        return self.folder / "runs" / f"n{training_size:04d}"

    def set_stack(self, chosen: SyntheticSet) -> Path:
        return self.folder / "sets" / chosen.name / "images.npy"

    def set_metrics(self, chosen: SyntheticSet) -> Path:
        return self.folder / "metrics" / f"{chosen.name}.csv"

    def set_lbpv(self, chosen: SyntheticSet) -> Path:
        return self.folder / "metrics" / f"{chosen.name}.npy"

    def at_rank(self, size_rank: float, epoch_rank: float) -> SyntheticSet:
        """The set at a relative place of the grid, 0 for the first and 1 for the last.

        A study scaled down has other training sizes and epochs than the published one; a set with
        the same rank stands where the published set stood.
        """
        return SyntheticSet(
            _at_rank(self.training_sizes, size_rank), _at_rank(self.epochs, epoch_rank)
        )


# The published grid: 100, 300, 500, 800, 999 images at 300, 500, 800, 1000 epochs.
RANK_300_IMAGES, RANK_800_IMAGES = 1 / 4, 3 / 4
RANK_300_EPOCHS, RANK_500_EPOCHS, RANK_1000_EPOCHS = 0.0, 1 / 3, 1.0


def figure_two_set(results: Results) -> SyntheticSet:
    """The set that stands where the published figure 2 has 300 images and 300 epochs."""
    return results.at_rank(RANK_300_IMAGES, RANK_300_EPOCHS)


def poster_sizes(results: Results) -> list[int]:
    """The training sizes that stand where the poster has 300 and 800 images."""
    sizes = [results.at_rank(rank, 0).training_size for rank in (RANK_300_IMAGES, RANK_800_IMAGES)]
    return sorted(set(sizes))


def poster_epochs(results: Results) -> list[int]:
    """The epochs that stand where the poster has 500 and 1000 epochs."""
    epochs = [results.at_rank(0, rank).epoch for rank in (RANK_500_EPOCHS, RANK_1000_EPOCHS)]
    return sorted(set(epochs))


def read_log(results: Results, training_size: int) -> pd.DataFrame:
    """The log of a run of the grid, up to the grid's last epoch; see `read_run_log`."""
    return read_run_log(results.run(training_size), results.epochs[-1])


def read_run_log(run: Path, last_epoch: int) -> pd.DataFrame:
    """The log of a run up to an epoch, one row an epoch, in the order of epochs.

    A run may have been trained further, for another experiment.

    Raises:
        MiuaError: the log is missing, empty, damaged, or lacks a column.
    """
    path = run / "log.jsonl"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        table = pd.DataFrame([json.loads(line) for line in lines])
    except FileNotFoundError:
        raise MiuaError(f"{path} is missing. Train the run again.") from None
    except (ValueError, RecursionError) as error:
        raise MiuaError(f"{path} holds a line that is not JSON ({error}).") from None
    missing = [column for column in LOG_COLUMNS if column not in table.columns]
    if missing:
        raise MiuaError(f"{path} lacks {', '.join(missing)}. Train the run again.")
    table = table[table["epoch"] <= last_epoch]
    return table.sort_values("epoch").reset_index(drop=True)


def _at_rank(values: list[int], rank: float) -> int:
    if not 0 <= rank <= 1:
        raise ValueError(f"rank must be from 0 to 1, not {rank}")
    # Halves go down, so that the choice does not depend on banker's rounding.
    return values[math.ceil(rank * (len(values) - 1) - 0.5)]
