"""The noise floor: every metric of real images against other real images.

The real images are split again and again into two halves that share no group (no subject), and one
half is measured against the other as a synthetic set is. What two halves differ by is chance.

Means over pairs (MI, PSNR, SSIM) are an exception. Two halves that make up a set would hide their
floor: what one half has too much of, the other lacks, and in a mean over pairs of both the two
cancel, to first order all of it. Other metrics, which take the difference of the halves, show it in
full. So for these two sets are drawn independently, groups with replacement, and pairs of images of
one group are left out.

The ends of a range come from the tails, which few splits do not reach: of LBPv differences over 100
splits they lie up to a third too far in. So what many splits cost next to nothing takes MANY_SPLITS
or more: means over pairs, and metrics that have an `Entry.of_halves`.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from miua.data.threads import in_threads
from miua.errors import MiuaError
from miua.evaluation.measure import make_features, measured
from miua.evaluation.result import Floor, FloorRecord
from miua.evaluation.splits import (
    FEWEST_IMAGES,
    FEWEST_SPLITS,
    Split,
    SplitBy,
    different,
    draw_splits,
    half_size,
    membership,
)
from miua.metrics.comparison import Comparison
from miua.metrics.records import COMPUTED, NOT_COMPUTED, MetricRecord, ratio
from miua.metrics.registry import Entry
from miua.metrics.squared_error import SQUARED_ERROR
from miua.metrics.stacks import Floats, Ints
from miua.progress import progress
from miua.wording import counted

SPLITS = 20  # of metrics that cost more
MANY_SPLITS = 2000
MOST_IMAGES = 1000  # of which halves are drawn, so that time does not grow with their square
POOL_DRAW, PAIR_DRAW, SIZE_DRAW = 2, 3, 4  # keep these draws apart from others of the same seed
DRAWS_AT_FLOOR_SIZE = 5


class FloorDraws(NamedTuple):
    """A metric of real images against others, once for each draw."""

    values: Floats  # nan if it failed in one of them
    status: str = COMPUTED
    failed: int = 0  # draws, as the status says


def draw_floor(
    whole: Comparison,
    splits: Sequence[Split],
    groups: Ints,
    entries: Sequence[Entry],
    *,
    few: int,
    seed: int,
    workers: int,
) -> dict[str, FloorDraws]:
    """The noise floor: each metric over these splits of the real images, by its name.

    whole: the real images against themselves. groups: each image's group, (N,), as the splits were
    drawn. entries: those that have a floor. few: of how many splits, the first, metrics are
    measured that cost more; the others take all. For means over pairs as many pairs of sets are
    drawn as there are splits, unless the splits were not drawn but cut off in order, or each image
    is paired with its nearest: then they take the first splits, too. workers: how many splits at a
    time, which changes no value.
    """
    if whole.pairing == "nearest":
        whole.make_table(SQUARED_ERROR)
    drawn = whole.pairing != "nearest" and splits[0].by != "order"
    half, images = len(splits[0].first), whole.reference.images
    found: dict[str, FloorDraws] = {}
    make_features((whole.reference,), entries)
    halves = membership(len(whole.reference), splits)
    sets = PairDraws.of(groups, half, len(splits), seed) if drawn else None
    left = []
    for entry in entries:
        if entry.of_halves is not None:
            columns = entry.of_halves(whole, *halves).T
            if np.isfinite(columns).all():
                shown = zip(entry.shows, columns, strict=True)
                found |= {each.name: FloorDraws(values) for each, values in shown}
                continue
        elif entry.of_pair is not None and min(images.shape[1:]) >= entry.of_pair.smallest:
            table = whole.make_table(entry.of_pair)
            if sets is not None:
                values = entry.of_pair.as_metric(table, images.dtype)
                means = sets.means(values, groups, all_pairs=whole.pairing == "all")
                found[entry.name] = _of_pairs(means)
                continue
        left.append(entry)

    def of_split(split: Split) -> list[MetricRecord]:
        return measured(whole.subset(split.first, split.second), left)

    rows: dict[str, list[MetricRecord]] = {}
    if left:
        readings = in_threads(of_split, splits[:few], workers)
        for records in progress(readings, "Noise floor", "splits", total=min(few, len(splits))):
            for record in records:
                rows.setdefault(record.metric, []).append(record)
    found |= {metric: _of_halves(records) for metric, records in rows.items()}
    names = [shown.name for entry in entries for shown in entry.shows]
    return {name: found[name] for name in names if name in found}


def _of_pairs(values: Floats) -> FloorDraws:
    finite = values[np.isfinite(values)]
    if len(finite):
        return FloorDraws(finite)
    why = "no pair of different images of two groups was drawn"
    return FloorDraws(np.full(len(values), np.nan), f"{NOT_COMPUTED}{why}", len(values))


def _of_halves(records: Sequence[MetricRecord]) -> FloorDraws:
    if reasons := [record.status for record in records if record.status != COMPUTED]:
        return FloorDraws(np.full(len(records), np.nan), reasons[0], len(reasons))
    return FloorDraws(np.array([record.value for record in records], dtype=np.float64))


def noise_floor_of(
    whole: Comparison,
    groups: Ints | None,
    grouping: str,
    entries: Sequence[Entry],
    *,
    most: int,
    splits: int,
    workers: int,
) -> Floor:
    """The floor over splits of the real images into halves of up to `most` images.

    splits: of metrics that cost more; the others take MANY_SPLITS at least. Few groups, or few
    images, can be split in few ways: then each way is taken once. Of fewer than FEWEST_SPLITS
    different splits there is no range.

    whole: the real images against themselves. groups: each image's group, (N,); None takes each
    image for a group of its own. grouping: where the groups came from, in words.
    """
    codes = np.arange(len(whole.reference)) if groups is None else groups
    by: SplitBy = "image" if groups is None else "subject"
    drawn_by, count = ("image", None) if groups is None else ("group", len(np.unique(groups)))
    pool = _pool(codes, whole.seed)
    codes = codes[pool]
    try:
        half = half_size(codes, max(FEWEST_IMAGES, min(half_size(codes), most)))
        drawn = draw_splits(codes, half, max(splits, MANY_SPLITS), whole.seed, by)
    except MiuaError as error:
        return Floor(drawn_by, grouping, count, 0, 0, {}, f"{NOT_COMPUTED}{error}", COMPUTED)
    entries = [entry for entry in entries if entry.has_floor]
    make_features((whole.reference,), entries)  # the pool takes them over
    found = draw_floor(
        whole.subset(pool, pool),
        drawn,
        codes,
        entries,
        few=splits,
        seed=whole.seed,
        workers=workers,
    )
    ways, ways_of_few = different(drawn), different(drawn[:splits])
    range_status = COMPUTED
    if ways < FEWEST_SPLITS:
        have = counted(count, "group") if count else f"{len(pool)} images"
        range_status = (
            f"none: {have} allow only {counted(ways, 'different split')} into halves of {half} "
            f"images, and at least {FEWEST_SPLITS} are needed"
        )

    def summary(metric: str, draws: FloorDraws) -> FloorRecord:
        taken = ways_of_few if len(draws.values) <= splits else ways
        return _summary(metric, half, draws, ranged=taken >= FEWEST_SPLITS)

    records = {metric: summary(metric, draws) for metric, draws in found.items()}
    return Floor(drawn_by, grouping, count, half, len(drawn), records, COMPUTED, range_status)


def _summary(metric: str, half: int, draws: FloorDraws, *, ranged: bool) -> FloorRecord:
    number = len(draws.values)
    if draws.status != COMPUTED:
        why = draws.status.removeprefix(NOT_COMPUTED)
        status = f"{NOT_COMPUTED}in {draws.failed} of {number} splits, {why}"
        return FloorRecord(metric, None, None, None, half, number, status)
    mean, low, high = float(draws.values.mean()), None, None
    if ranged:
        low, high = map(float, np.percentile(draws.values, (2.5, 97.5)))
    return FloorRecord(metric, mean, low, high, half, number, COMPUTED)


def at_floor_size(
    comparison: Comparison, floor: Floor, entries: Sequence[Entry], workers: int
) -> dict[str, float]:
    """Metrics that change with the number of images, of as many as the floor's halves have.

    Only so can a set be held against the floor: FID, FD-LBP and the sum of LBPv differences are
    larger in smaller sets. Means over DRAWS_AT_FLOOR_SIZE draws of both sides, real images by
    group as in the floor's halves. Empty where both sides have the floor's size already.
    """
    sizes = len(comparison.reference), len(comparison.synthetic)
    if floor.status != COMPUTED or set(sizes) == {floor.images}:
        return {}
    entries = [entry for entry in entries if entry.depends_on_number]
    seed, groups = comparison.seed, comparison.groups
    by: SplitBy = "image" if groups is None else "subject"
    codes = np.arange(sizes[0]) if groups is None else groups
    pool = _pool(codes, seed)
    splits = draw_splits(codes[pool], floor.images, DRAWS_AT_FLOOR_SIZE, seed, by)
    generator = np.random.default_rng((seed, SIZE_DRAW))
    chosen = [generator.permutation(sizes[1])[: floor.images] for _ in splits]
    whole = Comparison(comparison.reference, comparison.synthetic, resamples=0, threads=1)

    def of_draw(drawn: tuple[Split, Ints]) -> list[MetricRecord]:
        split, index = drawn
        return measured(whole.subset(pool[split.first], index), entries)

    found: dict[str, list[float]] = {}
    readings = in_threads(of_draw, zip(splits, chosen, strict=True), workers)
    shown = f"{comparison.name} at the noise floor's size"
    for records in progress(readings, shown, "draws", total=len(splits)):
        for record in records:
            if record.value is not None:
                found.setdefault(record.metric, []).append(record.value)
    return {metric: float(np.mean(values)) for metric, values in found.items()}


class PairDraws(NamedTuple):
    """Two sets of real images, drawn anew again and again: images of each, (draws, images)."""

    first: Ints
    second: Ints

    @classmethod
    def of(cls, groups: Ints, images: int, draws: int, seed: int) -> "PairDraws":
        """Groups are drawn with replacement; groups: each image's, (N,)."""
        generator = np.random.default_rng((seed, PAIR_DRAW))
        first, second = (_drawn(groups, images, draws, generator) for _ in range(2))
        # Images of a group were drawn together; pairs of equal place must not be theirs alone.
        return cls(first, generator.permuted(second, axis=1))

    def means(self, table: Floats, groups: Ints, *, all_pairs: bool) -> Floats:
        """Means over pairs of the two sets, (draws,); nan where a draw leaves no pair.

        table: (N, N), the value of every pair; infinite ones are left out, as identical images have
        them in PSNR, and so are pairs of one group. all_pairs: the mean over all pairs of both
        sets, or over as many random pairs as a set has images.
        """
        counted = (groups[:, None] != groups[None, :]) & np.isfinite(table)
        values = np.where(counted, table, 0.0)
        if not all_pairs:
            pairs = counted[self.first, self.second].sum(axis=1)
            return ratio(values[self.first, self.second].sum(axis=1), pairs, np.nan)
        # How often each image is in each draw.
        a, b = np.array(
            [[np.bincount(row, minlength=len(table)) for row in each] for each in self],
            dtype=np.float64,
        )
        sums = np.einsum("rn,rn->r", a @ values, b)
        pairs = np.einsum("rn,rn->r", a @ counted.astype(np.float64), b)
        return ratio(sums, pairs, np.nan)


def _drawn(groups: Ints, images: int, draws: int, generator: np.random.Generator) -> Ints:
    """Images of groups drawn with replacement, (draws, images); of the last group the first."""
    _, codes, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    by_group = np.argsort(codes, kind="stable")
    starts = np.cumsum(sizes) - sizes
    # As many groups as images are enough, whatever their sizes.
    chosen = generator.integers(len(sizes), size=(draws, images))
    drawn = np.empty((draws, images), dtype=np.int64)
    for row, group in zip(drawn, chosen, strict=True):
        counts = sizes[group]
        ends = np.cumsum(counts)
        places = np.arange(images) - np.repeat(ends - counts, counts)[:images]
        row[:] = by_group[np.repeat(starts[group], counts)[:images] + places]
    return drawn


def _pool(codes: Ints, seed: int) -> Ints:
    """The images to split, in order: all of them, or groups, drawn, up to MOST_IMAGES images; of a
    large group, images are drawn, so that there are always several groups."""
    if len(codes) <= MOST_IMAGES:
        return np.arange(len(codes))
    generator = np.random.default_rng((seed, POOL_DRAW))
    taken: list[Ints] = []
    left = MOST_IMAGES
    for group in generator.permutation(np.unique(codes)):
        members = generator.permutation(np.flatnonzero(codes == group))[: MOST_IMAGES // 4]
        if len(members) <= left:
            taken.append(members)
            left -= len(members)
        if left == 0:
            break
    return np.sort(np.concatenate(taken))
