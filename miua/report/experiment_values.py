"""The numbers that the text quotes of single experiments, and which of them were run."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd

from miua.metrics.registry import (
    ALL_MEASURES,
    LBPV_TOTAL_DIFFERENCE,
    MUTUAL_INFORMATION,
    PSNR,
    Measure,
)
from miua.report import sources
from miua.report.value import Value
from miua.study.plan import EQUAL_UPDATES, RealImages
from miua.study.store import Results, read_experiment
from miua.wording import MISSING, number, span

MEASURED = (*ALL_MEASURES, LBPV_TOTAL_DIFFERENCE)
FLOOR_TABLE = f"tables/{sources.NOISE_FLOOR}-summary.csv"
PAIRING_TABLE = f"tables/{sources.NOISE_FLOOR}-pairing.csv"
SEEDS_TABLE, SENSITIVITY_TABLE = "tables/seeds.csv", f"tables/{sources.SENSITIVITY}-summary.csv"
PLAN, CELLS = "plan.yaml", "sets.csv"
PAIRINGS = ("all", "index", "nearest")


def experiment_values(results: Results) -> Iterator[Value]:
    """Values of all experiments; an en dash where one was not run."""
    yield from _scale_values(results)
    yield from _floor_values(results)
    yield from _pairing_values(results)
    yield from _seed_values(results)
    yield from _response_values(results)
    yield from _arm_values(results)


def experiment_conditions(results: Results) -> dict[str, tuple[bool, str]]:
    """Which experiments were run."""
    made = {
        "augmentation": (results.tables / "augmentation.csv").exists(),
        "learning rate": (results.tables / "learning-rate.csv").exists(),
        "seeds": (results.tables / "seeds.csv").exists(),
        "image size": (results.tables / "image-size.csv").exists(),
        "noise floor": (results.tables / "noise-floor-summary.csv").exists(),
        "sensitivity": (results.tables / "sensitivity-summary.csv").exists(),
        "clinician": (results.tables / "clinician.csv").exists(),
        "equal updates": _has_equal_updates(results),
    }
    return {f"ran {name}": (there, "tables/") for name, there in made.items()}


def _has_equal_updates(results: Results) -> bool:
    table = read_experiment(results, sources.TRAINING_SIZE)
    return table is not None and EQUAL_UPDATES in set(table["arm"])


def _scale_values(results: Results) -> Iterator[Value]:
    plan = results.plan
    updates = plan.grid.equal_updates
    yield Value("plan equal updates", number(updates) if updates else MISSING, PLAN)
    for name in (sources.NOISE_FLOOR, sources.SENSITIVITY):
        scale = plan.experiments.get(name)
        images = repeats = MISSING
        if isinstance(scale, RealImages):
            images, repeats = str(scale.images), str(scale.repeats)
        yield Value(f"plan {name} images", images, PLAN)
        yield Value(f"plan {name} repeats", repeats, PLAN)
    for name in (sources.AUGMENTATION, sources.LEARNING_RATE, sources.IMAGE_SIZE, sources.SEEDS):
        table = read_experiment(results, name)
        rows = sources.last_sets(table) if table is not None else pd.DataFrame()
        size = str(rows["training_size"].max()) if len(rows) else MISSING
        epoch = str(rows["epoch"].max()) if len(rows) else MISSING
        yield Value(f"plan {name} training size", size, CELLS)
        yield Value(f"plan {name} epoch", epoch, CELLS)


def _floor_values(results: Results) -> Iterator[Value]:
    floor = sources.read_floor_summary(results)
    for split in ("subject", "image", "order"):
        for shown in MEASURED:
            row = _floor_row(floor, split, shown)
            at = {"split": split, "metric": shown.name}
            texts = {
                "mean": number(row["mean"], shown.decimals),
                "mean absolute": number(row["mean_absolute"], shown.decimals),
                "range": floor_range(row, shown),
            }
            for word, text in texts.items():
                name = f"floor {split} {shown.label} {word}"
                yield Value(name, text, FLOOR_TABLE, at, word.replace(" ", "_"))


def _floor_row(floor: pd.DataFrame | None, split: str, shown: Measure) -> dict[str, float]:
    columns = ("mean", "deviation", "mean_absolute", "low", "high")
    if floor is not None:
        rows = floor[(floor["split"] == split) & (floor["metric"] == shown.name)]
        if len(rows):
            return {column: float(rows.iloc[0][column]) for column in columns}
    return dict.fromkeys(columns, math.nan)


def floor_range(row: dict[str, float], shown: Measure) -> str:
    """The middle 95 % of the splits."""
    if math.isnan(row["low"]):
        return MISSING
    return span(row["low"], row["high"], shown.decimals)


def _pairing_values(results: Results) -> Iterator[Value]:
    table = sources.read_pairing(results)
    for pairing in PAIRINGS:
        for shown in (MUTUAL_INFORMATION, PSNR):
            value = math.nan
            if table is not None:
                chosen = (table["pairing"] == pairing) & (table["metric"] == shown.name)
                value = float(table.loc[chosen, "value"].iloc[0])
            at = {"pairing": pairing, "metric": shown.name}
            text = number(value, shown.decimals)
            yield Value(f"pairing {pairing} {shown.label}", text, PAIRING_TABLE, at, "value")


def _seed_values(results: Results) -> Iterator[Value]:
    spreads = {shown: sources.seed_spread(results, shown.name) for shown in ALL_MEASURES}
    known = [spread for spread in spreads.values() if spread is not None]
    yield Value("seeds number", str(known[0].seeds) if known else MISSING, SEEDS_TABLE)
    for shown, spread in spreads.items():
        deviation = spread.deviation if spread else math.nan
        # One place more than the metric itself: a deviation is small beside its metric.
        text = number(deviation, shown.decimals + 1)
        yield Value(f"seeds {shown.label} deviation", text, SEEDS_TABLE)


def _response_values(results: Results) -> Iterator[Value]:
    """To how many kinds of damage each metric responds, and how."""
    summary = sources.read_sensitivity_summary(results)
    for shown in MEASURED:
        for word, response in (
            ("noticed", "as it should"),
            ("wrong way", "wrong way"),
            ("unnoticed", "none"),
        ):
            text = MISSING
            if summary is not None:
                rows = sources.computed(summary, shown.name)
                text = str(int((rows["response"] == response).sum())) if len(rows) else MISSING
            at = {"metric": shown.name}
            yield Value(f"response {shown.label} {word}", text, SENSITIVITY_TABLE, at, "response")
    damages = MISSING if summary is None else str(summary["degradation"].nunique())
    yield Value("response damages", damages, SENSITIVITY_TABLE)


def _arm_values(results: Results) -> Iterator[Value]:
    """Every metric of every arm's last set."""
    for experiment in (sources.AUGMENTATION, sources.LEARNING_RATE, sources.IMAGE_SIZE):
        table = read_experiment(results, experiment)
        if table is None:
            continue
        last = sources.last_sets(table)
        for shown in ALL_MEASURES:
            rows = last[last["metric"] == shown.name].drop_duplicates("arm")
            for row in rows.itertuples():
                yield Value(
                    f"arm {experiment} {row.arm} {shown.label}",
                    number(float(str(row.value)), shown.decimals),
                    f"tables/{experiment}.csv",
                    {"arm": str(row.arm), "set": str(row.set), "metric": shown.name},
                    "value",
                )
