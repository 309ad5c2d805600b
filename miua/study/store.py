"""A results folder: where everything lies in it, and its tables, each read once and checked."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from miua.config import read_config
from miua.errors import MiuaError
from miua.files import atomic_path
from miua.metrics.records import COLUMNS as SET_COLUMNS
from miua.metrics.registry import COMPUTED as COMPUTED
from miua.metrics.registry import measure
from miua.study.plan import Cell, Profile, grid_cells

NOT_COMPUTED = "not computed"  # how the status of such a metric begins
CELL_COLUMNS = tuple(each.name for each in fields(Cell))
CELL_NUMBERS = ("epoch", "updates", "training_size", "batch_size", "image_size", "seed")
NUMBERS = ("value", "low", "high", "n_reference", "n_synthetic")
METRICS_COLUMNS = ("set", "training_size", "epoch", *SET_COLUMNS[1:])
EXPERIMENT_COLUMNS = (*CELL_COLUMNS, *SET_COLUMNS[1:])
LOG_COLUMNS = (
    "epoch", "updates", "generator_loss", "discriminator_loss", "accuracy_real",
    "accuracy_synthetic", "events",
)  # fmt: skip


class _Place:
    """A path in a results folder."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __get__(self, results: Results, owner: type) -> Path:
        return results.folder / self.path


class _NamedPlace:
    """A path in a results folder, with a name in it."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __get__(self, results: Results, owner: type) -> Callable[[str], Path]:
        return lambda name: results.folder / self.path.format(name)


@dataclass(frozen=True)
class Results:
    """A results folder: its paths, and the profile that it was made with."""

    folder: Path
    plan: Profile
    _read: dict[Path, tuple[object, pd.DataFrame]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @classmethod
    def open(cls, folder: Path) -> Results:
        """Read the plan of a results folder. MiuaError: it is missing, damaged or incomplete."""
        folder = Path(folder)
        if not folder.is_dir():
            raise MiuaError(f"The results folder {folder} is missing. Run the study first.")
        if not (folder / "plan.yaml").is_file():
            raise MiuaError(
                f"{folder} is no results folder: it has no plan.yaml. Name one such as "
                "results/smoke, or make it with: miua reproduce"
            )
        return cls(folder, read_config(folder / "plan.yaml", Profile))

    tables = _Place("tables")
    figures = _Place("figures")
    report = _Place("report.html")
    paper = _Place("paper")
    claims_table = _Place("claims.json")
    readers = _Place("readers")  # a reader study of these sets, if there was one
    reference_lbpv = _Place("metrics/reference.npy")
    # By how the images became square: all real ones, and those that sets are measured against.
    real = _NamedPlace("real/{}")
    unseen = _NamedPlace("unseen/{}")  # real ones that no training sees
    reference = _NamedPlace("reference/{}")
    run = _NamedPlace("runs/{}")
    set = _NamedPlace("sets/{}")
    set_stack = _NamedPlace("sets/{}/images.npy")
    set_metrics = _NamedPlace("metrics/{}.csv")
    set_lbpv = _NamedPlace("metrics/{}.npy")
    table_path = _NamedPlace("tables/{}.csv")

    @property
    def training_sizes(self) -> list[int]:
        """Numbers of training images of the main grid, ascending."""
        return list(self.plan.grid.training_sizes)

    @property
    def epochs(self) -> list[int]:
        """Epochs at which the main grid has synthetic sets, ascending."""
        return list(self.plan.grid.epochs)

    @cached_property
    def sets(self) -> list[Cell]:
        """The synthetic sets of the main grid, by training size, then epoch."""
        return grid_cells(self.plan)

    def cell(self, training_size: int, epoch: int) -> Cell:
        """The set of the main grid with this training size and epoch. KeyError: there is none."""
        return {(each.training_size, each.epoch): each for each in self.sets}[training_size, epoch]

    def at_rank(self, size_rank: float, epoch_rank: float) -> Cell:
        """The set at a relative place of the grid, 0 for the first and 1 for the last.

        In a study scaled down, the set of the same rank stands where the published set stood.
        """
        sizes, epochs = self.training_sizes, self.epochs
        return self.cell(_at_rank(sizes, size_rank), _at_rank(epochs, epoch_rank))

    @property
    def reference_stack(self) -> Path:
        """The reference images of the main grid."""
        return self.reference(str(self.plan.image_size)) / "images.npy"

    def table(
        self, name: str, columns: Sequence[str], numbers: Iterable[str], whole: Iterable[str] = ()
    ) -> pd.DataFrame | None:
        """tables/NAME.csv as `read_table` reads it; None if there is none."""
        path = self.table_path(name)
        return self._once(path, columns, numbers, whole) if path.exists() else None

    def _once(
        self, path: Path, columns: Sequence[str], numbers: Iterable[str], whole: Iterable[str]
    ) -> pd.DataFrame:
        """`read_table`, read again only if the file was written anew; a copy for each caller."""
        found = path.stat()
        seen = (found.st_ino, found.st_mtime_ns, found.st_size, tuple(columns))
        if path not in self._read or self._read[path][0] != seen:
            self._read[path] = seen, read_table(path, columns, numbers, whole)
        return self._read[path][1].copy()


# The published grid: 100, 300, 500, 800, 999 images at 300, 500, 800, 1000 epochs.
RANK_300_IMAGES, RANK_800_IMAGES = 1 / 4, 3 / 4
RANK_300_EPOCHS, RANK_500_EPOCHS, RANK_1000_EPOCHS = 0.0, 1 / 3, 1.0


def figure_two_set(results: Results) -> Cell:
    """The set that stands where the published figure 2 has 300 images and 300 epochs."""
    return results.at_rank(RANK_300_IMAGES, RANK_300_EPOCHS)


def poster_sizes(results: Results) -> list[int]:
    """The training sizes that stand where the poster has 300 and 800 images."""
    return sorted({results.at_rank(r, 0).training_size for r in (RANK_300_IMAGES, RANK_800_IMAGES)})


def poster_epochs(results: Results) -> list[int]:
    """The epochs that stand where the poster has 500 and 1000 epochs."""
    return sorted({results.at_rank(0, rank).epoch for rank in (RANK_500_EPOCHS, RANK_1000_EPOCHS)})


def read_table(
    path: Path, columns: Sequence[str], numbers: Iterable[str], whole: Iterable[str] = ()
) -> pd.DataFrame:
    """Read a CSV that has exactly these columns, in any order.

    The columns of `numbers` become float64, those of `whole` int64; all others are text, and an
    empty field is an empty text. MiuaError: the file is missing, not CSV or empty, a column is
    missing or unknown, or a field of a number column is no number.
    """
    try:
        # Text first: an empty field is empty, and a word among numbers is found and named.
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    except FileNotFoundError:
        raise MiuaError(
            f"{path} is missing. `miua analyse RESULTS` makes the tables of results; "
            "`--study FOLDER` says where the study's own files are."
        ) from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise MiuaError(f"{path} is not a readable CSV table ({error}).") from None
    if missing := [column for column in columns if column not in table]:
        raise MiuaError(f"{path} lacks the column {', '.join(missing)}. Make the table again.")
    if unknown := [column for column in table.columns if column not in columns]:
        raise MiuaError(f"{path} has the unknown column {', '.join(unknown)}.")
    if table.empty:
        raise MiuaError(f"{path} has a head and no rows.")
    types = {**dict.fromkeys(numbers, "float64"), **dict.fromkeys(whole, "int64")}
    for column, kind in types.items():
        table[column] = _numbers(table[column], path, whole=kind == "int64")
    return table[list(columns)].astype(types)


def write_table(path: Path, table: pd.DataFrame, *, private: bool = False) -> None:
    """Write a CSV that reads back to the same floats; a private one is for its owner alone."""
    with atomic_path(path, private=private) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n", encoding="utf-8")


def read_cells(results: Results) -> pd.DataFrame:
    """sets.csv: every synthetic set of the plan. MiuaError: it is missing or damaged."""
    path = results.folder / "sets.csv"
    if not path.is_file():
        raise MiuaError(f"{path} is missing. `miua reproduce` writes it with the plan.")
    return results._once(path, CELL_COLUMNS, (), CELL_NUMBERS)


def read_set_metrics(results: Results, name: str) -> pd.DataFrame:
    """metrics/NAME.csv: all metrics of one set, SET_COLUMNS. MiuaError: missing or damaged."""
    path = results.set_metrics(name)
    if not path.exists():
        raise MiuaError(f"{path} is missing. Evaluate the set {name} first.")
    table = read_table(path, SET_COLUMNS, NUMBERS)
    if set(table["set"]) != {name}:
        raise MiuaError(f"{path} holds rows of another set than {name}.")
    if table["metric"].duplicated().any():
        raise MiuaError(f"{path} holds a metric twice. Evaluate the set again.")
    for row in table.itertuples():
        _check_row(path, str(row.metric), str(row.status), float(str(row.value)))
    return table


def read_metrics(results: Results) -> pd.DataFrame:
    """tables/metrics.csv: the main grid's sets, METRICS_COLUMNS. MiuaError: missing or damaged."""
    path = results.table_path("metrics")
    if not path.exists():
        return read_table(path, METRICS_COLUMNS, NUMBERS)  # says what makes it
    table = results._once(path, METRICS_COLUMNS, NUMBERS, ("training_size", "epoch"))
    _check_finite(path, table)
    if {*table["set"]} != {each.set for each in results.sets}:
        raise MiuaError(f"{path} does not hold the sets of the plan. Run `miua analyse` again.")
    return table


def read_experiment(results: Results, experiment: str) -> pd.DataFrame | None:
    """tables/EXPERIMENT.csv, EXPERIMENT_COLUMNS; None if not run. MiuaError: it is damaged."""
    table = results.table(experiment, EXPERIMENT_COLUMNS, NUMBERS, CELL_NUMBERS)
    if table is not None:
        _check_finite(results.table_path(experiment), table)
    return table


def read_run_log(run: Path, last_epoch: int) -> pd.DataFrame:
    """The log of a run, by epoch. MiuaError: it is missing, empty, damaged, or lacks a column.

    last_epoch: where it is cut off; another experiment may have trained the run further.
    """
    path = run / "log.jsonl"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        table = pd.DataFrame([json.loads(line) for line in lines])
    except FileNotFoundError:
        raise MiuaError(f"{path} is missing. Train the run again.") from None
    except (ValueError, RecursionError) as error:
        raise MiuaError(f"{path} holds a line that is not JSON ({error}).") from None
    if missing := [column for column in LOG_COLUMNS if column not in table]:
        raise MiuaError(f"{path} lacks {', '.join(missing)}. Train the run again.")
    table = table[table["epoch"] <= last_epoch]
    return table.sort_values("epoch", ignore_index=True)


def read_log(results: Results, training_size: int) -> pd.DataFrame:
    """The log of a run of the main grid, up to the grid's last epoch; see `read_run_log`."""
    last = results.cell(training_size, results.epochs[-1])
    return read_run_log(results.run(last.run), last.epoch)


def not_computed(metrics: pd.DataFrame, name: str) -> str:
    """Why a metric is missing in some set, in the words of its status; "" if it never is."""
    status = metrics.loc[metrics["metric"] == name, "status"]
    if status.empty:
        return f"{NOT_COMPUTED}: no set has the metric {name}"
    return str(next((each for each in status if each != COMPUTED), ""))


def _check_finite(path: Path, table: pd.DataFrame) -> None:
    """MiuaError: a number is infinite, or a metric that was computed has no value."""
    infinite = table[["training_size", "epoch", *NUMBERS]].isin((np.inf, -np.inf)).any(axis=1)
    wrong = table[infinite | (table["status"].eq(COMPUTED) & table["value"].isna())]
    if len(wrong):
        line = int(wrong.index[0]) + 2
        raise MiuaError(
            f"{path}: line {line} holds an infinite number, or none where it was computed. "
            "Measure the sets again."
        )


def _check_row(path: Path, metric: str, status: str, value: float) -> None:
    try:
        measure(metric)
    except ValueError as error:
        raise MiuaError(f"{path}: {error}.") from None
    if status != COMPUTED and not status.startswith(NOT_COMPUTED):
        raise MiuaError(f"{path}: {metric} has the unknown status {status!r}.")
    if status == COMPUTED and not math.isfinite(value):
        raise MiuaError(f"{path}: {metric} is computed but has no finite value.")
    if status != COMPUTED and not math.isnan(value):
        raise MiuaError(f"{path}: {metric} is not computed but has a value.")


def _numbers(column: pd.Series[str], path: Path, whole: bool) -> list[float]:
    numbers = []
    for row, text in enumerate(column):
        try:
            # Python's float reads back exactly what was written; pandas' parser may not.
            numbers.append(float(text) if text else float("nan"))
            if whole and not numbers[-1].is_integer():
                raise ValueError
        except ValueError:
            raise MiuaError(
                f"{path}: line {row + 2}, column {column.name}: {text!r} is not a "
                f"{'whole ' if whole else ''}number."
            ) from None
    return numbers


def _at_rank(values: list[int], rank: float) -> int:
    # Halves go down, so that the choice does not depend on banker's rounding.
    return values[math.ceil(rank * (len(values) - 1) - 0.5)]
