"""The HTML report: one file with everything in it, beside the runs that it links to.

`page_content` is all that its templates show, by name; each section's part from its own module.
"""

from pathlib import Path
from typing import Any

from miua.analysis.paper_claims import when_fixed
from miua.charts.pictures import Picture, png_file
from miua.files import write_text
from miua.metrics.lbpv import LBPV_DIFFERENCES
from miua.metrics.registry import ALL_MEASURES, DIRECTIONS, FID
from miua.pages.kit import json_block, render, templates
from miua.report import claims as judged
from miua.report import page_runs, page_sets
from miua.report import printed_tables as printed
from miua.report.figures import StudyFigure, study_figures
from miua.report.image_figures import reduction, sample_steps
from miua.report.nearest import nearest_pairs
from miua.report.published import comparisons
from miua.report.regression_and_curves import CURVES, regression_charts, run_charts
from miua.report.study_tables import fid_stand_in, real_images, shown_measure
from miua.report.values import study_values
from miua.study.store import Results, not_computed, read_metrics

# Which section shows which figure; the others stand among those of the paper.
FIGURES_OF = {
    "sets": ("metrics", "noise_floor"),
    "grid": ("overview",),
    "regression": ("regression",),
    "sensitivity": ("sensitivity",),
    "experiments": ("equal_updates", "arms_learning_rate", "arms_augmentation"),
    "stability": ("training_curves", "stability"),
}


def write_report(results: Path, study: Path) -> Path:
    """Write results/report.html from tables, figures, stacks and logs; returns it."""
    environment = templates("miua.report", "The HTML report", "study")
    opened = Results.open(results)
    text = render(
        environment,
        "report.html",
        page_content(opened, study),
        styles=("page.css", "report.css"),
        scripts=("report.js",),
    )
    write_text(opened.report, text)
    return opened.report


def page_content(results: Results, study: Path) -> dict[str, Any]:
    """What the templates show. "data" is what the script needs, as JSON."""
    values, conditions = study_values(results, study)
    texts = {value.name: value.text for value in values}
    claims = judged.judged_claims(results, study)
    decided = {kind: judged.deciding(claims, kind) for kind in judged.KIND_TITLES}
    scale = ("study sets", "study images_per_set", "study most_epochs")
    published = judged.grid_in_words(*(texts[name] for name in scale))
    full_scale = conditions["full scale"][0]
    floors, elements = page_sets.floors(results), page_sets.read_elements(results)
    sets, charts = page_sets.set_rows(results, floors), run_charts(results)
    measures = [shown_measure(results, each.name) for each in ALL_MEASURES]
    side, last = results.plan.image_size, results.epochs[-1]
    runs = page_runs.run_records(results)
    data: dict[str, Any] = {
        "grid": page_sets.grid_data(sets),
        "measures": [each.axis_label for each in measures],
        "halves": page_sets.floor_label(results),
        "curves": {chart["run"]: chart["data"] for chart in charts},
        "elements": None if elements is None else elements.data(floors),
    }
    return {
        "plan": results.plan,
        "values": texts,
        "training_sizes": results.training_sizes,
        "epochs": results.epochs,
        "answer": judged.answer(results.plan, claims, full_scale, published),
        "claims": claims,
        "evidence_rows": len(judged.all_evidence(claims)),
        "kinds": judged.KIND_TITLES,
        "bases": judged.BASES,
        "counts": {kind: judged.counts_of(rows) for kind, rows in decided.items()},
        "totals": {kind: len(rows) for kind, rows in decided.items()},
        "meanings": judged.MEANINGS,
        "signs": judged.SIGNS,
        "fid_missing": not_computed(read_metrics(results), FID.name),
        "fid_stand_in": fid_stand_in(results),
        "measures": measures,
        "directions": DIRECTIONS,
        "sets": sets,
        "image_side": -(-side // reduction(side)),
        "floors": floors,
        "floor_sentence": page_sets.floor_sentence(results),
        "floor_label": page_sets.floor_label(results),
        "real_images": real_images(results),
        "films": {run: sample_steps(results.run(run), side, last) for run in data["curves"]},
        "run_charts": charts,
        "curves": CURVES,
        "elements": elements,
        "element_names": LBPV_DIFFERENCES,
        "regression": printed.regression_rows(results),
        "regression_charts": regression_charts(results, study),
        "comparisons": comparisons(results, study),
        "when_fixed": when_fixed(study),
        "experiment_tables": printed.experiment_tables(results),
        "stability_tables": printed.stability_tables(results),
        "reader_tables": printed.reader_tables(results),
        "scale_table": printed.scale_table(results, study),
        "nearest": nearest_pairs(results),
        "unseen": printed.unseen_table(results),
        "unseen_missing": printed.unseen_missing(results),
        "figures": _figures(results, study),
        "runs": runs,
        "commits": page_runs.commits(runs),
        "cost": page_runs.cost(runs),
        "links": _links(results),
        "paper": (results.paper / "main.pdf").exists(),
        "data": json_block(data),
    }


def _figures(results: Results, study: Path) -> dict[str, list[tuple[StudyFigure, Picture]]]:
    """The figures of each section, in their order; "figures" has those of no other section."""
    place = {name: section for section, names in FIGURES_OF.items() for name in names}
    found: dict[str, list[tuple[StudyFigure, Picture]]]
    found = {section: [] for section in (*FIGURES_OF, "figures")}
    for figure in study_figures(results, study):
        drawn = png_file(results.figures / f"{figure.name}.png")
        found[place.get(figure.name, "figures")].append((figure, drawn))
    return found


def _links(results: Results) -> frozenset[str]:
    """Files of the results that the page may link to, as seen from it."""
    folder = results.folder
    tables = [path for path in results.tables.glob("*") if path.suffix in (".csv", ".npy")]
    others = [folder / name for name in ("plan.yaml", "sets.csv", "claims.json")]
    found = [path for path in (*others, *tables, *folder.glob("metrics/*.*")) if path.is_file()]
    return frozenset(path.relative_to(folder).as_posix() for path in found)
