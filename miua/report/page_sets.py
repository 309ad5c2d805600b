"""The synthetic sets beside the noise floor, and the 256 elements of their LBP vectors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from miua.charts.axes import Axis, labels
from miua.charts.pictures import Picture
from miua.files import read_array
from miua.metrics.lbpv import LBPV_DIFFERENCES, LBPV_ELEMENTS, STUDY_ELEMENTS
from miua.metrics.registry import ALL_MEASURES, Measure, measure
from miua.provenance import read_provenance
from miua.report import study_tables as tables
from miua.report.image_figures import MAKE_SET_AGAIN, SET_SIDE, read_set, sheet
from miua.study.plan import Cell, RealImages
from miua.study.store import COMPUTED, Results, read_metrics
from miua.wording import number, rounded, span

NAMED = 10  # of the closest and of the farthest elements, in the table
WIDTH, HEIGHT = 768.0, 180.0  # of the elements' figure, in its own units


class FloorRange(NamedTuple):
    """What one metric reads on halves of real images: the middle 95 % of the splits."""

    low: float
    high: float
    words: str

    def place(self, value: float) -> str:
        """Where a value stands: below, within or above."""
        return "below" if value < self.low else "above" if value > self.high else "within"


class SetRow(NamedTuple):
    """One set of the grid, its first images as one picture.

    cells: of each metric the value, its interval or "", and its place beside the floor or "".
    lacking: why the set has no images, or "". sha256: of the images, checkpoint: of the network
    that drew them, as the set's record says, or "".
    """

    chosen: Cell
    cells: list[tuple[str, str, str]]
    picture: Picture | None
    lacking: str
    sha256: str
    checkpoint: str


def floors(results: Results) -> dict[str, FloorRange]:
    """The noise floor of each metric, drawn by subject; without those that have no range."""
    table = tables.study_table(results, tables.FLOOR)
    if table is None:
        return {}
    there = table[(table["split"] == "subject") & (table["status"] == COMPUTED)]
    there = there.dropna(subset=["low", "high"])  # too few splits have no range
    return {
        name: FloorRange(low, high, span(low, high, measure(name).decimals))
        for name, low, high in zip(there["metric"], there["low"], there["high"], strict=True)
    }


def floor_label(results: Results) -> str:
    """What the noise floor compares, as the head of a row."""
    scale = results.plan.experiments.get(tables.NOISE_FLOOR)
    images = f"{scale.images} " if isinstance(scale, RealImages) else ""
    splits = tables.floor_splits(results).partition(" ")[0]
    said = f"Two halves of {images}{tables.real_images(results)} each"
    return f"{said}, {splits} splits" if splits else said


def floor_sentence(results: Results) -> str:
    """Which images the floor compares and what it says about a set, or that it was not measured."""
    scale = results.plan.experiments.get(tables.NOISE_FLOOR)
    if not isinstance(scale, RealImages) or tables.study_table(results, tables.FLOOR) is None:
        return tables.not_run(tables.NOISE_FLOOR)
    real, drawn = tables.real_images(results), results.plan.synthetic_images
    said = (
        f"Two halves of {scale.images} {real} each, with no subject in common, "
        f"{tables.floor_splits(results)} splits; the range holds the middle 95 % of them. A value "
        f"within it cannot be told from {real} against {real}. A set here has {drawn} images, the "
        f"reference {results.plan.reference_images}. "
    )
    if drawn != scale.images:
        narrower, factor = "narrower" if drawn > scale.images else "wider", scale.images / drawn
        said += (
            f"Between sets of {drawn} images each the ranges of V, MI, PSNR and diversity would be"
            f" {narrower}, by a factor of about √({scale.images}/{drawn}) = "
            f"{number(factor**0.5, 2)}; they are shown as measured. "
        )
    return said + (
        "Fréchet distances change with the number of images, so hold them against the range with "
        "care."
    )


def set_rows(results: Results, by_floor: dict[str, FloorRange]) -> list[SetRow]:
    """One row for each set of the grid, by training size, then epoch."""
    by_set, found = dict(tuple(read_metrics(results).groupby("set"))), []
    for chosen in results.sets:
        stack = read_set(results, chosen.set)
        record = read_provenance(results.set(chosen.set), MAKE_SET_AGAIN)
        row = SetRow(
            chosen,
            [_cell(by_set[chosen.set], shown, by_floor.get(shown.name)) for shown in ALL_MEASURES],
            picture=None if stack is None else sheet(stack, SET_SIDE),
            lacking="" if stack is not None else str(record.get("not_made", "")),
            sha256=str(record["outputs"].get("images", "")),
            checkpoint=str(record["inputs"].get("checkpoint", "")),
        )
        found.append(row)
    return found


def _cell(rows: pd.DataFrame, shown: Measure, floor: FloorRange | None) -> tuple[str, str, str]:
    found = tables.computed(rows, shown.name)
    if found.empty:
        return "not computed", "", ""
    value, low, high = found[["value", "low", "high"]].iloc[0]
    interval = span(low, high, shown.decimals)
    return number(value, shown.decimals), interval, floor.place(value) if floor else ""


def grid_data(rows: Sequence[SetRow]) -> list[dict[str, object]]:
    """What the script needs of the sets; their pictures it takes from the page."""
    return [
        {
            "set": row.chosen.set,
            "run": row.chosen.run,
            "size": row.chosen.training_size,
            "epoch": row.chosen.epoch,
            "lacking": row.lacking,
            "cells": row.cells,
        }
        for row in rows
    ]


class Bar(NamedTuple):
    """A bar of the elements' figure in its own units, from the left and the top.

    line: above the bars, from 0, in which the name of one of the study's elements stands.
    """

    element: int
    left: float
    top: float
    height: float
    line: int | None


@dataclass(frozen=True)
class Elements:
    """All elements over the sets of the grid that have images.

    values, low, high: float64 (S, 256), reference minus set in counts per image, and the 95 %
    interval of that. reference: float64 (256,), mean counts. distance: (256,), mean over the sets
    of the absolute difference. place: (256,), ranks of the distance from 1, ties share the mean.
    order: int64 (256,), elements from the closest to the farthest.
    """

    sets: list[tuple[int, int]]
    values: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    reference: NDArray[np.float64]
    distance: NDArray[np.float64]
    place: NDArray[np.float64]
    order: NDArray[np.int64]

    @property
    def bars(self) -> list[Bar]:
        """The elements from the closest to the farthest, heights compressed as a logarithm is."""
        most = float(self.distance.max()) or 1.0
        axis, width = Axis(0, most, 0, HEIGHT, compressed=True), WIDTH / LBPV_ELEMENTS
        places = np.flatnonzero(np.isin(self.order, STUDY_ELEMENTS)).tolist()
        lines = {label.element: label.line for label in labels(dict.fromkeys(places, ""))}
        heights = [max(1.0, axis.at(distance)) for distance in self.distance[self.order].tolist()]
        return [
            Bar(element, place * width, HEIGHT - height, height, lines.get(place))
            for place, (element, height) in enumerate(
                zip(self.order.tolist(), heights, strict=True)
            )
        ]

    @property
    def named(self) -> list[tuple[int, str]]:
        """The study's four, then the closest ones, then the farthest; and why they are named."""
        closest, farthest = self.order[:NAMED].tolist(), self.order[::-1][:NAMED].tolist()
        groups = {"of the study": STUDY_ELEMENTS, "closest": closest, "farthest": farthest}
        return [(element, why) for why, elements in groups.items() for element in elements]

    def data(self, by_floor: dict[str, FloorRange]) -> dict[str, object]:
        """What the script needs: numbers in counts per image, null where there is none."""
        ranges = [by_floor.get(name) for name in LBPV_DIFFERENCES]
        matrices = {"values": self.values, "low": self.low, "high": self.high}
        vectors = {name: getattr(self, name) for name in ("reference", "distance", "place")}
        return {
            "sets": self.sets,
            **{name: [rounded(row) for row in matrix] for name, matrix in matrices.items()},
            **{name: rounded(vector) for name, vector in vectors.items()},
            "order": self.order.tolist(),
            "floor": [rounded((each.low, each.high)) if each else None for each in ranges],
            "study": STUDY_ELEMENTS,
        }


def read_elements(results: Results) -> Elements | None:
    """The elements of these results; None where no set has images."""
    metrics = read_metrics(results)
    rows = metrics[metrics["metric"].isin(LBPV_DIFFERENCES) & (metrics["status"] == COMPUTED)]
    there = [each for each in results.sets if each.set in set(rows["set"])]
    if not there:
        return None
    values, low, high = (
        rows.pivot(index="set", columns="metric", values=column)
        .reindex(index=[each.set for each in there], columns=LBPV_DIFFERENCES)
        .to_numpy(dtype=np.float64)
        for column in ("value", "low", "high")
    )
    distance = np.abs(values).mean(axis=0)
    return Elements(
        [(each.training_size, each.epoch) for each in there],
        values,
        low,
        high,
        read_array(results.reference_lbpv),
        distance,
        place=stats.rankdata(distance),
        order=np.argsort(distance, kind="stable"),
    )
