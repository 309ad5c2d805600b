"""All that the page's templates show, by name; each section's part from its own module."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from miua.charts.pictures import Picture, png_file
from miua.metrics.registry import ALL_MEASURES, DIRECTIONS, FID
from miua.pages.kit import json_block
from miua.report import page_answer, page_runs, sources
from miua.report.claims import JudgedClaim, judged_claims
from miua.report.figures import study_figures
from miua.report.nearest import nearest_pairs
from miua.report.page_charts import regression_charts, run_charts
from miua.report.page_elements import (
    bars,
    element_data,
    named_rows,
    read_elements,
    room_for_names,
)
from miua.report.page_sets import Floor, floor_label, floor_sentence, floors, grid_data, set_rows
from miua.report.page_tables import (
    experiment_tables,
    reader_tables,
    regression_rows,
    scale_table,
    stability_tables,
)
from miua.report.published import comparisons
from miua.report.sample_grids import sample_steps
from miua.report.sources import read_regression
from miua.report.values import study_values
from miua.study.plan import read_experiments
from miua.study.store import Results, not_computed, read_metrics

Content = dict[str, Any]
# Which section shows which figure; the others stand among those of the paper.
FIGURES_OF = {
    "sets": ("metrics", "noise_floor"),
    "grid": ("overview",),
    "regression": ("regression",),
    "sensitivity": ("sensitivity",),
    "experiments": ("equal_updates", "arms_learning_rate", "arms_augmentation"),
    "stability": ("training_curves", "stability"),
}


@dataclass(frozen=True)
class EmbeddedFigure:
    """A figure as the page holds it: its name, what it is, what to see, its picture in pixels."""

    name: str
    title: str
    see: str
    picture: Picture


def page_content(results: Results, study: Path) -> Content:
    """What the templates show. "data" is what the script needs, as JSON.

    Raises:
        MiuaError: a table, a figure, a stack or a log is missing or damaged.
    """
    metrics, regression = read_metrics(results), read_regression(results)
    values, conditions = study_values(results, study, metrics, regression)
    by_name = {value.name: value.text for value in values}
    full_scale = conditions["full scale"][0]
    claims = judged_claims(results, study)
    by_floor = floors(results)
    grid, grid_numbers = _grid(results, metrics, by_floor)
    elements, element_numbers = _elements(results, metrics, by_floor)
    records = page_runs.run_records(results)
    return {
        **_answer(results, claims, by_name, full_scale),
        **grid,
        **elements,
        "plan": results.plan,
        "values": by_name,
        "training_sizes": results.training_sizes,
        "epochs": results.epochs,
        "fid_missing": not_computed(metrics, FID.name),
        "fid_stand_in": sources.fid_stand_in(metrics),
        "regression": regression_rows(regression),
        "regression_charts": regression_charts(study, regression),
        "comparisons": comparisons(results, study, metrics, regression, claims, full_scale),
        "experiment_tables": experiment_tables(results, metrics),
        "stability_tables": stability_tables(results),
        "reader_tables": reader_tables(results),
        "nearest": nearest_pairs(results),
        "figures": _figures(results, study),
        "scale_table": scale_table(results, read_experiments(study)),
        "runs": records,
        "commits": page_runs.commits(records),
        "cost": page_runs.cost(records),
        "timing_row": page_runs.timing_row,
        "links": _links(results),
        "paper": (results.paper / "main.pdf").exists(),
        "data": json_block({**grid_numbers, "elements": element_numbers}),
    }


def _answer(
    results: Results, claims: list[JudgedClaim], values: dict[str, str], full_scale: bool
) -> Content:
    paper, reader = page_answer.groups(claims)
    names = ("study sets", "study images_per_set", "study most_epochs")
    published = page_answer.grid_in_words(*(values[name] for name in names))
    return {
        "answer": page_answer.answer(results.plan, paper, full_scale, published),
        "groups": (paper, reader),
        "meanings": page_answer.MEANINGS,
        "signs": page_answer.SIGNS,
    }


def _grid(
    results: Results, metrics: pd.DataFrame, by_floor: dict[str, Floor]
) -> tuple[Content, Content]:
    """Sets, films and curves, and what the script needs of them."""
    stand_in = sources.fid_stand_in(metrics)
    measures = [sources.marked(each, stand_in) for each in ALL_MEASURES]
    sets, charts = set_rows(results, metrics, by_floor), run_charts(results)
    side, last = results.plan.image_size, results.epochs[-1]
    films = {
        chart.run: sample_steps(results.folder / "runs" / chart.run, side, last) for chart in charts
    }
    shown = {
        "measures": measures,
        "directions": DIRECTIONS,
        "sets": sets,
        "floors": by_floor,
        "floor_sentence": floor_sentence(results),
        "floor_label": floor_label(results),
        "real_images": sources.real_images(results),
        "films": films,
        "run_charts": charts,
    }
    numbers = {
        "grid": grid_data(sets),
        "measures": [each.axis_label for each in measures],
        "real": sources.real_images(results),
        "curves": {chart.run: chart.data for chart in charts},
    }
    return shown, numbers


def _elements(
    results: Results, metrics: pd.DataFrame, by_floor: dict[str, Floor]
) -> tuple[Content, Content | None]:
    """The LBP vector's elements, and what the script needs of them; None without any images."""
    elements = read_elements(results, metrics)
    if elements is None:
        return {"element_bars": [], "element_room": 0, "element_rows": []}, None
    drawn = bars(elements)
    shown = {
        "element_bars": drawn,
        "element_room": room_for_names(drawn),
        "element_rows": named_rows(elements, by_floor),
    }
    return shown, element_data(elements, by_floor)


def _figures(results: Results, study: Path) -> dict[str, list[EmbeddedFigure]]:
    """The figures of each section, in their order; "figures" has those of no other section."""
    place = {name: section for section, names in FIGURES_OF.items() for name in names}
    found: dict[str, list[EmbeddedFigure]] = {section: [] for section in (*FIGURES_OF, "figures")}
    for figure in study_figures(results, study):
        drawn = png_file(results.figures / f"{figure.name}.png")
        shown = EmbeddedFigure(figure.name, figure.title, figure.see, drawn)
        found[place.get(figure.name, "figures")].append(shown)
    return found


def _links(results: Results) -> frozenset[str]:
    """Files of the results that the page may link to, as seen from it."""
    folder = results.folder
    tables = [path for path in results.tables.glob("*") if path.suffix in (".csv", ".npy")]
    others = [folder / name for name in ("plan.yaml", "sets.csv", "claims.json")]
    found = [path for path in (*others, *tables, *folder.glob("metrics/*.*")) if path.is_file()]
    return frozenset(path.relative_to(folder).as_posix() for path in found)
