"""Sets in order, by each metric, and how sure the order is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from miua.evaluation.measure import Measured
from miua.evaluation.records import LBPV_DIFFERENCES
from miua.evaluation.result import Place, Ranking
from miua.metrics.measures import STUDY_ELEMENTS, Better, element_name, measure


def rankings(measured: Sequence[Measured]) -> tuple[Ranking, ...]:
    """The sets by every metric that two of them have, the best first; empty for one set.

    Each set's images are resampled by themselves; a resample of all sets is ranked, and so a
    place has a range and a share. Of the 256 LBPv elements only the study's four are ranked.
    """
    if len(measured) < 2:
        return ()
    shown = {element_name(element) for element in STUDY_ELEMENTS}
    metrics = [
        record.metric
        for record in measured[0].records
        if record.metric not in LBPV_DIFFERENCES or record.metric in shown
    ]
    found = (_ranking(metric, measured) for metric in metrics)
    return tuple(ranking for ranking in found if ranking is not None)


def _ranking(metric: str, measured: Sequence[Measured]) -> Ranking | None:
    values: dict[str, float] = {}
    drawn: list[NDArray[np.float64]] = []
    for each in measured:
        (record,) = (record for record in each.records if record.metric == metric)
        if record.value is not None:
            values[record.set] = record.value
            drawn.append(each.resampled.get(metric, np.empty(0)))
    if len(values) < 2:
        return None
    better = measure(metric).better
    ranks = ranks_of(np.array(list(values.values()))[:, None], better)[:, 0]
    resamples = min(map(len, drawn))
    low: list[int | None] = [None] * len(values)
    high, first = list(low), [None] * len(values)
    shares: list[float | None] = list(first)
    if resamples and all(np.isfinite(each[:resamples]).all() for each in drawn):
        # Distances are biased upwards in a resample, all of them: each is moved to its value.
        centred = [
            each[:resamples] - each[:resamples].mean() + value
            for each, value in zip(drawn, values.values(), strict=True)
        ]
        resampled = ranks_of(np.stack(centred), better)
        low = [int(n) for n in np.percentile(resampled, 2.5, axis=1, method="inverted_cdf")]
        high = [int(n) for n in np.percentile(resampled, 97.5, axis=1, method="inverted_cdf")]
        shares = [float(n) for n in (resampled == 1).mean(axis=1)]
    places = [
        Place(name, value, int(rank), *bounds)
        for name, value, rank, *bounds in zip(
            values, values.values(), ranks, low, high, shares, strict=True
        )
    ]
    places.sort(key=lambda place: place.rank)
    alone = sum(place.rank == 1 for place in places) == 1
    decided = alone and places[0].high == 1
    return Ranking(metric, tuple(places), decided)


def ranks_of(values: NDArray[np.float64], better: Better) -> NDArray[np.int64]:
    """Ranks 1, 2, ... of sets, (S, R) for values (S, R); equal values share the better rank."""
    if better == "zero":
        values = np.abs(values)
    elif better == "one":
        values = np.abs(values - 1)
    elif better == "higher":
        values = -values
    smaller = values[:, None, :] > values[None, :, :]
    ranks: NDArray[np.int64] = 1 + smaller.sum(axis=1)
    return ranks
