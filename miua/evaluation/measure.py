"""The one engine: the metrics of a comparison, by the registry, as tidy records."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from itertools import product
from typing import Any

from miua.data.threads import in_threads
from miua.metrics.comparison import Comparison, Side
from miua.metrics.inception_weights import NotComputedError
from miua.metrics.records import NOT_COMPUTED, MetricRecord, MetricValue
from miua.metrics.registry import Entry
from miua.progress import watched


def measured(
    comparison: Comparison, entries: Sequence[Entry], *, workers: int = 1, shown: str = ""
) -> list[MetricRecord]:
    """The records of these metrics, in their order.

    workers: metrics at a time, as some take one core and some all; the records are the same.
    shown: the name under which the progress is shown; "" shows none.
    """
    make_features((comparison.reference, comparison.synthetic), entries)
    # Before several metrics ask for them at once.
    _ = comparison.drawn
    # The search for copies takes longest, on one core: it starts first.
    order = sorted(range(len(entries)), key=lambda place: entries[place].name != "copies")
    running: dict[str, str] = {}  # what is computed now, and under which name its share is kept
    done: list[str] = []

    def records_of(place: int) -> list[MetricRecord]:
        entry = entries[place]
        running[entry.name] = entry.of_pair.name if entry.of_pair else entry.name
        found = _records(comparison, entry)
        done.append(entry.name)
        del running[entry.name]
        return found

    def look() -> tuple[int, str]:
        shares = ((name, comparison.shares_done.get(key)) for name, key in list(running.items()))
        return len(done), ", ".join(
            name if share is None else f"{name} {share:.0%}" for name, share in shares
        )

    with watched(shown, len(entries), "metrics", look) if shown else nullcontext():
        if comparison.pairing == "nearest" and any(entry.of_pair for entry in entries):
            _ = comparison.partners
        by_place = dict(zip(order, in_threads(records_of, order, workers), strict=True))
    return [record for place in range(len(entries)) for record in by_place[place]]


def make_features(sides: Iterable[Side], entries: Sequence[Entry]) -> None:
    """Have the features made that these metrics need, before several ask for them at once."""
    needed = {entry.extractor for entry in entries if entry.extractor}
    for side, name in product(sides, sorted(needed)):
        if name not in side.extractors.missing:
            side.features(name)


def _records(comparison: Comparison, entry: Entry) -> list[MetricRecord]:
    try:
        found = entry.compute(comparison)
    except NotComputedError as error:
        features = comparison.describe(entry.extractor) if entry.extractor else ""
        missing = MetricValue(None, error.definition or features, status=f"{NOT_COMPUTED}{error}")
        found = [missing] * len(entry.shows)
    sizes = len(comparison.reference), len(comparison.synthetic)
    pairs = zip(entry.shows, found, strict=True)
    return [shown.record(comparison.name, value, sizes) for shown, value in pairs]


def one_blas_thread() -> AbstractContextManager[Any]:
    """Let numpy's OpenBLAS use one thread inside the block.

    Metrics take matrices of some hundred rows, by the hundred. Two threads save little time on
    such, and where another process wants a core as well they spin and take many times longer.
    """
    limited: AbstractContextManager[Any] = _openblas().limit(limits=1)
    return limited


@cache
def _openblas() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(internal_api="openblas")
