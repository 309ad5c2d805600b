"""What an evaluation found: the images, each set's metrics, the noise floor, the ranking.

`Evaluation` is what `miua.evaluate` returns; terminal table, JSON, CSV and HTML page show it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from miua.data.stack import Skipped
from miua.files import write_json
from miua.metrics.records import COLUMNS, COMPUTED, MetricRecord, write_records
from miua.metrics.registry import Measure, measure
from miua.metrics.stacks import Floats, Grey

if TYPE_CHECKING:
    from miua.metrics.memorisation import Memorisation

CLOSEST_PAIRS = 16
# Of the JSON file. Raise the number when a field changes its meaning or goes away.
SCHEMA = "miua-evaluation-2"


@dataclass(frozen=True)
class Source:
    """Images that were read, and what was done to them.

    name: of the set; "real" for the real images. path: what they were read from; None for an array.
    images, height, width: how many, of which size in pixels, as they were measured. sha256: of the
    contents that were read. notes: what was done to the files (resized, windowed, converted), a
    sentence each. skipped: files that were left out because the person allowed it, with the
    reasons. sample: some of the images, uint8 (K, height, width), evenly spread; to look at.
    """

    name: str
    path: str | None
    images: int
    height: int
    width: int
    sha256: str
    notes: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    sample: Grey = field(repr=False, compare=False)


@dataclass(frozen=True)
class Copies:
    """Synthetic images that are too near to a real one to be of a subject of their own.

    found: what the search found. sheet: a picture of the closest pairs, uint8 (height, width).
    nearest: each synthetic image with its nearest real one in words, the likeliest copy first:
    names, how the real one was turned, distance in grey levels, the same over that to the nearest
    image of another group, whether it is called a copy.
    """

    found: Memorisation = field(repr=False)
    sheet: Grey = field(repr=False, compare=False)
    nearest: tuple[dict[str, Any], ...]

    @property
    def pairs(self) -> tuple[dict[str, Any], ...]:
        """The closest pairs, those on the sheet."""
        return self.nearest[:CLOSEST_PAIRS]


@dataclass(frozen=True)
class SetResult:
    """One synthetic set against the real images.

    source: its images. records: its metrics, the 256 LBPv differences among them, in the order they
    were asked. farthest: the ten LBPv elements that differ most from the reference, the largest
    difference first. lbpv: its LBP vector, (256,). copies: the memorisation check; None if it was
    not asked for. at_floor_size: metrics that change with the number of images, taken of as many as
    the noise floor's halves have: what is held against the floor. Mean over some draws.
    warnings: what a reader of these numbers has to know, a sentence each.
    """

    source: Source
    records: tuple[MetricRecord, ...]
    farthest: tuple[int, ...]
    lbpv: Floats = field(repr=False)
    copies: Copies | None
    at_floor_size: dict[str, float]
    warnings: tuple[str, ...]

    def beside_floor(self, record: MetricRecord) -> MetricRecord:
        """The record as it is held against the floor: moved to its value at the floor's size."""
        value = self.at_floor_size.get(record.metric)
        if value is None or record.value is None:
            return record
        moved = value - record.value
        low, high = (None if end is None else end + moved for end in (record.low, record.high))
        return replace(record, value=value, low=low, high=high)

    def record(self, metric: str) -> MetricRecord:
        """The record of a metric; KeyError if it was not asked for."""
        known = {record.metric: record for record in self.records}
        if metric not in known:
            raise KeyError(f"{metric!r} was not measured; there are {list(known)}")
        return known[metric]


@dataclass(frozen=True)
class FloorRecord:
    """A metric of real images against other real images, over repeated splits into halves.

    metric: its name in the tidy tables. mean, low, high: mean and 2.5 and 97.5 percentiles over the
    splits; None if not computed, the percentiles also where so many splits give no range. images:
    in each half. splits: how many were drawn, fewer of metrics that cost more; of MI, PSNR and
    SSIM, pairs of sets (`miua.evaluation.floor`).
    status: "computed", or "not computed: <why>".
    """

    metric: str
    mean: float | None
    low: float | None
    high: float | None
    images: int
    splits: int
    status: str


@dataclass(frozen=True)
class Floor:
    """The noise floor: what a metric reads where there is no difference but chance.

    by: "group" if whole groups were drawn, "image" if there was no grouping. grouping: where the
    grouping came from, in words. groups: how many groups the real images have; None without a
    grouping. images: as in FloorRecord. splits: the most that a metric takes. records: one for
    each metric, by its name.
    status: "computed", or "not computed: <why>", and then there are no records. range_status:
    "computed", or "none: <why>" where there are too few different splits for percentiles.
    """

    by: str
    grouping: str
    groups: int | None
    images: int
    splits: int
    records: dict[str, FloorRecord]
    status: str
    range_status: str = COMPUTED

    @property
    def fewer_splits(self) -> str:
        """Of how many splits metrics are that take fewer: "20 of FID, FD-LBP", or ""."""
        taken: dict[int, list[str]] = {}
        for record in self.records.values():
            if record.splits != self.splits:
                taken.setdefault(record.splits, []).append(measure(record.metric).label)
        return "; ".join(f"{splits} of {', '.join(labels)}" for splits, labels in taken.items())

    @property
    def why_no_range(self) -> str:
        """The reason that range_status gives, or ""."""
        return "" if self.range_status == COMPUTED else self.range_status.removeprefix("none: ")


@dataclass(frozen=True)
class Place:
    """A set's place in a ranking. low, high: where 95 % of the resamples put it; first: the share
    of them in which it comes first. None where the metric has no resamples."""

    set: str
    value: float
    rank: int
    low: int | None
    high: int | None
    first: float | None


@dataclass(frozen=True)
class Ranking:
    """The sets by one metric, the best first.

    metric: its name in the tidy tables. places: every set that has a value. decided: whether the
    first place is certain: no other is in its 95 % of the resamples.
    """

    metric: str
    places: tuple[Place, ...]
    decided: bool


Values = dict[str, float | None]


@dataclass(frozen=True)
class Choice:
    """One way to prepare the images, and what the metrics then are.

    aspect: what was chosen: "as measured", "resize filter", "antialiasing", "fit", "bit depth" or
    "Inception layer". choice: "bicubic", "crop", "16 bits", ... baseline: whether it is the
    evaluation's own. values: by set and metric, or None. status: "computed", or why not.
    """

    aspect: str
    choice: str
    baseline: bool
    values: dict[str, Values]
    status: str = COMPUTED


@dataclass(frozen=True)
class Flip:
    """A ranking that another choice turns over, `metric` under `choice`, and both orders: two sets
    at least have changed places; a tie turns nothing over."""

    metric: str
    choice: str
    order: tuple[str, ...]
    baseline_order: tuple[str, ...]


@dataclass(frozen=True)
class PreprocessingSensitivity:
    """All choices, the evaluation's own first, and the rankings they flip."""

    metrics: tuple[str, ...]
    choices: tuple[Choice, ...]
    flips: tuple[Flip, ...]


def in_per_cent(metric: Measure, value: float, before: float) -> bool:
    """Whether a change is fit to be told as a share: not of a value at 0 or below, nor of KID,
    which is unbiased and so lies around 0 for sets that hardly differ."""
    return metric.name != "kid" and value > 0 and before > 0


@dataclass(frozen=True)
class Evaluation:
    """Synthetic images measured against real ones.

    real: the real images. sets: one result for each synthetic set, in the order given. floor: the
    noise floor of the real images; None if it was not asked for. rankings: of the sets, for each
    metric with a better side; empty for one set. preprocessing_sensitivity: what other choices of
    preparation would have given; None if it was not asked for. reference_lbpv: the LBP vector of
    the real images, (256,). pairing: how MI, PSNR and SSIM paired images, in words. settings: every
    setting that decides the numbers. provenance: versions, inputs, device: what made the numbers.
    """

    real: Source
    sets: tuple[SetResult, ...]
    floor: Floor | None
    rankings: tuple[Ranking, ...]
    preprocessing_sensitivity: PreprocessingSensitivity | None
    reference_lbpv: Floats = field(repr=False)
    pairing: str
    settings: dict[str, Any]
    provenance: dict[str, Any] = field(repr=False)

    @property
    def records(self) -> list[MetricRecord]:
        """All sets' records, one after another: the tidy table."""
        return [record for each in self.sets for record in each.records]

    @property
    def warnings(self) -> list[str]:
        """Every set's warnings, each said once, with the set's name where there are several."""
        said = [
            f"{each.source.name}: {warning}" if len(self.sets) > 1 else warning
            for each in self.sets
            for warning in each.warnings
        ]
        return list(dict.fromkeys(said))

    def to_json(self) -> dict[str, Any]:
        """Everything but pictures, as evaluation.schema.json beside this file says."""
        found = {
            "schema": SCHEMA,
            "real": self.real,
            "reference_lbpv": self.reference_lbpv,
            "pairing": self.pairing,
            "sets": [_set(each) for each in self.sets],
            "noise_floor": self.floor,
            "rankings": self.rankings,
            "preprocessing_sensitivity": self.preprocessing_sensitivity,
            "warnings": self.warnings,
            "settings": self.settings,
            "provenance": self.provenance,
        }
        return {key: _plain(each) for key, each in found.items()}

    def write_json(self, path: Path) -> None:
        """Write `to_json()`, whole or not at all."""
        write_json(path, self.to_json(), sort_keys=False)

    def write_csv(self, path: Path) -> None:
        """Write the tidy table, one row a set and metric, whole or not at all."""
        write_records(path, self.records)


def _set(result: SetResult) -> dict[str, Any]:
    copies = None
    if result.copies is not None:
        found = result.copies.found
        kept = ("definition", "threshold", "status", "flagged", "expected_false_alarms")
        copies = {name: getattr(found, name) for name in kept}
        copies["nearest"] = result.copies.nearest
    return {
        "name": result.source.name,
        "source": result.source,
        "metrics": [_record(record, result) for record in result.records],
        "lbpv_farthest_elements": result.farthest,
        "lbpv": result.lbpv,
        "copies": copies,
        "warnings": result.warnings,
    }


def _record(record: MetricRecord, result: SetResult) -> dict[str, Any]:
    shown = measure(record.metric)
    named = {"metric": record.metric, "label": shown.label, "better": shown.better}
    values = {column: getattr(record, column) for column in COLUMNS[2:]}
    return {**named, **values, "value_at_floor_size": result.at_floor_size.get(record.metric)}


def _plain(value: Any) -> Any:
    """The same in what JSON knows; infinite PSNR becomes "inf", as JSON has no infinity. Fields of
    a dataclass that are not compared, pictures, are left out."""
    if is_dataclass(value):
        compared = (each.name for each in fields(value) if each.compare)
        return {name: _plain(getattr(value, name)) for name in compared}
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return "inf" if value > 0 else "-inf" if value < 0 else None
    return str(value) if isinstance(value, Path) else value
