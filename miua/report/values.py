"""Every number that the text of paper and report quotes, with the file that it comes from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from miua.analysis.clinician import COEFFICIENTS_FILE, TOLERATED_READING_ERRORS
from miua.analysis.reader_tables import READERS, read_readers
from miua.config import VARIANTS, TrainingConfig
from miua.errors import MiuaError
from miua.metrics.registry import (
    ALL_MEASURES,
    FID,
    LBPV_TOTAL_DIFFERENCE,
    MUTUAL_INFORMATION,
    PSNR,
    measure,
)
from miua.report import sources
from miua.report.claims import LEDGER, claim_conditions, claim_values, judged_claims
from miua.report.experiment_values import experiment_conditions, experiment_values
from miua.report.value import Value
from miua.study.store import (
    COMPUTED,
    Results,
    figure_two_set,
    not_computed,
    poster_epochs,
    poster_sizes,
    read_log,
    read_table,
)
from miua.wording import listed, number

FACTS_FILE = Path("data") / "published_facts.csv"
FACTS_COLUMNS = ("name", "value", "source")
SIGNIFICANCE = 0.05

PLAN, METRICS, REGRESSION = "plan.yaml", "tables/metrics.csv", "tables/regression.csv"


Conditions = dict[str, tuple[bool, str]]


def study_values(
    results: Results, study: Path, metrics: pd.DataFrame, regression: pd.DataFrame
) -> tuple[list[Value], Conditions]:
    """All values of the text, and the conditions that its sentences depend on."""
    facts = read_facts(study)
    claims = judged_claims(results, study)
    values = [
        *_plan_values(results),
        *_fact_values(facts),
        *_notebook_values(),
        *_metric_values(metrics),
        *_regression_values(regression, facts),
        *_run_values(results),
        *experiment_values(results),
        *claim_values(claims),
    ]
    conditions = {
        **_conditions(results, metrics, regression, facts),
        **experiment_conditions(results),
        **claim_conditions(claims),
    }
    return values, conditions


def read_facts(study: Path) -> pd.DataFrame:
    """The published numbers that the text quotes, indexed by name.

    Raises:
        MiuaError: the file is missing or damaged, or names a fact twice.
    """
    path = study / FACTS_FILE
    table = read_table(path, FACTS_COLUMNS, numbers=())
    if table["name"].duplicated().any():
        raise MiuaError(f"{path} names a fact twice.")
    return table.set_index("name")


def _plan_values(results: Results) -> Iterator[Value]:
    plan = results.plan
    chosen, last = figure_two_set(results), results.sets[-1]
    entries: dict[str, object] = {
        "profile": plan.profile,
        "banner": plan.banner,
        "image size": plan.image_size,
        "reference images": plan.reference_images,
        "available images": plan.available_images,
        "synthetic images": plan.synthetic_images,
        "seed": plan.seed,
        "latent size": plan.latent_size,
        "feature maps": plan.feature_maps,
        "batch size": plan.batch_size,
        "training sizes": listed(results.training_sizes),
        "epochs": listed(results.epochs),
        "number of runs": len(results.training_sizes),
        "number of epochs": len(results.epochs),
        "number of sets": len(results.sets),
        "smallest training size": results.training_sizes[0],
        "largest training size": results.training_sizes[-1],
        "figure two size": chosen.training_size,
        "figure two epoch": chosen.epoch,
        "poster sizes": listed(poster_sizes(results)),
        "poster epochs": listed(poster_epochs(results)),
        "last epoch": last.epoch,
    }
    for name, value in entries.items():
        yield Value(f"plan {name}", str(value), PLAN)


def _fact_values(facts: pd.DataFrame) -> Iterator[Value]:
    for fact in facts.itertuples():
        source = f"experiments/{FACTS_FILE.as_posix()}: {fact.source}"
        yield Value(f"study {fact.Index}", str(fact.value), source)


def _notebook_values() -> Iterator[Value]:
    """The settings of the released notebooks, as this project trains by them."""
    for variant in VARIANTS:
        config = TrainingConfig.model_validate({"variant": variant})
        for name, value in config.model_dump().items():
            if isinstance(value, int | float):
                yield Value(f"{variant} {name}", f"{value:g}", "miua/config.py")


def _metric_values(metrics: pd.DataFrame) -> Iterator[Value]:
    for shown in (*ALL_MEASURES, LBPV_TOTAL_DIFFERENCE):
        rows = sources.computed(sources.with_total_difference(metrics), shown.name)
        for word, value in (("lowest", rows["value"].min()), ("highest", rows["value"].max())):
            text, row = number(float(value), shown.decimals), {}
            if len(rows) and shown != LBPV_TOTAL_DIFFERENCE:
                extreme = rows.loc[rows["value"] == value, "set"].iloc[0]
                row = {"set": str(extreme), "metric": shown.name}
            yield Value(f"sets {shown.label} {word}", text, METRICS, row, "value" if row else "")
    for shown in ALL_MEASURES:
        for each in metrics[metrics["metric"] == shown.name].itertuples():
            text = number(float(str(each.value)), shown.decimals)
            row = {"set": str(each.set), "metric": shown.name}
            yield Value(f"set {each.set} {shown.label}", text, METRICS, row, "value")
    for shown in (MUTUAL_INFORMATION, PSNR, FID):
        rows = metrics[metrics["metric"] == shown.name]
        definitions = "; ".join(rows["definition"].unique())
        yield Value(f"sets {shown.label} definition", definitions, METRICS)
    yield Value("sets FID status", not_computed(metrics, FID.name) or COMPUTED, METRICS)
    yield Value("sets FID stand in", sources.fid_stand_in(metrics), METRICS)


def _regression_values(regression: pd.DataFrame, facts: pd.DataFrame) -> Iterator[Value]:
    fitted = regression[regression["status"] == COMPUTED]
    for row in fitted.itertuples():
        label, at = measure(str(row.metric)).label, {"metric": str(row.metric)}
        for name, column, decimals in (
            ("a", "a", 3),
            ("b", "b", 3),
            ("r", "pearson_r", 2),
            ("p", "p_value", 3),
        ):
            text = number(float(getattr(row, column)), decimals)
            yield Value(f"refit {label} {name}", text, REGRESSION, at, column)
    counts = {
        "number of metrics": len(regression),
        "number fitted": len(fitted),
        "number of points": int(regression["n"].max()),
        "number agreeing": int((regression["agrees"] == "yes").sum()),
        "number above claim": int((fitted["pearson_r"] > _claimed(facts)).sum()),
        "number significant": int((fitted["p_value"] < SIGNIFICANCE).sum()),
    }
    for name, count in counts.items():
        yield Value(f"refit {name}", number(count), REGRESSION)
    extremes = {
        "lowest r": fitted["pearson_r"].min(),
        "highest r": fitted["pearson_r"].max(),
        "lowest p": fitted["p_value"].min(),
        "highest p": fitted["p_value"].max(),
    }
    for name, value in extremes.items():
        decimals = 2 if name.endswith("r") else 3
        yield Value(f"refit {name}", number(float(value), decimals), REGRESSION)
    yield Value("refit tolerance", str(TOLERATED_READING_ERRORS), "miua/analysis/clinician.py")
    published = regression[regression["metric"] == FID.name]
    source = f"experiments/{COEFFICIENTS_FILE.as_posix()}"
    for word in ("lowest", "highest"):
        value = float(published[f"published_{word}"].min())
        yield Value(f"study FID {word}", number(value, 0), source)


def _run_values(results: Results) -> Iterator[Value]:
    updates = [int(read_log(results, size)["updates"].iloc[-1]) for size in results.training_sizes]
    yield Value("runs fewest updates", number(min(updates)), "runs/*/log.jsonl")
    yield Value("runs most updates", number(max(updates)), "runs/*/log.jsonl")
    yield Value("runs ratio of updates", number(max(updates) / min(updates), 1), "runs/*/log.jsonl")
    for rank, size in zip(("first", "second"), poster_sizes(results), strict=False):
        last = read_log(results, size).iloc[-1]
        source = f"runs/n{size:04d}/log.jsonl"
        yield Value(f"runs {rank} poster size", str(size), source)
        for column in ("accuracy_real", "accuracy_synthetic"):
            yield Value(f"runs {rank} {column}", number(float(last[column]), 2), source)


def _conditions(
    results: Results, metrics: pd.DataFrame, regression: pd.DataFrame, facts: pd.DataFrame
) -> Conditions:
    fitted = regression[regression["status"] == COMPUTED]
    slope = fitted.loc[fitted["metric"] == FID.name, "a"]
    return {
        "scientific": (results.plan.scientific, PLAN),
        "full scale": (_is_full_scale(results, facts), PLAN),
        "FID computed": (not not_computed(metrics, FID.name), METRICS),
        "FID stand in": (bool(sources.fid_stand_in(metrics)), METRICS),
        "two poster runs": (len(poster_sizes(results)) == 2, PLAN),
        "all fitted": (len(fitted) == len(regression), REGRESSION),
        "all agree": (bool((regression["agrees"] == "yes").all()), REGRESSION),
        "all above claim": (
            len(fitted) > 0 and bool((fitted["pearson_r"] > _claimed(facts)).all()),
            REGRESSION,
        ),
        "any significant": (bool((fitted["p_value"] < SIGNIFICANCE).any()), REGRESSION),
        "own readers": (read_readers(results, READERS) is not None, LEDGER),
        "FID slope positive": (bool((slope > 0).any()), REGRESSION),
    }


def _claimed(facts: pd.DataFrame) -> float:
    return _fact(facts, "claimed_correlation")


def _is_full_scale(results: Results, facts: pd.DataFrame) -> bool:
    """Whether the grid spans what the published one spans, with as many sets and images."""
    sizes, epochs = results.training_sizes, results.epochs
    ours = {
        "smallest_training_size": sizes[0],
        "largest_training_size": sizes[-1],
        "fewest_epochs": epochs[0],
        "most_epochs": epochs[-1],
        "sets": len(results.sets),
        "images_per_set": results.plan.synthetic_images,
    }
    return all(value == _fact(facts, name) for name, value in ours.items())


def _fact(facts: pd.DataFrame, name: str) -> float:
    return float(str(facts.loc[name, "value"]))
