"""One row of the tidy table: one set, one metric, one value, and how its interval comes about."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import NamedTuple

import numpy as np

from miua.files import write_text
from miua.metrics.stacks import Floats
from miua.wording import counted

COMPUTED = "computed"  # the status of a value that there is
NOT_COMPUTED = "not computed: "  # how every other status begins
Bounds = tuple[float | None, float | None]
FEWEST_TO_RESAMPLE = 3  # images; as few as the analysis resamples
ROUNDING = 1e-12  # relative: values that differ by no more are told apart by rounding alone
NO_INTERVAL = "; no interval: "  # in a definition, before the reason


class MetricValue(NamedTuple):
    """What was computed of one metric; see `MetricRecord`, whose low and high are the bounds."""

    value: float | None
    definition: str
    bounds: Bounds = (None, None)
    resampled: Floats | None = None
    status: str = COMPUTED

    def with_true_interval(self, images: int) -> "MetricValue":
        """The same, without an interval that would claim what so many images cannot show.

        Of one or two images resamples know nothing of others; where all resamples are equal, as
        those of equal images are, the true value may differ all the same. The definition says why.
        """
        low, high = self.bounds
        if low is None or high is None:
            return self
        if self.resampled is not None and images < FEWEST_TO_RESAMPLE:
            why = (
                f"{counted(images, 'image')} to resample, at least {FEWEST_TO_RESAMPLE} are needed"
            )
            return self.without_interval(why)._replace(resampled=None)
        width = 0.0 if low == high else high - low
        if math.isfinite(width) and width <= ROUNDING * max(abs(low), abs(high)):
            return self.without_interval("all resamples are equal")
        return self

    def without_interval(self, why: str) -> "MetricValue":
        return self._replace(bounds=(None, None), definition=f"{self.definition}{NO_INTERVAL}{why}")


@dataclass(frozen=True)
class MetricRecord:
    """One set, one metric, one value with its interval: a row of the tidy table.

    value: None where the status says "not computed: <reason and remedy>". low, high: the 95 %
    interval that the definition names, None where there is none. definition: what the value was
    computed from, in words, and why there is no interval. resampled: the value in each resample of
    the synthetic images, None where there are none; it is no column of the table.
    """

    set: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    unit: str
    n_reference: int
    n_synthetic: int
    definition: str
    status: str = COMPUTED
    resampled: Floats | None = field(default=None, repr=False, compare=False)

    @property
    def why_no_interval(self) -> str:
        """The reason that the definition gives, or ""."""
        return self.definition.partition(NO_INTERVAL)[2]


# Of the tidy table.
COLUMNS = tuple(each.name for each in fields(MetricRecord) if each.name != "resampled")


def write_records(path: Path, records: Sequence[MetricRecord]) -> None:
    """Write records as CSV with a header, whole or not at all; None becomes an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([getattr(each, column) for column in COLUMNS] for each in records)
    write_text(path, text.getvalue())


def intervals(resampled: Floats) -> tuple[list[float] | list[None], list[float] | list[None]]:
    """The 2.5 and 97.5 percentiles of metrics, (R, metrics), which are values that occur, so that
    infinite ones do no harm; None without resamples."""
    if not len(resampled):
        nothing = [None] * resampled.shape[1]
        return nothing, nothing
    low, high = np.percentile(resampled, (2.5, 97.5), axis=0, method="inverted_cdf")
    return low.tolist(), high.tolist()


def interval(resampled: Floats) -> Bounds:
    """The same of one metric, (R,)."""
    (low,), (high,) = intervals(resampled[:, None])
    return low, high


def mean_of(sums: Floats, counts: Floats, drawn: Floats) -> tuple[float, Floats]:
    """A mean over images' terms, and the same in each resample. sums, counts: (M,), of each image's
    terms; drawn: (R, M). Infinite where there are no terms: only identical pairs are left."""
    return float(ratio(sums.sum(), counts.sum())), ratio(drawn @ sums, drawn @ counts)


def ratio(sums: Floats, counts: Floats, otherwise: float = np.inf) -> Floats:
    """Sums over counts, and `otherwise` where the count is 0."""
    undefined = np.full_like(sums, otherwise)
    return np.divide(sums, counts, out=undefined, where=counts > 0)
