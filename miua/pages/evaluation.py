"""The HTML page of an evaluation: one file that works without a network and without scripts."""

import shlex
from pathlib import Path
from typing import Any

from miua.charts.pictures import samples
from miua.evaluation.result import Evaluation
from miua.evaluation.standing import mean_chance_outside, reason
from miua.files import write_text
from miua.metrics.contact_sheet import in_words
from miua.metrics.records import COMPUTED
from miua.metrics.registry import DIRECTIONS, STUDY_ELEMENTS, measure
from miua.pages.evaluation_sets import PreprocessingView, beside_each_other, place_words
from miua.pages.evaluation_views import chance_axis, definitions, set_view
from miua.pages.kit import KIT, in_rows, render, templates
from miua.wording import counted, percent


def write_page(path: Path, evaluation: Evaluation) -> None:
    """Write the page, whole or not at all; the same evaluation gives the same bytes.

    MissingExtraError: jinja2 is not installed.
    """
    write_text(path, render_page(evaluation))


def render_page(evaluation: Evaluation) -> str:
    """The page as text; raises what `write_page` raises."""
    return render(
        templates(KIT, "The HTML report", "report"),
        "evaluation.html",
        _content(evaluation),
        styles=("page.css", "evaluation.css"),
    )


def _content(evaluation: Evaluation) -> dict[str, Any]:
    axis = chance_axis(evaluation)
    sets = [set_view(evaluation, each, axis) for each in evaluation.sets]
    sensitivity, several = evaluation.preprocessing_sensitivity, len(sets) > 1
    there = evaluation.floor is not None and not evaluation.floor.why_no_range
    floor = evaluation.floor.records if evaluation.floor and there else {}
    names = tuple(each.source.name for each in evaluation.sets)
    what = f"{len(sets)} sets of synthetic images" if several else f"Synthetic images of {names[0]}"
    sections = {
        "metrics": "Metrics",
        "samples": "Samples",
        "lbpv": any(each["lbpv"] for each in sets) and "LBP vector",
        "copies": any(each["copies"] for each in sets) and "Copies",
        "sets": several and "Sets beside each other",
        "preprocessing_sensitivity": sensitivity and "Other choices",
        "made": "How it was made",
    }
    record = {k: v for k, v in evaluation.provenance.items() if k not in ("command", "settings")}
    return {
        "evaluation": evaluation,
        "several": several,
        "title": f"{what} against real ones",
        "sets": sets,
        "axis": axis,
        "real_samples": samples(evaluation.real.sample),
        "floor": _floor_view(evaluation),
        "beside": beside_each_other(evaluation),
        "preprocessing": sensitivity and PreprocessingView(sensitivity, names, floor),
        "definitions": definitions(evaluation),
        "settings": _flat(evaluation.settings),
        "command": shlex.join(map(str, evaluation.provenance.get("command", []))),
        "provenance": _flat(record),
        "sections": [(name, title) for name, title in sections.items() if title],
        "directions": DIRECTIONS,
        "study_elements": STUDY_ELEMENTS,
        "measure": measure,
        "place_words": place_words,
        "turned": in_words,
    }


def _floor_view(evaluation: Evaluation) -> dict[str, Any]:
    """The noise floor in words: what it is, or why there is none."""
    floor = evaluation.floor
    if floor is None:
        return {"there": False, "words": "The noise floor of the real images was not asked for."}
    if floor.status != COMPUTED:
        why = f"The noise floor of the real images was not computed: {reason(floor.status)}"
        return {"there": False, "words": why}
    drawn = "whole groups were drawn" if floor.by == "group" else "single images were drawn"
    fewer = f" ({floor.fewer_splits})" if floor.fewer_splits else ""
    words = (
        f"{counted(floor.splits, 'split')} of the real images{fewer} into halves of "
        f"{counted(floor.images, 'image')}, one half measured against the other as a set is; "
        f"{drawn}"
    )
    if floor.why_no_range:
        return {"there": False, "words": f"{words}. No range of real images: {floor.why_no_range}"}
    return {
        "there": True,
        "words": words,
        "chance": percent(mean_chance_outside(floor)),
        "sizes_differ": any(
            (evaluation.real.images, each.source.images) != (floor.images, floor.images)
            for each in evaluation.sets
        ),
    }


def _flat(settings: dict[str, Any]) -> list[tuple[str, str]]:
    return [(name.replace("_", " "), value) for name, value in in_rows(settings, ": ")]
