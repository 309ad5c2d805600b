"""What every test of the claims table shares: its evidence, its finding, and the register of tests.

A test is a function of the evidence, of its inputs and, by keyword only, of its thresholds. Its
signature says which keys a claim of claims.yaml may give it. It decides by these alone.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from inspect import signature
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_type_hints

import numpy as np
import pandas as pd
from pydantic import AfterValidator, Field, create_model

from miua.analysis import clinician
from miua.analysis.columns import study_table
from miua.config import Strict
from miua.errors import MiuaError
from miua.metrics.inception_weights import stand_in
from miua.metrics.registry import measure
from miua.study.plan import SCALES
from miua.study.store import COMPUTED, Results, read_experiment

Verdict = Literal["reproduced", "not reproduced", "undecided", "not testable here"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
REPRODUCED, NOT_REPRODUCED, UNDECIDED, NOT_TESTABLE = VERDICTS

FID = "fid"
GRID, SEEDS = "training-size", "seeds"


class NotTestableError(MiuaError):
    """Something that the test needs is not there; the message names it."""


@dataclass(frozen=True)
class ClaimFinding:
    """What a test found.

    reason: one sentence with the numbers, ready to print. numbers: those that the verdict rests on,
    by name. power: of the test at the effect that was sought, where the verdict depends on it. n:
    number of values, sets or images that were tested. missing: what a verdict would need. line: the
    reason in short, at most about 150 characters, where its first sentence is longer.
    """

    verdict: Verdict
    reason: str
    numbers: dict[str, float] = field(default_factory=dict)
    power: float | None = None
    n: int | None = None
    missing: tuple[str, ...] = ()
    line: str = ""


@dataclass
class Evidence:
    """What one claim may be judged by: the tables of its experiments and the study's own data.

    `sources` collects which files were read, each as often as it was.
    """

    results: Results
    study: Path
    experiments: tuple[str, ...]
    sources: list[str] = field(default_factory=list)

    def sets(self, experiment: str | None = None, arm: str | None = None) -> pd.DataFrame:
        """Metrics of the sets of an experiment, the claim's first one if none is named.

        NotTestableError: the experiment was not run, or has no such arm.
        """
        experiment = experiment or self.experiments[0]
        source = f"tables/{experiment}.csv"
        table = read_experiment(self.results, experiment)
        if table is None:
            raise NotTestableError(f"the experiment {experiment} ({source} is not there)")
        self.sources.append(source)
        return table if arm is None else of_arm(table, arm, experiment)

    def table(self, name: str) -> pd.DataFrame:
        """tables/NAME.csv; NotTestableError: it is not there, as its experiment was not run."""
        table = study_table(self.results, name)
        if table is None:
            raise NotTestableError(f"tables/{name}.csv, which its experiment would have made")
        self.sources.append(f"tables/{name}.csv")
        return table

    def has(self, name: str) -> bool:
        """Whether tables/NAME.csv is there, as the tables of readers are where any answered."""
        return self.results.table_path(name).exists()

    def scores(self) -> pd.DataFrame:
        """The clinician's digitised scores."""
        self.sources.append(f"{self.study.name}/{clinician.SCORES_FILE}")
        return clinician.read_scores(self.study)

    def published(self) -> pd.DataFrame:
        """The published coefficients with their reading error, by metric."""
        self.sources.append(f"{self.study.name}/{clinician.COEFFICIENTS_FILE}")
        return clinician.read_published(self.study)

    def facts(self) -> dict[str, str]:
        """The study's published numbers by name, as printed."""
        self.sources.append(f"{self.study.name}/{clinician.FACTS_FILE}")
        return clinician.read_facts(self.study)

    def reference_lbpv(self) -> np.ndarray[Any, np.dtype[np.float64]] | None:
        """The reference's LBP vector in counts per image, or None if it was not kept."""
        path = self.results.reference_lbpv
        if not path.is_file():
            return None
        self.sources.append(str(path.relative_to(self.results.folder)))
        return np.asarray(np.load(path, allow_pickle=False), dtype=np.float64)


Judge = TypeVar("Judge", bound=Callable[..., ClaimFinding])


@dataclass(frozen=True)
class ClaimTest:
    """A registered test: `judge(evidence, **inputs, **thresholds)`, and the models of these two."""

    judge: Callable[..., ClaimFinding]
    inputs: type[Strict]
    thresholds: type[Strict]


TESTS: dict[str, ClaimTest] = {}


def claim_test(function: Judge) -> Judge:
    """Register a test under its name, with hyphens.

    Its parameters after the evidence become the fields of the model of its inputs, its keyword-only
    ones those of its thresholds, each with its annotation and default.
    """
    name, hints = function.__name__, get_type_hints(function, include_extras=True)
    inputs: dict[str, Any] = {}
    thresholds: dict[str, Any] = {}
    for each in list(signature(function).parameters.values())[1:]:
        default = ... if each.default is each.empty else each.default
        fields = thresholds if each.kind is each.KEYWORD_ONLY else inputs
        fields[each.name] = (hints[each.name], default)
    TESTS[name.replace("_", "-")] = ClaimTest(
        function,
        create_model(f"{name}_inputs", __base__=Strict, **inputs),
        create_model(f"{name}_thresholds", __base__=Strict, **thresholds),
    )
    return function


def _metric(name: str) -> str:
    try:
        return measure(name).name
    except ValueError as error:
        raise ValueError(
            f"{error}. Known: mutual_information, psnr, fid, fd_lbp, diversity, "
            "lbpv_total_difference, lbpv_000_difference to lbpv_255_difference"
        ) from None


def _experiment(name: str) -> str:
    if name not in SCALES:
        raise ValueError(f"unknown experiment {name!r}. Known: {', '.join(SCALES)}")
    return name


Metric = Annotated[str, AfterValidator(_metric)]
Metrics = Annotated[list[Metric], Field(min_length=1)]
ExperimentName = Annotated[str, AfterValidator(_experiment)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
AtLeastOne = Annotated[int, Field(ge=1)]
Names = Annotated[list[str], Field(min_length=1)]


def of_arm(table: pd.DataFrame, arm: str, experiment: str) -> pd.DataFrame:
    """The rows of one arm; NotTestableError: there are none."""
    rows = table[table["arm"] == arm]
    if rows.empty:
        raise NotTestableError(f"the arm {arm!r} of {experiment}")
    return rows


def computed(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The rows of a metric that have a value.

    NotTestableError: there are none, or they are an FID with other weights than the published.
    """
    rows = table[table["metric"] == metric]
    found = rows[rows["status"] == COMPUTED]
    if found.empty:
        reason = f" ({rows['status'].iloc[0]})" if len(rows) else ""
        raise NotTestableError(f"{measure(metric).label}{reason}")
    if metric == FID and "definition" in found and any(map(stand_in, found["definition"])):
        raise NotTestableError("FID with the published Inception weights (stand-ins were used)")
    return found


def nearest_computed(tables: Sequence[pd.DataFrame], metrics: Sequence[str]) -> str:
    """The first metric that all of the tables have; NotTestableError: none, as of the last."""
    for metric in metrics:
        try:
            for table in tables:
                computed(table, metric)
        except NotTestableError as error:
            missing = error
        else:
            return metric
    raise missing


def has_computed(table: pd.DataFrame, metric: str) -> bool:
    """Whether `computed` has rows."""
    try:
        return not computed(table, metric).empty
    except NotTestableError:
        return False


def decide(shown: object, refuted: object = True) -> Verdict:
    """Reproduced if the statement is shown, else not reproduced if it is refuted, else undecided.

    That nothing significant was found refutes nothing, whatever the power: an effect is refuted by
    a test of equivalence, which shows that it is smaller than what would matter.
    """
    return REPRODUCED if shown else NOT_REPRODUCED if refuted else UNDECIDED


def number(value: float, digits: int = 3) -> str:
    """A number in so many significant digits, with a true minus sign."""
    if math.isnan(value):
        return "–"
    if value and not 1e-4 <= abs(value) < 10**6:
        return f"{value:.{digits - 1}e}".replace("-", "−")
    rounded = float(f"{value:.{digits}g}")
    places = max(0, digits - 1 - math.floor(math.log10(abs(rounded)))) if rounded else 0
    return f"{rounded:.{places}f}".replace("-", "−")


def p_text(value: float) -> str:
    """A p value behind its letter."""
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def percent(value: float) -> str:
    """A share as a percentage, with a true minus sign."""
    return f"{100 * value:.3g} %".replace("-", "−")


def labels(metrics: Sequence[str]) -> str:
    """The metrics' short names."""
    return ", ".join(measure(metric).label for metric in metrics)
