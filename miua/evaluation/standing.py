"""Where values lie beside the range that real images show among themselves, and in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from miua.evaluation.result import Floor, FloorRecord
from miua.metrics.records import NOT_COMPUTED, MetricRecord
from miua.metrics.registry import Better, badness
from miua.wording import counted

TAIL = 0.025  # of the floor's percentiles


@dataclass(frozen=True)
class Standing:
    """Where a value lies beside the range that real images show among themselves.

    worse: of a value outside, whether it is farther from the metric's best than the range is.
    touches: whether the value's interval reaches the range; None without an interval.
    """

    position: Literal["below", "within", "above"]
    worse: bool
    touches: bool | None

    @property
    def kind(self) -> str:
        """within, worse or better: what decides the mark in a figure."""
        if self.position == "within":
            return "within"
        return "worse" if self.worse else "better"

    @property
    def words(self) -> str:
        if self.position == "within":
            return "within"
        side = f"{self.position}, the {self.kind} side"
        return f"{side}; its interval reaches the range" if self.touches else side


def standing(record: MetricRecord, floor: FloorRecord | None, better: Better) -> Standing | None:
    """None where there is no value or no range."""
    if record.value is None or floor is None or floor.low is None or floor.high is None:
        return None
    touches = None
    if record.low is not None and record.high is not None:
        touches = record.low <= floor.high and record.high >= floor.low
    if floor.low <= record.value <= floor.high:
        return Standing("within", False, touches)
    below = record.value < floor.low
    worse = badness(record.value, better) > badness(floor.low if below else floor.high, better)
    return Standing("below" if below else "above", bool(worse), touches)


def chance_outside(splits: int) -> float:
    """The share of values of further splits that lie outside the range of `splits` splits.

    Expected of uniform values, of which the k-th smallest of n lies at k / (n + 1); of normal ones
    it differs by a hundredth. More than 0.05, as few splits do not reach the tails.
    """
    return 2 * (1 + TAIL * (splits - 1)) / (splits + 1)


def mean_chance_outside(floor: Floor) -> float:
    """The same over the metrics that have a range, each with its number of splits; 0 without."""
    taken = [record.splits for record in floor.records.values() if record.low is not None]
    return sum(map(chance_outside, taken)) / max(1, len(taken))


def reason(status: str) -> str:
    """Why a metric was not computed, without the head of the status."""
    return status.removeprefix(NOT_COMPUTED)


def how_they_compare(
    standings: Sequence[tuple[str, Standing | None]], not_computed: int, floor: bool
) -> str:
    """One set's metrics, label and standing each, in a sentence that claims no more than it can."""
    total = len(standings)
    placed = [(label, found) for label, found in standings if found is not None]
    without, verb = total - len(placed), "has" if total - len(placed) == 1 else "have"
    if placed:
        said = _placed([found for _, found in placed])
        said += f" {counted(without, 'other')} {verb} no such range." if without else ""
    else:
        said = (
            f"{counted(total, 'metric')} computed, {'but none' if floor else 'and none'} has a "
            "range of real images to be held against."
        )
    return f"{said} {not_computed} could not be computed." if not_computed else said


def _placed(placed: Sequence[Standing]) -> str:
    outside = [found for found in placed if found.position != "within"]
    of = "what real images show among themselves"
    if not outside:
        if len(placed) == 1:
            return f"The one metric with a range lies within {of}."
        return f"All {len(placed)} metrics with a range lie within {of}."
    worse = sum(found.worse for found in outside)
    side = "the worse side" if worse else "the better side"
    how_many = "" if len(outside) == 1 else f"{worse} " if 0 < worse < len(outside) else "all "
    verb = "lies" if len(outside) == 1 else "lie"
    said = f"{len(outside)} of {counted(len(placed), 'metric')} {verb} outside {of}"
    return f"{said}, {how_many}on {side}."
