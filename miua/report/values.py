"""Every number and sentence that the text of the paper quotes, with what it comes from.

Macros are made of what the paper's sources use and nothing else; a test holds the two together.
Values of its tables, which no sentence quotes, can be traced as well.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from miua.analysis import clinician
from miua.analysis.claim_tests.base import REPRODUCED, VERDICTS
from miua.analysis.columns import READERS, UNSEEN
from miua.analysis.paper_claims import DECIDED_BY, when_fixed
from miua.config import TrainingConfig
from miua.metrics.registry import ALL_MEASURES, FID, MUTUAL_INFORMATION, PSNR, measure
from miua.report import study_tables as tables
from miua.report.claims import (
    CLAIMS_TABLE,
    JudgedClaim,
    all_evidence,
    deciding,
    judged_claims,
)
from miua.study import store
from miua.study.plan import EQUAL_UPDATES
from miua.study.store import COMPUTED, Results, read_metrics
from miua.wording import MISSING, listed, number, span

SIGNIFICANCE = 0.05

PLAN, CELLS, LOGS = "plan.yaml", "sets.csv", "runs/*/log.jsonl"
METRICS, REGRESSION = "tables/metrics.csv", "tables/regression.csv"
FLOOR, PAIRING, SEEDS, RESPONSES = (
    f"tables/{name}.csv" for name in (tables.FLOOR, tables.PAIRING, tables.SEEDS, tables.RESPONSES)
)

PLAN_FIELDS = (
    "profile", "banner", "image_size", "reference_images", "available_images", "synthetic_images",
    "latent_size", "feature_maps", "batch_size",
)  # fmt: skip
# The settings of the released notebooks, as this project trains by them.
NOTEBOOKS = {
    "notebook-128": (
        "batch_size", "feature_maps", "latent_size", "learning_rate_generator",
        "learning_rate_discriminator", "weight_decay", "weight_deviation", "real_label", "seed",
    ),
    "notebook-256": ("batch_size", "feature_maps", "latent_size", "crop_size"),
}  # fmt: skip
# Published facts that a claim's test reads and the text does not quote.
FACTS_UNQUOTED = ("called_real", "clinician_years")
# Ids of the values that the paper's tables print, or nothing does, but no sentence.
UNQUOTED = re.compile(
    r"(set|arm)-.*|sets-(v20|v240|fd-lbp|diversity)-(low|high)est|refit-(fid|v\d+)-[abrp]|"
    r"floor-(image|order)-.*|floor-subject-(fid|v|diversity)-.*|floor-subject-v\d+-mean|"
    r"floor-subject-(mi|psnr|fd-lbp)-mean-absolute|floor-subject-(v20|v240|fd-lbp)-range|"
    r"floor-subject-(mi|psnr|v20|v143|v240|fd-lbp)-repeats|(sets|floor-subject|seeds|response)-fd-enet-.*|"
    r"seeds-(fid|diversity)-deviation|response-(fid|v|diversity)-.*|response-.*-unnoticed|"
    r"claim-(correlation-others|stability-larger|sensitivity-(mutual-information|psnr|v\d+)|"
    r"training-size-(fid|lbpv|mutual-information|psnr)(-equivalence)?)-(verdict|reason)"
)
_DIGITS = ("Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine")

Conditions = dict[str, tuple[bool, str]]


@dataclass(frozen=True)
class Value:
    """A number or sentence of the text, ready to print as plain text.

    name: words that name it, such as "plan batch size". source: the file that it comes from,
    relative to the results folder or the repository; row and column: its place there, if it has
    one. inputs: further files that the source was made of.
    """

    name: str
    text: str
    source: str
    row: dict[str, str] = field(default_factory=dict)
    column: str = ""
    inputs: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The name by which `miua trace` finds it."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")

    @property
    def quoted(self) -> bool:
        """Whether the text prints it; the others can be traced all the same."""
        return not UNQUOTED.fullmatch(self.id)

    @property
    def macro(self) -> str:
        """The LaTeX macro that prints it, without its backslash."""
        return macro_name(self.name)


def macro_name(words: str) -> str:
    """A macro's name from words such as "sets V8 lowest": letters only, as TeX demands."""
    parts = re.findall(r"[0-9]|[A-Za-z]+", words)
    if not parts:
        raise ValueError(f"words must hold a letter or digit, not {words!r}")
    return "".join(
        _DIGITS[int(part)] if part.isdigit() else part[0].upper() + part[1:] for part in parts
    )


def study_values(results: Results, study: Path) -> tuple[list[Value], Conditions]:
    """All values of the text, and the conditions that its sentences depend on."""
    facts, claims = clinician.read_facts(study), judged_claims(results, study)
    values = [
        *_plan_values(results),
        *_fact_values(study),
        *_notebook_values(),
        *_metric_values(results),
        *_set_values(results),
        *_regression_values(results, facts),
        *_run_values(results),
        *_floor_values(results),
        *_seed_values(results),
        *_response_values(results),
        *_claim_values(claims),
        Value("claims fixed", when_fixed(study), "experiments/claims.yaml"),
    ]
    return values, _conditions(results, facts, claims)


def _plan_values(results: Results) -> Iterator[Value]:
    plan, chosen = results.plan, store.figure_two_set(results)
    updates = plan.grid.equal_updates
    entries: dict[str, object] = {
        **{name: getattr(plan, name) for name in PLAN_FIELDS},
        "training sizes": listed(results.training_sizes),
        "epochs": listed(results.epochs),
        "number of sets": len(results.sets),
        "largest training size": results.training_sizes[-1],
        "last epoch": results.epochs[-1],
        "figure two size": chosen.training_size,
        "figure two epoch": chosen.epoch,
        "poster sizes": listed(store.poster_sizes(results)),
        "poster epochs": listed(store.poster_epochs(results)),
        "equal updates": number(updates) if updates else MISSING,
    }
    for name, word in product((tables.NOISE_FLOOR, tables.SENSITIVITY), ("images", "repeats")):
        entries[f"{name} {word}"] = getattr(plan.experiments.get(name), word, MISSING)
    for name, value in entries.items():
        yield Value(f"plan {name}", str(value), PLAN)
    for name in (tables.AUGMENTATION, tables.LEARNING_RATE, tables.IMAGE_SIZE, tables.SEEDS):
        table = store.read_experiment(results, name)
        last = None if table is None else tables.last_sets(table)
        for column in ("training_size", "epoch"):
            text = MISSING if last is None else str(last[column].max())
            if (name, column) != (tables.LEARNING_RATE, "epoch"):
                yield Value(f"plan {name} {column}", text, CELLS)


def _fact_values(study: Path) -> Iterator[Value]:
    path = clinician.FACTS_FILE
    table = store.read_table(study / path, clinician.FACTS_COLUMNS, numbers=())
    for row in table[~table["name"].isin(FACTS_UNQUOTED)].itertuples():
        source = f"experiments/{path.as_posix()}: {row.source}"
        yield Value(f"study {row.name}", str(row.value), source)


def _notebook_values() -> Iterator[Value]:
    for variant, names in NOTEBOOKS.items():
        config = TrainingConfig.model_validate({"variant": variant}).model_dump()
        for name in names:
            yield Value(f"{variant} {name}", f"{config[name]:g}", "miua/config.py")


def _metric_values(results: Results) -> Iterator[Value]:
    metrics = read_metrics(results)
    for shown in ALL_MEASURES:
        rows = tables.computed(metrics, shown.name)
        for word, value in (("lowest", rows["value"].min()), ("highest", rows["value"].max())):
            at = {}
            if len(rows):
                extreme = rows.loc[rows["value"] == value, "set"].iloc[0]
                at = {"set": str(extreme), "metric": shown.name}
            name, text = f"sets {shown.label} {word}", number(value, shown.decimals)
            yield Value(name, text, METRICS, at, "value" if at else "")
    for shown in (MUTUAL_INFORMATION, PSNR):
        definitions = metrics.loc[metrics["metric"] == shown.name, "definition"].unique()
        yield Value(f"sets {shown.label} definition", "; ".join(definitions), METRICS)
    yield Value("sets FID status", store.not_computed(metrics, FID.name) or COMPUTED, METRICS)
    yield Value("sets FID stand in", tables.fid_stand_in(results), METRICS)


def _set_values(results: Results) -> Iterator[Value]:
    """Every metric of every set and of every arm's last set: tables print them, no sentence."""
    metrics = read_metrics(results)
    found = [("set", METRICS, "set", metrics.assign(label=metrics["set"]))]
    for name in (tables.AUGMENTATION, tables.LEARNING_RATE, tables.IMAGE_SIZE):
        if (table := store.read_experiment(results, name)) is not None:
            last, labels = tables.last_sets(table), tables.trainings_of(table)
            of_each = [labels[each] for each in zip(last["arm"], last["run"], strict=True)]
            found.append((f"arm {name}", f"tables/{name}.csv", "arm", last.assign(label=of_each)))
    for kind, source, key, table in found:
        for shown in ALL_MEASURES:
            for _, row in table[table["metric"] == shown.name].iterrows():
                at = {column: str(row[column]) for column in (key, "set", "metric")}
                name = f"{kind} {row['label']} {shown.label}"
                text = number(row["value"], shown.decimals)
                yield Value(name, text, source, at, "value")


def _regression_values(results: Results, facts: dict[str, str]) -> Iterator[Value]:
    regression = tables.read_regression(results)
    fitted = regression[regression["status"] == COMPUTED]
    r, p = fitted["pearson_r"], fitted["p_value"]
    entries = {
        "number of metrics": number(len(regression)),
        "number fitted": number(len(fitted)),
        "number of points": number(regression["n"].max()),
        "number agreeing": number((regression["agrees"] == "yes").sum()),
        "number above claim": number((r > float(facts["claimed_correlation"])).sum()),
        "number significant": number((p < SIGNIFICANCE).sum()),
        "lowest r": number(r.min(), 2),
        "highest r": number(r.max(), 2),
        "lowest p": number(p.min(), 3),
        "highest p": number(p.max(), 3),
    }
    for name, text in entries.items():
        yield Value(f"refit {name}", text, REGRESSION)
    yield Value(
        "refit tolerance", str(clinician.TOLERATED_READING_ERRORS), "miua/analysis/clinician.py"
    )
    for row in fitted.to_dict(orient="records"):
        for word, column in (("a", "a"), ("b", "b"), ("r", "pearson_r"), ("p", "p_value")):
            name, at = f"refit {measure(row['metric']).label} {word}", {"metric": row["metric"]}
            text = number(row[column], 2 if word == "r" else 3)
            yield Value(name, text, REGRESSION, at, column)
    published = regression[regression["metric"] == FID.name]
    source = f"experiments/{clinician.COEFFICIENTS_FILE.as_posix()}"
    for word in ("lowest", "highest"):
        yield Value(f"study FID {word}", number(published[f"published_{word}"].min()), source)


def _run_values(results: Results) -> Iterator[Value]:
    updates = [
        int(store.read_log(results, size)["updates"].iloc[-1]) for size in results.training_sizes
    ]
    yield Value("runs fewest updates", number(min(updates)), LOGS)
    yield Value("runs most updates", number(max(updates)), LOGS)
    yield Value("runs ratio of updates", number(max(updates) / min(updates), 1), LOGS)
    for rank, size in zip(("first", "second"), store.poster_sizes(results), strict=False):
        last = store.read_log(results, size).iloc[-1]
        source = f"runs/{results.cell(size, results.epochs[-1]).run}/log.jsonl"
        yield Value(f"runs {rank} poster size", str(size), source)
        for column in ("accuracy_real", "accuracy_synthetic"):
            yield Value(f"runs {rank} {column}", number(last[column], 2), source)


def _floor_values(results: Results) -> Iterator[Value]:
    """Halves of real images by subject, and what the pairing of images makes of MI and PSNR."""
    floor = tables.study_table(results, tables.FLOOR)
    for split, shown in product(("subject", "image", "order"), tables.MEASURED):
        at = {"split": split, "metric": shown.name}
        row = _row(floor, at)
        texts = {
            "mean": number(row.get("mean"), shown.decimals),
            "mean_absolute": number(row.get("mean_absolute"), shown.decimals),
            "range": span(row.get("low"), row.get("high"), shown.decimals) or MISSING,
            "repeats": number(row.get("repeats")),
        }
        for column, text in texts.items():
            yield Value(f"floor {split} {shown.label} {column}", text, FLOOR, at, column)
    pairing = tables.study_table(results, tables.PAIRING)
    for kind in ("all", "index", "nearest"):
        for shown in (MUTUAL_INFORMATION, PSNR):
            at = {"pairing": kind, "metric": shown.name}
            text = number(_row(pairing, at).get("value"), shown.decimals)
            yield Value(f"pairing {kind} {shown.label}", text, PAIRING, at, "value")


def _row(table: pd.DataFrame | None, at: dict[str, str]) -> dict[str, Any]:
    """The first row of a table with these values; empty if there is none."""
    if table is None:
        return {}
    rows = table[(table[list(at)] == list(at.values())).all(axis=1)]
    return dict(rows.iloc[0]) if len(rows) else {}


def _seed_values(results: Results) -> Iterator[Value]:
    spreads = {shown: tables.seed_spread(results, shown.name) for shown in ALL_MEASURES}
    known = [spread for spread in spreads.values() if spread is not None]
    yield Value("seeds number", str(known[0].seeds) if known else MISSING, SEEDS)
    for shown, spread in spreads.items():
        # One place more than the metric itself: a deviation is small beside its metric.
        text = number(spread.deviation if spread else None, shown.decimals + 1)
        yield Value(f"seeds {shown.label} deviation", text, SEEDS)


def _response_values(results: Results) -> Iterator[Value]:
    """How many kinds of damage each metric responds to, and how."""
    summary = tables.study_table(results, tables.RESPONSES)
    words = {"noticed": "as it should", "wrong way": "wrong way", "unnoticed": "none"}
    for shown in tables.MEASURED:
        rows = pd.DataFrame() if summary is None else tables.computed(summary, shown.name)
        at = {"metric": shown.name}
        for word, response in words.items():
            text = str(int((rows["response"] == response).sum())) if len(rows) else MISSING
            yield Value(f"response {shown.label} {word}", text, RESPONSES, at, "response")
    damages = MISSING if summary is None else str(summary["degradation"].nunique())
    yield Value("response damages", damages, RESPONSES)


def _claim_values(claims: Sequence[JudgedClaim]) -> Iterator[Value]:
    """How many claims have which verdict, by kind; verdict and reason of every row of evidence."""
    yield Value("claims number", str(len(claims)), CLAIMS_TABLE)
    for kind in DECIDED_BY:
        rows = deciding(claims, kind)
        yield Value(f"claims {kind} number", str(len(rows)), CLAIMS_TABLE)
        for verdict in VERDICTS:
            count = sum(row.verdict == verdict for row in rows)
            yield Value(f"claims {kind} {verdict}", str(count), CLAIMS_TABLE)
    evidence = all_evidence(claims)
    yield Value("evidence number", str(len(evidence)), CLAIMS_TABLE)
    for row in evidence:
        for column, text in (("verdict", row.verdict), ("reason", row.reason)):
            name, place = f"claim {row.id} {column}", {"id": row.id}
            yield Value(name, text, CLAIMS_TABLE, place, column, row.sources)


def _conditions(
    results: Results, facts: dict[str, str], claims: Sequence[JudgedClaim]
) -> Conditions:
    metrics, regression = read_metrics(results), tables.read_regression(results)
    fitted = regression[regression["status"] == COMPUTED]
    above = fitted["pearson_r"] > float(facts["claimed_correlation"])
    slope = fitted.loc[fitted["metric"] == FID.name, "a"]
    sizes = store.read_experiment(results, tables.TRAINING_SIZE)
    held = {row.id for row in all_evidence(claims) if row.verdict == REPRODUCED}
    files = {
        "augmentation": tables.AUGMENTATION,
        "learning rate": tables.LEARNING_RATE,
        "seeds": tables.SEEDS,
        "image size": tables.IMAGE_SIZE,
        "noise floor": tables.FLOOR,
        "sensitivity": tables.RESPONSES,
        "clinician": tables.CLINICIAN,
    }
    unseen = tables.study_table(results, UNSEEN)
    measured = unseen is not None and bool((unseen["status"] == COMPUTED).any())
    equal_updates = sizes is not None and EQUAL_UPDATES in set(sizes["arm"])
    return {
        "scientific": (results.plan.scientific, PLAN),
        "full scale": (tables.is_full_scale(results, facts), PLAN),
        "FID computed": (not store.not_computed(metrics, FID.name), METRICS),
        "FID stand in": (bool(tables.fid_stand_in(results)), METRICS),
        "two poster runs": (len(store.poster_sizes(results)) == 2, PLAN),
        "all agree": (bool((regression["agrees"] == "yes").all()), REGRESSION),
        "all above claim": (len(fitted) > 0 and bool(above.all()), REGRESSION),
        "any significant": (bool((fitted["p_value"] < SIGNIFICANCE).any()), REGRESSION),
        "own readers": (tables.study_table(results, READERS) is not None, CLAIMS_TABLE),
        "FID slope positive": (bool((slope > 0).any()), REGRESSION),
        **{
            f"ran {name}": (results.table_path(each).exists(), "tables/")
            for name, each in files.items()
        },
        "ran equal updates": (equal_updates, "tables/"),
        "ran unseen": (measured, "tables/unseen.csv"),
        "holds training-size-power": ("training-size-power" in held, CLAIMS_TABLE),
    }
