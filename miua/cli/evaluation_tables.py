"""An evaluation as a person reads it in a terminal."""

from math import isfinite

from rich.console import Console
from rich.text import Text

from miua.cli.terminal import print_in_full, table, terminal
from miua.evaluation.result import (
    Choice,
    Evaluation,
    Floor,
    PreprocessingSensitivity,
    Ranking,
    SetResult,
    Source,
    in_per_cent,
)
from miua.evaluation.standing import mean_chance_outside
from miua.metrics.lbpv import LBPV_DIFFERENCES
from miua.metrics.records import COMPUTED, NOT_COMPUTED, MetricRecord
from miua.metrics.registry import REGISTRY, STUDY_ELEMENTS, Measure, element_name, measure
from miua.pages.evaluation_views import MetricRow, missing, row_of
from miua.wording import change, counted, number, percent, span

# Choices in two words, as their table is wide.
_CHOICES = {
    "as measured": "as measured",
    "resize filter": "{} filter",
    "antialiasing": "antialiasing {}",
    "Inception layer": "layer {}",
}
_NAMED = {element_name(element) for element in STUDY_ELEMENTS}
# Of several sets, what fits beside each other; all is in the files.
_SHORT = (
    *("mutual_information", "psnr", "ssim", "fid", "kid", "fd_lbp", "lbpv_total_difference"),
    *("fd_efficientnet", "diversity", "copies"),
)


def print_evaluation(evaluation: Evaluation) -> None:
    """Print what was read, the metrics, the ranking of several sets, and what to beware of."""
    console = terminal()
    for source in (evaluation.real, *(each.source for each in evaluation.sets)):
        _print_source(console, source)
    if any(REGISTRY[name].of_pair for name in evaluation.settings["metrics"]):
        console.print(f"MI, PSNR and SSIM are means over {evaluation.pairing}.")
    if evaluation.floor is not None:
        _print_floor(console, evaluation.floor)
    console.print()
    if len(evaluation.sets) == 1:
        _print_set(console, evaluation, evaluation.sets[0])
    else:
        _print_sets(console, evaluation)
        _print_rankings(console, evaluation.rankings)
    _print_without_interval(console, evaluation)
    _print_missing(console, evaluation)
    if evaluation.preprocessing_sensitivity is not None:
        print_preprocessing_sensitivity(console, evaluation.preprocessing_sensitivity)
    for warning in evaluation.warnings:
        console.print(f"Note: {warning}")


def _print_source(console: Console, source: Source) -> None:
    where = f" from {source.path}" if source.path else ""
    size = f"{counted(source.images, 'image')} of {source.width} x {source.height}"
    console.print(f"{source.name}: {size}{where}", soft_wrap=True)
    left_out = (f"left out: {each.name}: {each.reason}" for each in source.skipped)
    for note in (*source.notes, *left_out):
        console.print(f"  {note}", soft_wrap=True)


def _print_floor(console: Console, floor: Floor) -> None:
    if floor.status != COMPUTED:
        console.print(f"Real against real: {floor.status}", soft_wrap=True)
    elif floor.records:
        outside = percent(mean_chance_outside(floor))
        said = (
            f"Of yet other real images about {outside} of the metrics would lie outside their "
            "range."
        )
        if floor.why_no_range:
            said = f"No range: {floor.why_no_range}."
        groups = f"{floor.groups} groups ({floor.grouping})" if floor.groups else floor.grouping
        fewer = f" ({floor.fewer_splits})" if floor.fewer_splits else ""
        console.print(
            f"Real against real: {counted(floor.splits, 'split')}{fewer} into halves of "
            f"{floor.images} images; groups: {groups}. {said}",
            soft_wrap=True,
        )


def _print_set(console: Console, evaluation: Evaluation, result: SetResult) -> None:
    floor = evaluation.floor
    head = ["metric", "value", "95 % interval", *(("real against real", "") if floor else ())]
    rows = []
    for record in _shown(result):
        row = row_of(evaluation, result, record)
        label, to, of = row.shown.axis_label, row.shown.decimals, row.floor
        rows.append([label, number(record.value, to), span(record.low, record.high, to)])
        if floor is not None:
            rows[-1] += [span(of.low, of.high, to) if of else "", _beside(row)]
    print_in_full(console, table(head, rows, left=("",)))
    if result.at_floor_size and floor is not None and not floor.why_no_range:
        console.print(
            "Where the last column names a value, the metric changes with the number of images: it "
            f"is of {floor.images} images a side, as real against real is.\n"
        )
    if result.copies is not None and (found := result.copies.found).status == COMPUTED:
        nearest = result.copies.nearest[0]
        console.print(
            f"Copies: {len(found.flagged)} found, {found.expected_false_alarms:.2g} expected by "
            f"chance. The likeliest: {nearest['synthetic']} is like {nearest['real']}, at "
            f"{nearest['relative_distance']:.2f} of the distance to another subject; a copy is "
            f"below {found.threshold:.2f}.\n"
        )
    if any(record.metric in _NAMED for record in result.records):
        farthest = ", ".join(f"V{element}" for element in result.farthest)
        console.print(
            f"V is reference - synthetic, in pixels of an image. V8, V20, V143 and V240 are the "
            f"study's; farthest of all: {farthest}.\n"
        )


def _shown(result: SetResult) -> list[MetricRecord]:
    """All computed records; of the LBPv elements the study's four, then the farthest."""
    elements = dict.fromkeys(map(element_name, (*STUDY_ELEMENTS, *result.farthest)))
    found = []
    for record in result.records:
        if record.status == COMPUTED and record.metric == LBPV_DIFFERENCES[0]:
            found += [result.record(name) for name in elements]
        elif record.status == COMPUTED and record.metric not in LBPV_DIFFERENCES:
            found.append(record)
    return found


def _beside(row: MetricRow) -> str:
    """Where the value lies beside what real images give among themselves."""
    if row.standing is None:
        return ""
    words: str = row.standing.position
    if row.outside:
        words += ", barely" if row.standing.touches else f", {row.standing.kind}"
    at_size = "" if row.held is row.record else f": {number(row.held.value, row.shown.decimals)}"
    return words + at_size


def _print_sets(console: Console, evaluation: Evaluation) -> None:
    computed = {record.metric for record in evaluation.records if record.status == COMPUTED}
    metrics = [measure(metric) for metric in _SHORT if metric in computed]
    rows: list[list[str | Text]] = []
    for result in evaluation.sets:
        records = [(result.record(metric.name), metric.decimals) for metric in metrics]
        rows.append([result.source.name, *(number(each.value, to) for each, to in records)])
        if any(halves := [_half(*each) for each in records]):
            rows.append(["", *(Text(half, "dim") for half in halves)])
    if evaluation.floor is not None and (floors := evaluation.floor.records):
        of = [(floors.get(metric.name), metric.decimals) for metric in metrics]
        means = (number(floor.mean, decimals) if floor else "" for floor, decimals in of)
        rows.append(["real against real", *means])
    print_in_full(console, table(["set", *(metric.label for metric in metrics)], rows))
    if any(record.low is not None for record in evaluation.records):
        console.print("Second lines: half the width of the 95 % interval. ", end="")
    console.print("All metrics and ranges are in --report, --json and --csv.\n")


def _print_without_interval(console: Console, evaluation: Evaluation) -> None:
    """Which of the printed metrics have no interval, each reason once."""
    found: dict[tuple[str, str], list[str]] = {}
    for result in evaluation.sets:
        name = f"{result.source.name}: " if len(evaluation.sets) > 1 else ""
        for record in _shown(result):
            if why := record.why_no_interval:
                found.setdefault((name, why), []).append(measure(record.metric).label)
    for (name, why), labels in found.items():
        console.print(f"{name}{', '.join(labels)}: no interval: {why}.")


def _half(record: MetricRecord, decimals: int) -> str:
    if record.low is None or record.high is None or not isfinite(record.high - record.low):
        return ""
    return f"±{number((record.high - record.low) / 2, decimals)}"


def _print_rankings(console: Console, rankings: tuple[Ranking, ...]) -> None:
    head = ("best first, by", "order (places in 95 % of the resamples)", "first for sure")
    rows = []
    for ranking in rankings:
        known = ranking.places[0].first is not None
        sure = ("yes" if ranking.decided else "no") if known else "not known"
        rows.append([measure(ranking.metric).label, _order(ranking), sure])
    print_in_full(console, table(head, rows, left=head))


def _order(ranking: Ranking) -> str:
    """The sets, the best first, each with its places; "=" between sets of equal value."""
    text = ""
    for before, place in zip((None, *ranking.places), ranking.places, strict=False):
        if before is not None:
            text += " = " if place.rank == before.rank else ", "
        text += place.set
        if place.low is not None:
            text += f" ({place.low})" if place.low == place.high else f" ({place.low}-{place.high})"
    return text


def _print_missing(console: Console, evaluation: Evaluation) -> None:
    """What was not computed, each reason once."""
    for why, labels in missing(evaluation.records).items():
        console.print(f"{', '.join(labels)}: {NOT_COMPUTED}{why}")
    computed = {record.metric for record in evaluation.records if record.status == COMPUTED}
    for floor in evaluation.floor.records.values() if evaluation.floor else ():
        if floor.status != COMPUTED and floor.metric in computed:
            console.print(f"{measure(floor.metric).label}, real against real: {floor.status}")


def print_preprocessing_sensitivity(
    console: Console, sensitivity: PreprocessingSensitivity
) -> None:
    """A table a set: the values as measured, then how far each choice moves them.

    In per cent, where that means something, and else in the metric's unit.
    """
    baseline = sensitivity.choices[0]
    metrics = [measure(metric) for metric in sensitivity.metrics]
    for name in baseline.values:
        console.print(
            f"{name}: what other ways to prepare the images would give. As measured: "
            f"{baseline.choice}."
        )
        rows = []
        for choice in sensitivity.choices:
            words = _CHOICES.get(choice.aspect, "{}").format(choice.choice)
            rows.append([words, *(_moved(choice, baseline, name, each) for each in metrics)])
        print_in_full(console, table(["choice", *(metric.label for metric in metrics)], rows))
    for flip in sensitivity.flips:
        console.print(
            f"{measure(flip.metric).label} ranks {' before '.join(flip.order)} with {flip.choice}, "
            f"and {' before '.join(flip.baseline_order)} as measured."
        )
    if len(baseline.values) > 1 and not sensitivity.flips:
        console.print("No choice turns a ranking of the sets over.")
    console.print()


def _moved(choice: Choice, baseline: Choice, name: str, shown: Measure) -> str:
    value, before = choice.values[name][shown.name], baseline.values[name][shown.name]
    if value is None:
        return "-"
    if choice.baseline or before is None or not isfinite(value - before):
        return number(value, shown.decimals)
    if not in_per_cent(shown, value, before):
        return change(value - before, shown.decimals)
    return f"{change(100 * (value / before - 1), 1)} %"
