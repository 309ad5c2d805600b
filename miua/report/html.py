"""The HTML report: one file with everything in it, beside the runs that it links to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from miua.analysis.results import Results
from miua.analysis.tables import not_computed, read_metrics
from miua.files import write_text
from miua.metrics.measures import ALL_MEASURES, FID
from miua.report import page_answer, page_runs, sources
from miua.report.claims import judged_claims
from miua.report.embedded import asset, json_block, png_uri, script_policy
from miua.report.figures import StudyFigure, study_figures
from miua.report.nearest import nearest_pairs
from miua.report.page_charts import regression_charts, run_charts
from miua.report.page_elements import (
    bars,
    element_data,
    named_rows,
    read_elements,
    room_for_names,
)
from miua.report.page_sets import floor_sentence, floors, grid_data, set_rows
from miua.report.page_tables import experiment_tables, regression_rows, stability_tables
from miua.report.published import comparisons
from miua.report.sample_grids import sample_steps
from miua.report.sources import read_regression
from miua.report.values import study_values

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
    """A figure as the page holds it: its name, what it is, what to see, and its picture."""

    name: str
    title: str
    see: str
    source: str


def write_report(results: Path, study: Path) -> Path:
    """Write results/report.html from tables, figures, stacks and logs; returns it.

    Raises:
        MiuaError: a table, a figure, a stack or a log is missing or damaged.
    """
    opened = Results.open(results)
    script = asset("report.js")
    page = (
        _environment()
        .get_template("report.html")
        .render(
            **_content(opened, study),
            style=asset("report.css"),
            script=script,
            script_policy=script_policy(script),
        )
    )
    write_text(opened.report, page)
    return opened.report


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("miua.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _content(results: Results, study: Path) -> dict[str, Any]:
    """All that the templates show, by name."""
    metrics, regression = read_metrics(results), read_regression(results)
    values, conditions = study_values(results, study, metrics, regression)
    by_name = {value.name: value.text for value in values}
    full_scale = conditions["full scale"][0]
    claims = judged_claims(results, study)
    paper, reader = page_answer.groups(claims)
    by_floor = floors(results)
    sets = set_rows(results, metrics, by_floor)
    elements = read_elements(results, metrics)
    element_bars = bars(elements) if elements else []
    charts = run_charts(results)
    records = page_runs.run_records(results)
    stand_in = sources.fid_stand_in(metrics)
    last, side = results.epochs[-1], results.plan.image_size
    return {
        "plan": results.plan,
        "answer": page_answer.answer(
            results.plan,
            paper,
            full_scale,
            page_answer.scale_in_words(
                *(by_name[f"study {name}"] for name in ("sets", "images_per_set", "most_epochs"))
            ),
        ),
        "groups": (paper, reader),
        "meanings": page_answer.MEANINGS,
        "signs": page_answer.SIGNS,
        "measures": [sources.marked(each, stand_in) for each in ALL_MEASURES],
        "values": by_name,
        "training_sizes": results.training_sizes,
        "epochs": results.epochs,
        "fid_missing": not_computed(metrics, FID.name),
        "fid_stand_in": stand_in,
        "sets": sets,
        "floors": by_floor,
        "floor_sentence": floor_sentence(results),
        "films": {
            chart.run: sample_steps(results.folder / "runs" / chart.run, side, last)
            for chart in charts
        },
        "run_charts": charts,
        "elements": elements,
        "element_bars": element_bars,
        "element_room": room_for_names(element_bars),
        "element_rows": named_rows(elements, by_floor) if elements else [],
        "regression": regression_rows(regression),
        "regression_charts": regression_charts(study, regression),
        "comparisons": comparisons(results, study, metrics, regression, claims, full_scale),
        "experiment_tables": experiment_tables(results, metrics),
        "stability_tables": stability_tables(results),
        "nearest": nearest_pairs(results),
        "figures": _figures(results, study_figures(results, study)),
        "runs": records,
        "cost": page_runs.cost(records),
        "timing_row": page_runs.timing_row,
        "links": _links(results),
        "paper": (results.paper / "main.pdf").exists(),
        "data": json_block(
            {
                "grid": grid_data(sets),
                "measures": [each.axis_label for each in ALL_MEASURES],
                "curves": {chart.run: chart.data for chart in charts},
                "elements": element_data(elements, by_floor) if elements else None,
            }
        ),
    }


def _figures(results: Results, figures: list[StudyFigure]) -> dict[str, list[EmbeddedFigure]]:
    """The figures of each section, in their order; "figures" has those of no other section."""
    place = {name: section for section, names in FIGURES_OF.items() for name in names}
    found: dict[str, list[EmbeddedFigure]] = {section: [] for section in (*FIGURES_OF, "figures")}
    for figure in figures:
        source = png_uri(results.figures / f"{figure.name}.png")
        shown = EmbeddedFigure(figure.name, figure.title, figure.see, source)
        found[place.get(figure.name, "figures")].append(shown)
    return found


def _links(results: Results) -> frozenset[str]:
    """Files of the results that the page may link to, as seen from it."""
    folder = results.folder
    tables = [path for path in results.tables.glob("*") if path.suffix in (".csv", ".npy")]
    others = [folder / name for name in ("plan.yaml", "sets.csv", "claims.json")]
    found = [path for path in (*others, *tables, *folder.glob("metrics/*.*")) if path.is_file()]
    return frozenset(path.relative_to(folder).as_posix() for path in found)
