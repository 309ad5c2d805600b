"""Sets in order, by each metric, and how sure the order is."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from miua.evaluation.result import Place, Ranking
from miua.metrics.lbpv import LBPV_DIFFERENCES, STUDY_ELEMENTS, element_name
from miua.metrics.records import MetricRecord
from miua.metrics.registry import Better, badness, measure
from miua.metrics.stacks import Floats, Ints


def rankings(sets: Sequence[Sequence[MetricRecord]]) -> tuple[Ranking, ...]:
    """The sets by every metric that two of them have, the best first; empty for one set.

    sets: the records of each. Each set's images are resampled by themselves; a resample of all sets
    is ranked, and so a place has a range and a share. Of the LBPv only the study's four elements.
    """
    if len(sets) < 2:
        return ()
    left_out = set(LBPV_DIFFERENCES) - set(map(element_name, STUDY_ELEMENTS))
    found = (_ranking(same) for same in zip(*sets, strict=True) if same[0].metric not in left_out)
    return tuple(ranking for ranking in found if ranking is not None)


def _ranking(records: Sequence[MetricRecord]) -> Ranking | None:
    """One metric of each set, in order."""
    records = [record for record in records if record.value is not None]
    if len(records) < 2:
        return None
    values = np.array([record.value for record in records], dtype=np.float64)
    better = measure(records[0].metric).better
    ranks = ranks_of(values[:, None], better)[:, 0]
    drawn = [r.resampled if r.resampled is not None else np.empty(0) for r in records]
    resamples = min(map(len, drawn))
    ranges: list[tuple[Any, Any, Any]] = [(None, None, None)] * len(records)
    # Resamples that are all equal, such as those of a precision of 1, say nothing of another draw.
    if resamples and all(
        np.isfinite(each[:resamples]).all() and np.ptp(each[:resamples]) for each in drawn
    ):
        # Distances are biased upwards in a resample, all of them: each is moved to its value.
        kept = np.stack([each[:resamples] for each in drawn])
        centred = kept - kept.mean(axis=1, keepdims=True) + values[:, None]
        resampled = ranks_of(centred, better)
        low, high = np.percentile(resampled, (2.5, 97.5), axis=1, method="inverted_cdf").tolist()
        ranges = list(zip(low, high, (resampled == 1).mean(axis=1).tolist(), strict=True))
    found = zip(records, values.tolist(), ranks.tolist(), ranges, strict=True)
    places = [Place(record.set, value, rank, *likely) for record, value, rank, likely in found]
    places.sort(key=lambda place: place.rank)
    alone = sum(place.rank == 1 for place in places) == 1
    return Ranking(records[0].metric, tuple(places), decided=alone and places[0].high == 1)


def ranks_of(values: Floats, better: Better) -> Ints:
    """Ranks 1, 2, ... of sets, (S, R) for values (S, R); equal values share the better rank."""
    worse = badness(values, better)
    return np.asarray(1 + (worse[:, None, :] > worse[None, :, :]).sum(axis=1))
