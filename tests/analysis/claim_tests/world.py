"""Results folders whose tables are planted, so that each claim has a known answer."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from scipy import stats

from miua.analysis.claim_tests.base import Evidence
from miua.analysis.claims_table import judge
from miua.analysis.columns import COLUMNS, TOO_SHORT
from miua.analysis.paper_claims import EvidenceRow
from miua.config import write_config
from miua.metrics.registry import STUDY_ELEMENTS, element_name
from miua.study.plan import DataSource, Grid, Profile
from miua.study.store import EXPERIMENT_COLUMNS, Results
from miua.training.signs import BURN_IN_UPDATES

STUDY = Path(__file__).parents[3] / "experiments"
PAPER_IDS = (
    "stability", "hyperparameters", "augmentation", "training-size", "indistinguishable",
    "clinician", "correlation", "closeness", "collapse",
)  # fmt: skip
SIZES, EPOCHS = (100, 300, 500, 800, 999), (300, 500, 800, 1000)
FOUR = [element_name(element) for element in STUDY_ELEMENTS]
FIVE = ["fid", *FOUR]
MISSING_FID = "not computed: the Inception weights have not been fetched"
DAMAGES = ("blur", "speckle", "gain", "compression", "rotation", "collapse", "memorisation")
CLINICIAN = {"experiments": ("clinician",)}


class World:
    """A results folder whose tables are planted."""

    def __init__(self, folder, *, scientific=True):
        self.folder = folder
        source = {"source": "hc18"} if scientific else {"source": "phantom", "images": 1000}
        plan = Profile(
            profile="paper" if scientific else "smoke",
            description="for tests",
            scientific=scientific,
            banner="" if scientific else "not a scientific result",
            data=DataSource(**source),
            reference_images=20,
            synthetic_images=20,
            experiments={"training-size": Grid(training_sizes=SIZES, epochs=EPOCHS)},
        )
        (folder / "tables").mkdir(parents=True)
        write_config(folder / "plan.yaml", plan)

    def write(self, name, table, columns):
        frame = pd.DataFrame(table, columns=list(columns))
        frame.to_csv(self.folder / "tables" / f"{name}.csv", index=False)

    def sets(self, experiment, cells):
        """cells: (arm, size, epoch, {metric: value, (value, low, high) or status}, *run)."""
        rows = [
            row(experiment, arm, size, epoch, metric, value, *run)
            for arm, size, epoch, metrics, *run in cells
            for metric, value in metrics.items()
        ]
        self.write(experiment, rows, EXPERIMENT_COLUMNS)

    def grid(self, value_of, *, updates_value_of=None, epochs=EPOCHS, sizes=SIZES):
        """The 20 sets; value_of(size, epoch) gives {metric: value}."""
        cells = [("equal epochs", s, e, value_of(s, e)) for s in sizes for e in epochs]
        if updates_value_of:
            cells += [("equal updates", s, 60000 // s, updates_value_of(s)) for s in sizes]
        self.sets("training-size", cells)

    def seeds(self, cells):
        """cells: (seed, size, epoch, {metric: value}); seed 0 is the grid's own training."""
        named = [
            (
                f"seed-{seed}",
                size,
                epoch,
                metrics,
                f"equal epochs_{size}" if not seed else f"s{seed}",
            )
            for seed, size, epoch, metrics in cells
        ]
        self.sets("seeds", named)

    def stability(self, experiment, signs, epochs=1000, updates=30000):
        """signs: {arm: signs of its run}; updates: of all, or by arm."""
        rows = []
        for arm, seen in signs.items():
            trained = updates.get(arm, 30000) if isinstance(updates, dict) else updates
            stable = "no" if seen else "yes" if trained > BURN_IN_UPDATES else TOO_SHORT
            rows.append(
                {
                    **dict.fromkeys(COLUMNS["stability"], 0),
                    "experiment": experiment,
                    "arm": arm,
                    "run": arm,
                    "epochs": epochs,
                    "updates": trained,
                    "diverged_epoch": "",
                    "signs": seen,
                    "stable": stable,
                }
            )
        self.write("stability", rows, COLUMNS["stability"])

    def floor(self, values, *, images=400, in_order=None):
        """values: {metric: (mean, low, high)}, or a status; in_order: {metric: difference}."""
        rows = [
            ("order", images, metric, 1, value, math.nan, abs(value), value, value, "computed")
            for metric, value in (in_order or {}).items()
        ]
        for metric, value in values.items():
            mean, low, high = (math.nan,) * 3 if isinstance(value, str) else value
            status = value if isinstance(value, str) else "computed"
            size = max(abs(low), abs(high)) / 2
            rows.append(("subject", images, metric, 20, mean, 1.0, size, low, high, status))
        self.write("noise-floor-summary", rows, COLUMNS["noise-floor-summary"])

    def sensitivity(self, responses, spearman=1.0):
        """responses: {(damage, metric): response}."""
        rows = [
            (damage, metric, 6, spearman, "yes", "rises", 1, 1, response, "computed")
            for (damage, metric), response in responses.items()
        ]
        self.write("sensitivity-summary", rows, COLUMNS["sensitivity-summary"])

    def strengths(self, p, n):
        """The clinician's table of five metrics with one p, and the r that has it."""
        nothing = dict.fromkeys(COLUMNS["clinician"], "")
        t = stats.t.isf(p / 2, n - 2)
        found = {"n": n, "p_value": p, "p_holm": min(1.0, 5 * p), "status": "computed"}
        found["pearson_r"] = t / math.sqrt(t**2 + n - 2)
        rows = [{**nothing, "metric": metric, **found} for metric in FIVE]
        self.write("clinician", rows, COLUMNS["clinician"])

    def judge(self, test, inputs, thresholds, *, experiments=("training-size",), needs=()):
        row = EvidenceRow(
            id="planted",
            claim="planted",
            section="reader",
            of="planted",
            basis="method",
            experiments=list(experiments),
            test=test,
            inputs=inputs,
            thresholds=thresholds,
            needs=list(needs),
            reproduced="planted",
        )
        evidence = Evidence(Results.open(self.folder), self.study, tuple(experiments))
        finding = judge(row, evidence)
        assert finding.reason.endswith(".")
        assert all(math.isfinite(value) for value in finding.numbers.values())
        return finding

    study = STUDY


def row(experiment, arm, size, epoch, metric, value, run=None):
    value, low, high = value if isinstance(value, tuple) else (value, math.nan, math.nan)
    status = "computed"
    if isinstance(value, str):
        value, status = math.nan, value
    run = run or f"{arm}_{size}"
    return {
        **dict.fromkeys(EXPERIMENT_COLUMNS, 1),
        "experiment": experiment,
        "arm": arm,
        "set": f"{run}_{epoch}",
        "run": run,
        "epoch": epoch,
        "updates": 6000 if arm == "equal updates" else epoch * size // 10,
        "training_size": size,
        "metric": metric,
        "value": value,
        "low": low,
        "high": high,
        "definition": "planted",
        "status": status,
    }


def drawn(seed=0):
    """A function that gives the next number of a normal distribution."""
    draws = np.random.default_rng(seed)
    return lambda mean=0.0, deviation=1.0: float(draws.normal(mean, deviation))


def damaged(study, row_id, kind="evidence", **changes):
    """claims.yaml with one row changed; None removes a key."""
    path = study / "claims.yaml"
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    (row,) = [row for row in document[kind] if row["id"] == row_id]
    row.update(changes)
    for key in [key for key, value in changes.items() if value is None]:
        del row[key]
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
