"""The noise floor of the images at hand: every metric of real images against other real images.

The real images are split again and again into two halves that share no group (no subject), and one
half is measured against the other as a synthetic set is. What two halves differ by is chance. Means
over pairs are an exception (`pair_floor`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from miua.data.threads import in_threads, usable_cores
from miua.errors import MiuaError
from miua.evaluation.comparison import (
    Comparison,
    Pairing,
    PairKind,
    Side,
    all_pair_values,
)
from miua.evaluation.measure import make_features, measure_comparison
from miua.evaluation.pair_floor import pair_floor
from miua.evaluation.records import COMPUTED, MetricRecord
from miua.evaluation.result import Floor, FloorRecord
from miua.evaluation.splits import FEWEST_IMAGES, Split, SplitBy, draw_splits, half_size
from miua.metrics.psnr import decibels
from miua.metrics.ssim import WINDOW as SSIM_WINDOW
from miua.progress import progress

SPLITS = 20
# A line fitted to parts of a half would cost more than all else, and says 0 of halves anyway.
WITHOUT_FLOOR = ("fid_infinity", "fd_lbp_infinity")
MOST_IMAGES = 1000  # of which halves are drawn, so that time does not grow with their square
POOL_DRAW, SIZE_DRAW = 2, 4  # keep these draws apart from others of the same seed
SIZE_DEPENDENT = frozenset(
    {"fid", "neighbourhood", "lbpv_total_difference", "fd_lbp", "neighbourhood_lbp"}
)
DRAWS_AT_FLOOR_SIZE = 5
DRAWS_A_SPLIT = 10  # of means over pairs, which cost next to nothing
_KINDS: dict[str, PairKind] = {
    "mutual_information": "information",
    "psnr": "error",
    "ssim": "similarity",
}


def noise_floor_of(
    real: Side,
    groups: NDArray[np.int64] | None,
    grouping: str,
    *,
    most: int,
    metrics: Sequence[str],
    extractors: Sequence[str],
    pairing: Pairing,
    bins: int,
    splits: int,
    seed: int,
    threads: int,
) -> Floor:
    """Every metric over `splits` splits of the real images into halves of up to `most` images.

    groups: each image's group, (N,); None takes each image for a group of its own. grouping: where
    the groups came from, in words. The other parameters are those of `evaluate`.
    """
    every = np.arange(len(real))
    codes = every if groups is None else groups
    by: SplitBy = "image" if groups is None else "subject"
    drawn_by = "image" if groups is None else "group"
    count = None if groups is None else len(np.unique(groups))
    pool = _pool(codes, seed)
    try:
        half = half_size(codes[pool])
        half = half_size(codes[pool], max(FEWEST_IMAGES, min(half, most)))
        drawn = draw_splits(codes[pool], half, splits, seed, by)
    except MiuaError as error:
        return Floor(drawn_by, grouping, count, 0, 0, {}, f"not computed: {error}")
    wanted = [metric for metric in metrics if metric not in WITHOUT_FLOOR]
    make_features(real, wanted, extractors)
    side = real.subset(pool)
    tables = _tables(side, metrics, pairing, bins, threads)
    apart = {}
    if pairing != "nearest":
        apart = _of_pairs(tables, wanted, codes[pool], half, splits, seed, pairing)
        wanted = [metric for metric in wanted if metric not in apart]

    def measured(split: Split) -> list[MetricRecord]:
        comparison = Comparison(
            side.subset(split.first),
            side.subset(split.second),
            pairing=pairing,
            bins=bins,
            resamples=0,
            seed=seed,
            threads=threads,
            tables={k: table[np.ix_(split.first, split.second)] for k, table in tables.items()},
        )
        return measure_comparison(comparison, "floor", wanted, extractors).records

    found: dict[str, list[MetricRecord]] = {}
    readings = in_threads(measured, drawn, threads or usable_cores())
    for rows in progress(readings, "Noise floor", "splits", total=len(drawn)):
        for record in rows:
            found.setdefault(record.metric, []).append(record)
    records = {metric: _summary(metric, half, rows) for metric, rows in found.items()}
    return Floor(drawn_by, grouping, count, half, len(drawn), apart | records, COMPUTED)


def at_floor_size(
    real: Side,
    synthetic: Side,
    groups: NDArray[np.int64] | None,
    floor: Floor,
    *,
    metrics: Sequence[str],
    extractors: Sequence[str],
    seed: int,
    threads: int,
) -> dict[str, float]:
    """Metrics that change with the number of images, of as many as the floor's halves have.

    Only so can a set be held against the floor: FID, FD-LBP and the sum of LBPv differences are
    larger in smaller sets. Means over DRAWS_AT_FLOOR_SIZE draws of both sides, real images by
    group as in the floor's halves. Empty where both sides have the floor's size already.
    """
    if floor.status != COMPUTED or {len(real), len(synthetic)} == {floor.images}:
        return {}
    wanted = [metric for metric in metrics if metric in SIZE_DEPENDENT]
    codes = np.arange(len(real)) if groups is None else groups
    pool = _pool(codes, seed)
    by: SplitBy = "image" if groups is None else "subject"
    splits = draw_splits(codes[pool], floor.images, DRAWS_AT_FLOOR_SIZE, seed, by)
    generator = np.random.default_rng((seed, SIZE_DRAW))
    chosen = [generator.permutation(len(synthetic))[: floor.images] for _ in splits]

    def measured(drawn: tuple[Split, NDArray[np.int64]]) -> list[MetricRecord]:
        split, index = drawn
        comparison = Comparison(
            real.subset(pool[split.first]), synthetic.subset(index), resamples=0, threads=1
        )
        return measure_comparison(comparison, "at floor size", wanted, extractors).records

    found: dict[str, list[float]] = {}
    pairs = zip(splits, chosen, strict=True)
    for records in in_threads(measured, pairs, threads or usable_cores()):
        for record in records:
            unbiased = record.metric.startswith("kd_") or record.metric.endswith("_infinity")
            if record.value is not None and not unbiased:
                found.setdefault(record.metric, []).append(record.value)
    return {metric: float(np.mean(values)) for metric, values in found.items()}


def _of_pairs(
    tables: dict[PairKind, NDArray[np.float64]],
    metrics: Sequence[str],
    codes: NDArray[np.int64],
    half: int,
    splits: int,
    seed: int,
    pairing: Pairing,
) -> dict[str, FloorRecord]:
    """The records of means over pairs, which halves of one set would make too narrow."""
    draws = splits * DRAWS_A_SPLIT
    found = {}
    for metric in metrics:
        if _KINDS.get(metric) not in tables:
            continue
        table = tables[_KINDS[metric]]
        values = pair_floor(
            decibels(table) if metric == "psnr" else table,
            codes,
            half,
            draws,
            seed=seed,
            all_pairs=pairing == "all",
        )
        values = values[np.isfinite(values)]
        if not len(values):
            reason = "not computed: all pairs of real images are identical"
            found[metric] = FloorRecord(metric, None, None, None, half, draws, reason)
            continue
        low, high = map(float, np.percentile(values, (2.5, 97.5)))
        found[metric] = FloorRecord(
            metric, float(values.mean()), low, high, half, len(values), COMPUTED
        )
    return found


def _pool(codes: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """The images to split, in order: all of them, or groups, drawn, up to MOST_IMAGES images.

    Of a group that is large, images are drawn, so that there are always several groups.
    """
    if len(codes) <= MOST_IMAGES:
        return np.arange(len(codes))
    generator = np.random.default_rng((seed, POOL_DRAW))
    taken: list[NDArray[np.int64]] = []
    left = MOST_IMAGES
    for group in generator.permutation(np.unique(codes)):
        members = generator.permutation(np.flatnonzero(codes == group))[: MOST_IMAGES // 4]
        if len(members) <= left:
            taken.append(members)
            left -= len(members)
        if left == 0:
            break
    return np.sort(np.concatenate(taken))


def _tables(
    side: Side, metrics: Sequence[str], pairing: Pairing, bins: int, threads: int
) -> dict[PairKind, NDArray[np.float64]]:
    """Tables of all pairs of the real images: a split then costs no measuring."""
    kinds = {_KINDS[metric] for metric in metrics if metric in _KINDS}
    if min(side.images.shape[1:]) < SSIM_WINDOW:
        kinds.discard("similarity")
    if pairing == "nearest":
        kinds.add("error")
    return {
        kind: all_pair_values(kind, side.images, side.images, bins, threads)
        for kind in sorted(kinds)
    }


def _summary(metric: str, half: int, rows: Sequence[MetricRecord]) -> FloorRecord:
    reasons = [row.status for row in rows if row.status != COMPUTED]
    if reasons:
        why = reasons[0].removeprefix("not computed: ")
        status = f"not computed: in {len(reasons)} of {len(rows)} splits, {why}"
        return FloorRecord(metric, None, None, None, half, len(rows), status)
    values = np.array([row.value for row in rows], dtype=np.float64)
    low, high = np.percentile(values, (2.5, 97.5))
    return FloorRecord(
        metric, float(values.mean()), float(low), float(high), half, len(rows), COMPUTED
    )
