"""The table of synthetic sets beside the noise floor, and the grid of sets to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from miua.charts.pictures import Picture
from miua.metrics.registry import ALL_MEASURES, Measure
from miua.provenance import read_provenance
from miua.report import sources
from miua.report.pictures import MAKE_SET_AGAIN, read_set
from miua.report.sample_grids import SET_SIDE, reduction, sheet
from miua.study.plan import Cell, RealImages
from miua.study.store import COMPUTED, Results
from miua.wording import number, span

WITHIN, ABOVE, BELOW = "within", "above", "below"
BY_SUBJECT = "subject"


@dataclass(frozen=True)
class Floor:
    """What one metric reads on halves of real images: the middle 95 % of the splits."""

    low: float
    high: float
    words: str

    def place(self, value: float) -> str:
        if value < self.low:
            return BELOW
        return ABOVE if value > self.high else WITHIN


@dataclass(frozen=True)
class MetricCell:
    """One metric of one set. reason: why there is no value. place: beside the floor, "" if none."""

    value: str
    interval: str = ""
    reason: str = ""
    place: str = ""


@dataclass(frozen=True)
class SetRow:
    """One set of the grid, its first images as one picture.

    image: side of one image in it, pixels. lacking: why it has no images, or "". sha256: of the
    images, checkpoint: of the network that drew them, as the set's record says, or "".
    """

    name: str
    training_size: int
    epoch: int
    run: str
    cells: list[MetricCell]
    picture: Picture | None
    image: int
    lacking: str
    sha256: str
    checkpoint: str


def floors(results: Results) -> dict[str, Floor]:
    """The noise floor of each metric, drawn by subject; without those not computed or not run."""
    table = sources.read_floor_summary(results)
    if table is None:
        return {}
    rows = table[(table["split"] == BY_SUBJECT) & (table["status"] == COMPUTED)]
    found = {}
    for row in rows.itertuples():
        low, high, name = float(str(row.low)), float(str(row.high)), str(row.metric)
        found[name] = Floor(low, high, span(low, high, _decimals(name)))
    return found


def floor_label(results: Results) -> str:
    """What the noise floor compares, as a row's head wants it."""
    scale = results.plan.experiments.get(sources.NOISE_FLOOR)
    images = f"{scale.images} " if isinstance(scale, RealImages) else ""
    return f"Two halves of {images}{sources.real_images(results)} each"


def floor_sentence(results: Results) -> str:
    """Of what images the floor is and what it can be held against, or that it was not measured."""
    scale = results.plan.experiments.get(sources.NOISE_FLOOR)
    if not isinstance(scale, RealImages) or sources.read_floor_summary(results) is None:
        return sources.not_run(sources.NOISE_FLOOR)
    real, drawn = sources.real_images(results), results.plan.synthetic_images
    said = (
        f"{floor_label(results)}, with no subject in common, {scale.repeats} draws; the range "
        "holds the middle 95 % of them. A value within it cannot be told from "
        f"{real} against {real}. A set here has {drawn} images, the reference "
        f"{results.plan.reference_images}. "
    )
    if drawn != scale.images:
        narrower, shown = "narrower" if drawn > scale.images else "wider", scale.images / drawn
        said += (
            f"Between sets of {drawn} images each the ranges of V, MI, PSNR and diversity would be"
            f" {narrower}, by a factor of about √({scale.images}/{drawn}) = "
            f"{number(shown**0.5, 2)}; they are shown as measured. "
        )
    return said + (
        "FID and FD-LBP change with the number of images, so hold them against the range with care."
    )


def set_rows(results: Results, metrics: pd.DataFrame, by_floor: dict[str, Floor]) -> list[SetRow]:
    """A row a set of the grid, by training size, then epoch."""
    by_set = dict(tuple(metrics.groupby("set")))
    return [_row(results, chosen, by_set[chosen.set], by_floor) for chosen in results.sets]


def _row(results: Results, chosen: Cell, rows: pd.DataFrame, by_floor: dict[str, Floor]) -> SetRow:
    stack = read_set(results, chosen.set)
    record = read_provenance(results.set(chosen.set), MAKE_SET_AGAIN)
    side = results.plan.image_size
    return SetRow(
        name=chosen.set,
        training_size=chosen.training_size,
        epoch=chosen.epoch,
        run=chosen.run,
        cells=[_cell(rows, shown, by_floor.get(shown.name)) for shown in ALL_MEASURES],
        picture=None if stack is None else sheet(stack, SET_SIDE),
        image=-(-side // reduction(side)),
        lacking="" if stack is not None else str(record.get("not_made", "")),
        sha256=str(record["outputs"].get("images", "")),
        checkpoint=str(record["inputs"].get("checkpoint", "")),
    )


def _cell(rows: pd.DataFrame, shown: Measure, floor: Floor | None) -> MetricCell:
    """Value and interval of one metric in one set, or the reason why there is none."""
    found = rows[rows["metric"] == shown.name]
    if found.empty:
        return MetricCell("not computed", reason=f"the set has no metric {shown.name}")
    row = found.iloc[0]
    if row["status"] != COMPUTED:
        return MetricCell("not computed", reason=str(row["status"]))
    value, low, high = (float(row[column]) for column in ("value", "low", "high"))
    return MetricCell(
        number(value, shown.decimals),
        span(low, high, shown.decimals),
        place=floor.place(value) if floor else "",
    )


def _decimals(name: str) -> int:
    known = {shown.name: shown.decimals for shown in ALL_MEASURES}
    return known.get(name, 2)


def grid_data(rows: Sequence[SetRow]) -> list[dict[str, object]]:
    """What the script needs of the sets; their pictures it takes from the page."""
    return [
        {
            "set": row.name,
            "run": row.run,
            "size": row.training_size,
            "epoch": row.epoch,
            "lacking": row.lacking,
            "cells": [[cell.value, cell.interval, cell.place] for cell in row.cells],
        }
        for row in rows
    ]
