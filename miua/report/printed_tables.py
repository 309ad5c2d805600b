"""Tables that report, paper and terminal print, as plain text; rows are made once for all."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from miua.analysis import columns
from miua.analysis.tables import SATURATED_SHARE
from miua.metrics.registry import ALL_MEASURES, MEASURES, Measure, measure
from miua.report import study_tables as tables
from miua.report.study_tables import computed, last_sets, shown_measure, study_table
from miua.study.plan import Experiment, RealImages, read_experiments
from miua.study.store import COMPUTED, Results, not_computed, read_experiment, read_metrics
from miua.training.signs import BURN_IN_UPDATES, COLLAPSED_DIVERSITY, SATURATED_ACCURACY
from miua.wording import MISSING, number, p_value, span

NOT_COMPUTED = "n. c."
ARMED = (tables.IMAGE_SIZE, tables.LEARNING_RATE, tables.AUGMENTATION)
SHOWN_CANDIDATES = 5  # of all candidates the report shows so many, the strongest

Rows = list[list[str]]


class PrintedTable(NamedTuple):
    """A table of an experiment: what it is, its heads and rows; no rows if it was not run.

    source: the table of the results that it is from. runs: of which training each row is; none
    where a row is of several. in_words: its cells are sentences rather than numbers, and may break.
    """

    experiment: str
    title: str
    head: list[str]
    rows: Rows
    source: str = ""
    runs: Sequence[str] = ()
    in_words: bool = False


def regression_rows(results: Results) -> Rows:
    """The published coefficients beside the refit, one row for each metric."""
    rows = []
    for row in tables.read_regression(results).to_dict(orient="records"):
        cells = [measure(row["metric"]).label, number(row["n"])]
        cells += [number(row[key], 4) for key in ("a_published", "a", "b_published", "b")]
        cells += [number(row["pearson_r"], 2), p_value(row["p_value"])]
        rows.append([*cells, row["agrees"]])
    return rows


def correlation_rows(results: Results) -> Rows:
    """What each published correlation carries: intervals, adjusted p, power."""
    table, rows = study_table(results, tables.CLINICIAN), []
    for row in [] if table is None else table.to_dict(orient="records"):
        cells = [measure(row["metric"]).label, number(row["n"]), _with_interval(row, "pearson")]
        cells += [p_value(row["p_value"]), p_value(row["p_holm"]), _with_interval(row, "spearman")]
        last = (number(row[key], 2) for key in ("power_at_claimed", "smallest_detectable_r"))
        rows.append([*cells, p_value(row["spearman_p"]), *last])
    return rows


def _with_interval(row: dict[Any, Any], kind: str) -> str:
    value, low, high = (row[f"{kind}_{end}"] for end in ("r", "low", "high"))
    between = span(low, high, 2) or "no interval"
    return MISSING if math.isnan(value) else f"{number(value, 2)} ({between})"


def floor_rows(results: Results) -> Rows:
    """Real halves against each other, the seeds' spread and the range of sets, by metric."""
    floor = study_table(results, tables.FLOOR)
    sets = tables.with_total_difference(read_metrics(results))
    rows = []
    for shown in (shown_measure(results, each.name) for each in tables.MEASURED):
        by_subject, by_image = (_floor_row(floor, split, shown) for split in ("subject", "image"))
        values = computed(sets, shown.name)["value"]
        spread = tables.seed_spread(results, shown.name)
        deviation = number(spread.deviation if spread else None, shown.decimals + 1)
        reach = span(values.min(), values.max(), shown.decimals) or NOT_COMPUTED
        rows.append([shown.axis_label, *by_subject, by_image[1], deviation, reach])
    return rows


def _floor_row(floor: pd.DataFrame | None, split: str, shown: Measure) -> list[str]:
    """How many splits there are, their mean and range."""
    if floor is None:
        return [MISSING] * 3
    rows = computed(floor[floor["split"] == split], shown.name)
    if rows.empty:
        return [NOT_COMPUTED] * 3
    row, to = rows.iloc[0], shown.decimals
    return [number(row["repeats"]), number(row["mean"], to), span(row["low"], row["high"], to)]


def stability_rows(results: Results) -> dict[str, Rows]:
    """What shows how stable each training was, by experiment; without those not run."""
    table = study_table(results, tables.STABILITY)
    planned = {experiment: read_experiment(results, experiment) for experiment in ARMED}
    if table is None:
        return {}
    by_run = table.set_index(["experiment", "arm", "run"], drop=False)
    return {
        experiment: [
            _stability_row(by_run.loc[[(experiment, arm, run)]].squeeze(axis=0), label)
            for (arm, run), label in tables.trainings_of(sets).items()
        ]
        for experiment, sets in planned.items()
        if sets is not None
    }


def _stability_row(row: Any, label: str) -> list[str]:
    shares = (row["accuracy_real_last"], row["accuracy_synthetic_last"], row["saturated_share"])
    signs = row["signs"].replace(" discriminator", " D").replace(" samples", "")
    return [
        label,
        *(number(row[column]) for column in ("image_size", "epochs", "updates")),
        *(number(share, 2) for share in (*shares, row["diversity"])),
        signs.replace("; ", ", ")
        or ("not judged" if row["stable"] == columns.TOO_SHORT else "none"),
    ]


def _event_rows(results: Results) -> Rows:
    """What each training's log says of its stability, and the experiments that it is part of."""
    table, rows = study_table(results, tables.STABILITY), []
    for run, part in [] if table is None else table.groupby("run", sort=False):
        longest = part.sort_values("epochs", ascending=False).iloc[0]
        experiments = ", ".join(dict.fromkeys(part["experiment"]))
        rows.append([str(run), experiments, number(longest["epochs"]), longest["events"] or "none"])
    return rows


def _arms(results: Results, experiment: str) -> tuple[Rows, list[str]]:
    """The metrics of every training's last set, and its run; nothing if it was not run."""
    table = read_experiment(results, experiment)
    if table is None:
        return [], []
    labels = tables.trainings_of(table)
    last = dict(tuple(last_sets(table).groupby(["arm", "run"])))
    rows = []
    for training, label in labels.items():
        part = last[training]
        row = [label, str(part["epoch"].iloc[0]), number(part["updates"].iloc[0])]
        rows.append([*row, *(value_or_not(part, shown) for shown in ALL_MEASURES)])
    return rows, [run for _, run in labels]


def unseen_rows(results: Results) -> Rows:
    """The last set of each training size: each metric by the study's reference, then by images
    that no training saw. No rows where there are no such images."""
    table = study_table(results, columns.UNSEEN)
    if table is None or not (table["status"] == COMPUTED).any():
        return []
    sets = [results.cell(size, results.epochs[-1]).set for size in results.training_sizes]
    rows, sources = [], {"the study's": read_metrics(results), "unseen": table}
    for shown in (shown_measure(results, each.name) for each in ALL_MEASURES):
        for word, source in sources.items():
            images = source["n_reference"].max()
            cells = [value_or_not(source[source["set"] == name], shown) for name in sets]
            rows.append([shown.axis_label, f"{word}, {number(images)} images", *cells])
    return rows


def unseen_table(results: Results) -> PrintedTable:
    """The same as a table of the report."""
    title = (
        "Metrics of the last set of each training size by the study's reference, which shares "
        "images with the trainings, and by images that no training saw. Fréchet distances also "
        "depend on the number of images: compare how they change from size to size"
    )
    head = ["Metric", "Reference", *(f"{size} images" for size in results.training_sizes)]
    source = f"tables/{columns.UNSEEN}.csv"
    return PrintedTable("Unseen images", title, head, unseen_rows(results), source)


def unseen_missing(results: Results) -> str:
    """Why no set was measured against images that no training saw, or ""."""
    table = study_table(results, columns.UNSEEN)
    if table is None:
        return "No set was measured against images that no training saw."
    lacking = table[table["status"] != COMPUTED]
    if len(lacking) < len(table):
        return ""
    return f"Against images that no training saw: {lacking['status'].iloc[0]}."


def value_or_not(rows: pd.DataFrame, shown: Measure) -> str:
    """A metric of one set as text, or that it was not computed."""
    values = computed(rows, shown.name)["value"]
    return number(values.iloc[0], shown.decimals) if len(values) else NOT_COMPUTED


def scale_rows(results: Results, study: Path) -> Rows:
    """What each experiment asks, and how large it is in these results."""
    planned = read_experiments(study)
    return [[name, each.question, _scale(results, each)] for name, each in planned.items()]


def _scale(results: Results, experiment: Experiment) -> str:
    if experiment.name == tables.CLINICIAN:
        return "published points, no training"
    scale = results.plan.experiments.get(experiment.name)
    if not results.table_path(experiment.name).exists():
        return "not run"
    if isinstance(scale, RealImages):
        pairs = f"{scale.repeats} pairs of halves of {scale.images} images each"
        if experiment.name == tables.NOISE_FLOOR:
            return f"{tables.floor_splits(results)} {pairs.partition(' ')[2]}"
        return pairs
    table = read_experiment(results, experiment.name)
    assert table is not None
    runs, sets = table["run"].nunique(), table["set"].nunique()
    images, epochs = (_reach(table[column]) for column in ("training_size", "epoch"))
    return f"{runs} trainings on {images} images, {epochs} epochs; {sets} sets"


def _reach(values: pd.Series[int]) -> str:
    low, high = values.min(), values.max()
    return f"{low}" if low == high else f"{low} to {high}"


def experiment_tables(results: Results) -> Iterator[PrintedTable]:
    """The metrics of every arm, and what correlations and halves of real images tell."""
    yield PrintedTable(
        tables.CLINICIAN,
        "What the published correlations can carry: 95 % bootstrap intervals, p adjusted "
        "after Holm, power at r = 0.2, and the least r found with a power of 0.8",
        ["Metric", "n", "Pearson's r", "p", "p (Holm)", "Spearman's r", "p", "Power", "Least r"],
        correlation_rows(results),
        "tables/clinician.csv",
    )
    floor_there = study_table(results, tables.FLOOR) is not None
    yield PrintedTable(
        tables.NOISE_FLOOR,
        "Real halves against each other, the seeds' deviation, and the synthetic sets",
        ["Metric", "Splits", "By subject, mean", "By subject, 95 % of splits", "By image, mean",
         "Deviation over seeds", "Synthetic sets"],
        floor_rows(results) if floor_there else [],
        "tables/noise-floor-summary.csv",
    )  # fmt: skip
    head = ["Arm", "Epochs", "Updates"]
    head += [shown_measure(results, shown.name).axis_label for shown in ALL_MEASURES]
    for experiment in (*ARMED, tables.SEEDS):
        title = f"Metrics of each {'seed' if experiment == tables.SEEDS else 'arm'} at its end"
        rows, runs = _arms(results, experiment)
        yield PrintedTable(experiment, title, head, rows, f"tables/{experiment}.csv", runs)


def stability_tables(results: Results) -> Iterator[PrintedTable]:
    """The events in every training's log, and the signs of instability in each arm."""
    bounds = (
        "Epochs in which a loss is not finite, the discriminator is right on at least "
        f"{100 * SATURATED_ACCURACY:.0f} % of both kinds of images, or synthetic images of a batch "
        f"differ from each other by less than {COLLAPSED_DIVERSITY} of what real ones do. An event "
        "is no verdict: a training has a sign of instability only if it diverged, or if after "
        f"{BURN_IN_UPDATES} updates it is saturated in more than {100 * SATURATED_SHARE:.0f} % of "
        "the last half of its epochs, or its last set is collapsed"
    )
    events = _event_rows(results)
    head, runs = ["Training", "For", "Epochs", "Events in its log"], [row[0] for row in events]
    yield PrintedTable("all trainings", bounds, head, events, "tables/stability.csv", runs, True)
    signs = ["Arm", "Pixels", "Epochs", "Updates", "D right on real, last epoch",
             "D right on synthetic, last epoch", "Saturated, share of last half",
             "Diversity, last set", "Signs of instability"]  # fmt: skip
    rows = stability_rows(results)
    for name in ARMED:
        source, (_, runs) = f"tables/{name}-stability.csv", _arms(results, name)
        yield PrintedTable(name, "Signs of instability", signs, rows.get(name, []), source, runs)


def scale_table(results: Results, study: Path) -> PrintedTable:
    """What each experiment asks, and how large it is here."""
    head, rows = ["Experiment", "Question", "Here"], scale_rows(results, study)
    title = "What each asks, and its scale here"
    return PrintedTable("Experiments", title, head, rows, in_words=True)


def reader_tables(results: Results) -> list[PrintedTable]:
    """What this study's own readers answered; empty where nobody judged these sets."""
    return [
        PrintedTable("Readers", title, head.split("|"), rows)
        for title, head, rows in _reader_tables(results)
    ]


def _reader_tables(results: Results) -> Iterator[tuple[str, str, Rows]]:
    names = (columns.READERS, columns.READER_SETS, columns.READER_REGRESSION,
             columns.READER_CORRELATION, columns.READER_FAMILY)  # fmt: skip
    scores, sets, lines, strengths, family = (study_table(results, name) for name in names)
    if scores is not None:
        yield (
            "What this study's own readers answered, with 95 % intervals; p of guessing",
            "Role|Reader|Score|Count|Value|95 % interval|Interval|p",
            [_score(row) for row in scores.itertuples()],
        )
    if sets is not None:
        yield (
            "Clinicians' mean quality of each set, 1 (poor) to 5 (high); intervals resample images",
            "Set|Images|Answers|Called real|Quality|95 % interval",
            [_set(row) for row in sets.itertuples()],
        )
    if lines is not None and strengths is not None:
        known = {str(row.metric): row for row in strengths.itertuples()}
        yield (
            "Metric against the clinicians' quality, value = a ln(quality) + b, over sets; p "
            "adjusted after Holm",
            "Metric|Sets|a|b|Pearson's r|p|p (Holm)|Spearman's r",
            [_line(results, row, known.get(str(row.metric))) for row in lines.itertuples()],
        )
    if family is not None:
        critical = number(family["critical_r"].iloc[0], 2)
        yield (
            f"The strongest of all {len(family)} candidates; the largest |r| by chance alone "
            f"exceeds {critical} in 5 % of permutations",
            "Metric|Pearson's r|p over all candidates",
            [_candidate(results, row) for row in family.head(SHOWN_CANDIDATES).itertuples()],
        )


def _score(row: Any) -> list[str]:
    count = MISSING if math.isnan(row.count) else f"{int(row.count)} of {int(row.n)}"
    value = number(row.value, 2) if row.status == COMPUTED else row.status
    within = span(row.low, row.high, 2) or MISSING
    known = [row.role, row.reader, row.score, count, value, within, row.interval]
    return [*known, p_value(row.p_value)]


def _set(row: Any) -> list[str]:
    counts = (str(int(count)) for count in (row.images, row.answers, row.called_real))
    return [row.set, *counts, number(row.quality, 2), span(row.low, row.high, 2) or row.interval]


def _candidate(results: Results, row: Any) -> list[str]:
    if row.status != COMPUTED:
        return [row.status, MISSING, MISSING]
    label = shown_measure(results, row.metric).axis_label
    return [label, number(row.pearson_r, 2), p_value(row.adjusted_p)]


def _line(results: Results, row: Any, strength: Any) -> list[str]:
    label, n = shown_measure(results, row.metric).axis_label, str(int(row.n))
    if row.status != COMPUTED:
        return [label, n, row.status, *[MISSING] * 5]
    line = [number(row.a, 3), number(row.b, 3), number(row.pearson_r, 2), p_value(row.p_value)]
    if strength is None:
        return [label, n, *line, MISSING, MISSING]
    return [label, n, *line, p_value(strength.p_holm), number(strength.spearman_r, 2)]


class Summary(NamedTuple):
    """What came out, in short.

    title: what the columns with a number as head are. rows: one for each metric; keys are
    the heads. notes: what the table cannot say, one sentence each.
    """

    title: str
    rows: list[dict[str, str]]
    notes: list[str]


def summarise(results: Path) -> Summary:
    """Sum up a results folder: metrics by training size at the last epoch, and the refit."""
    opened = Results.open(results)
    metrics = read_metrics(opened)
    title = f"Metrics by number of training images, after {opened.epochs[-1]} epochs"
    notes = [f"{m.label} {reason}" for m in MEASURES if (reason := not_computed(metrics, m.name))]
    notes.append(_about_refit(tables.read_regression(opened)))
    if opened.plan.banner:
        notes.append(f"{opened.plan.banner}.")
    return Summary(title, [_row(opened, each) for each in MEASURES], notes)


def _row(results: Results, shown: Measure) -> dict[str, str]:
    rows = computed(read_metrics(results), shown.name)
    at_last = rows[rows["epoch"] == results.epochs[-1]].set_index("training_size")["value"]
    row = {"metric": shown.axis_label}
    for size in results.training_sizes:
        row[str(size)] = number(at_last.get(size), shown.decimals)
    reach = span(rows["value"].min(), rows["value"].max(), shown.decimals)
    row[f"all {len(results.sets)} sets"] = reach or MISSING
    regression = tables.read_regression(results)
    line = regression[regression["metric"] == shown.name]
    low, high = (line[f"published_{end}"].min() for end in ("lowest", "highest"))
    row["published"] = span(low, high, 0) or MISSING
    return row


def _about_refit(regression: pd.DataFrame) -> str:
    """One sentence on the published regressions, refitted on the digitised points."""
    fitted = regression[regression["status"] == COMPUTED]
    if fitted.empty:
        return "The published regressions could not be refitted."
    agreeing = int((fitted["agrees"] == "yes").sum())
    correlations = span(fitted["pearson_r"].min(), fitted["pearson_r"].max(), 2)
    significant = int((fitted["p_value"] < 0.05).sum())
    return (
        f"Published regressions on the clinician's scores: {agreeing} of {len(regression)} agree "
        f"with a refit of the digitised points; r is {correlations}, p < 0.05 in {significant}."
    )
