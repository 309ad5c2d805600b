"""How much each choice of preparation moves each number: the same images, read otherwise.

Two papers that report one metric of one data set may differ by the resize filter alone (Parmar,
Zhang, Zhu, "On aliased resizing and surprising subtleties in GAN evaluation", CVPR 2022). Here
every choice is changed by itself, the others staying as they are in the evaluation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import permutations
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from miua.data import ImageStack
from miua.data.reading import Resize
from miua.errors import MiuaError
from miua.evaluation.comparison import Comparison, Extractors, PairColumns, Pairing, Side
from miua.evaluation.measure import measure_comparison
from miua.evaluation.ranking import ranks_of
from miua.evaluation.reading import Images, Reading
from miua.evaluation.records import COMPUTED
from miua.metrics.frechet import frechet_distance
from miua.metrics.inception import InceptionNetwork, Layer
from miua.metrics.lbp import lbp_histogram
from miua.metrics.measures import INCEPTION, Measure, measure
from miua.metrics.psnr import DATA_RANGE_16, decibels
from miua.progress import progress

METRICS = ("mutual_information", "psnr", "ssim", "lbpv_total_difference", "fd_lbp", "fid", "kid")
LAYER_METRICS = ("fid", "kid")

Values = dict[str, float | None]


@dataclass(frozen=True)
class Choice:
    """One way to prepare the images, and what the metrics then are.

    Attributes:
        aspect: what was chosen: "as measured", "resize filter", "antialiasing", "fit",
            "bit depth" or "Inception layer".
        choice: which: "bicubic", "crop", "16 bits", ...
        baseline: whether it is the evaluation's own.
        values: by set and metric; None where it was not computed.
        status: "computed", or "not computed: <why>".
    """

    aspect: str
    choice: str
    baseline: bool
    values: dict[str, Values]
    status: str = COMPUTED


@dataclass(frozen=True)
class Flip:
    """A ranking that another choice turns over: `metric` under `choice`, and both orders.

    Two sets at least have changed places; a tie turns nothing over.
    """

    metric: str
    choice: str
    order: tuple[str, ...]
    baseline_order: tuple[str, ...]


@dataclass(frozen=True)
class Crosswalk:
    """All choices, the evaluation's own first, and the rankings they flip."""

    metrics: tuple[str, ...]
    choices: tuple[Choice, ...]
    flips: tuple[Flip, ...]


def walk(
    real: Images,
    sets: dict[str, Images],
    reading: Reading,
    extractors: Extractors,
    *,
    pairing: Pairing,
    bins: int,
    threads: int,
    metrics: Sequence[str] = METRICS,
) -> Crosswalk:
    """Measure every set under every choice; parameters are those of `miua.evaluate`.

    metrics: those of METRICS among them are measured, and of "lbpv" its total difference.
    Images that have the asked size already are resized by no choice: for them only the bit depth
    and the Inception layer are choices. MiuaError: as in `check_walk`.
    """
    check_walk(real, reading, metrics)
    asked = {*metrics, *(["lbpv_total_difference"] if "lbpv" in metrics else [])}
    wanted = tuple(metric for metric in METRICS if metric in asked)
    rooms = _Rooms(real, sets, extractors, pairing, bins, threads)
    choices = [Choice("as measured", _words(reading), True, rooms.measured(reading, wanted))]
    others = list(_other_readings(reading))
    for aspect, choice, other in progress(others, "Crosswalk", "choices"):
        choices.append(Choice(aspect, choice, False, rooms.measured(other, wanted)))
    choices.append(Choice("bit depth", "16 bits", False, rooms.measured_deep(reading, wanted)))
    network = extractors.known.get(INCEPTION)
    deep = tuple(metric for metric in LAYER_METRICS if metric in wanted)
    if deep and isinstance(network, InceptionNetwork):
        for layer in get_args(Layer):
            if layer != network.layer:
                values = rooms.measured(reading, deep, network.of_layer(layer))
                choices.append(Choice("Inception layer", layer, False, values))
    found = tuple(
        metric
        for metric in wanted
        if any(each[metric] is not None for each in choices[0].values.values())
    )
    return Crosswalk(found, tuple(choices), tuple(_flips(choices, found)))


def check_walk(real: Images, reading: Reading, metrics: Sequence[str] = METRICS) -> None:
    """MiuaError: nothing would be resized, the real images not in files, or nothing to measure."""
    if reading.size is None or isinstance(real, np.ndarray | ImageStack):
        raise MiuaError(
            "A crosswalk prepares the images again in other ways: it needs image files and the "
            "size they are resized to (--size N)."
        )
    if not {*METRICS, "lbpv"} & set(metrics):
        raise MiuaError(
            f"A crosswalk measures {', '.join(METRICS)}, and none of them is asked for. "
            "Add one to the metrics, or leave the crosswalk out."
        )


def in_per_cent(metric: Measure, value: float, before: float) -> bool:
    """Whether a change is fit to be told as a share: not of a value at 0 or below, nor of KID,
    which is unbiased and so lies around 0 for sets that hardly differ."""
    return metric.name != "kid" and value > 0 and before > 0


def _other_readings(reading: Reading) -> Iterator[tuple[str, str, Reading]]:
    for name in get_args(Resize):
        if name != reading.resize:
            yield "resize filter", name, replace(reading, resize=name)
    yield "antialiasing", "off", replace(reading, antialias=False)
    if reading.fit == "stretch":
        yield "fit", "crop", replace(reading, fit="crop")
    else:
        yield "fit", "stretch", replace(reading, fit="stretch", crop_size=None)


def _words(reading: Reading) -> str:
    return f"{reading.resize}, antialiased, {reading.fit}, 8 bits"


@dataclass(frozen=True)
class _Rooms:
    """What stays the same under every choice."""

    real: Images
    sets: dict[str, Images]
    extractors: Extractors
    pairing: Pairing
    bins: int
    threads: int

    def measured(
        self,
        reading: Reading,
        metrics: Sequence[str],
        network: InceptionNetwork | None = None,
    ) -> dict[str, Values]:
        """The values of every set under this reading, and with this network if one is given."""
        extractors = self.extractors
        if network is not None:
            extractors = Extractors({**extractors.known, INCEPTION: network})
        side = Side(reading.read(self.real, "real")[0].images, extractors, threads=self.threads)
        return {
            name: self._values(side, reading, images, name, metrics)
            for name, images in self.sets.items()
        }

    def _values(
        self, real: Side, reading: Reading, images: Images, name: str, metrics: Sequence[str]
    ) -> Values:
        stack = reading.read(images, name)[0]
        comparison = Comparison(
            real,
            Side(stack.images, real.extractors, threads=self.threads),
            pairing=self.pairing,
            bins=self.bins,
            resamples=0,
            threads=self.threads,
        )
        found = measure_comparison(comparison, name, metrics).records
        values = {record.metric: record.value for record in found}
        return {metric: values.get(metric) for metric in METRICS}

    def measured_deep(self, reading: Reading, metrics: Sequence[str]) -> dict[str, Values]:
        """The same from images whose grey values were rounded to 16 bits instead of 8.

        MI bins them by the same shares of the range, PSNR has the data range 65535; LBP compares
        them as they are. SSIM and networks take 8 bits and have no value here.
        """
        deep = replace(reading, depth=16)
        real = deep.read(self.real, "real")[0].images
        return {
            name: _deep_values(_deep(deep, images, name), real, metrics, self)
            for name, images in self.sets.items()
        }

    def paired(
        self, real: NDArray[Any], synthetic: NDArray[Any], *, chosen: bool = False
    ) -> Comparison:
        """Two stacks beside each other. chosen: `real` holds each synthetic image's partner
        already, unless all pairs are taken."""
        return Comparison(
            Side(real),
            Side(synthetic),
            pairing="index" if chosen and self.pairing != "all" else self.pairing,
            bins=self.bins,
            resamples=0,
            threads=self.threads,
        )


def _deep(reading: Reading, images: Images, name: str) -> NDArray[Any]:
    """16 bits of a set; what is in memory already has 8, which are scaled as a file's are."""
    stack = reading.read(images, name)[0].images
    return stack if stack.dtype == np.uint16 else stack.astype(np.uint16) * 257


def _deep_values(
    synthetic: NDArray[Any], real: NDArray[Any], metrics: Sequence[str], rooms: _Rooms
) -> Values:
    values: Values = dict.fromkeys(METRICS)
    counts = [lbp_histogram(stack, threads=rooms.threads) for stack in (real, synthetic)]
    means = [each.mean(axis=0) for each in counts]
    if "lbpv_total_difference" in metrics:
        values["lbpv_total_difference"] = float(np.abs(means[0] - means[1]).sum())
    if "fd_lbp" in metrics and min(len(real), len(synthetic)) > 1:
        values["fd_lbp"] = frechet_distance(*counts)
    if rooms.pairing != "all" and {"psnr", "mutual_information"} & set(metrics):
        real = real[rooms.paired(real, synthetic).partners]
    if "psnr" in metrics:
        ratios = partial(decibels, data_range=DATA_RANGE_16)
        values["psnr"] = _mean(rooms.paired(real, synthetic, chosen=True).columns("error", ratios))
    if "mutual_information" in metrics:
        # 256 levels of the upper byte are enough: a bin is made of whole ones.
        upper, others = ((stack >> 8).astype(np.uint8) for stack in (real, synthetic))
        information = rooms.paired(upper, others, chosen=True).columns("information")
        values["mutual_information"] = _mean(information)
    return values


def _mean(columns: PairColumns) -> float:
    """Over all pairs with a finite value; inf where there are none, as all are identical."""
    pairs = columns.counts.sum()
    return float(columns.sums.sum() / pairs) if pairs else np.inf


def _flips(choices: Sequence[Choice], metrics: Sequence[str]) -> Iterator[Flip]:
    baseline = choices[0]
    for metric in metrics:
        before = _ranks(baseline.values, metric)
        if before is None:
            continue
        expected = _order(before, before)
        for choice in choices[1:]:
            ranks = _ranks(choice.values, metric)
            if ranks is not None and _turned(ranks, before):
                found = _order(ranks, before)
                yield Flip(metric, f"{choice.aspect}: {choice.choice}", found, expected)


def _ranks(values: dict[str, Values], metric: str) -> dict[str, int] | None:
    """Each set's rank, equal values sharing one; None where a set has no value."""
    numbers = [each[metric] for each in values.values()]
    if len(numbers) < 2 or any(number is None for number in numbers):
        return None
    ranks = ranks_of(np.array(numbers, dtype=np.float64)[:, None], measure(metric).better)[:, 0]
    return dict(zip(values, ranks.tolist(), strict=True))


def _turned(ranks: dict[str, int], before: dict[str, int]) -> bool:
    """Whether any two sets that both choices tell apart have changed places."""
    return any(
        before[first] < before[second] and ranks[first] > ranks[second]
        for first, second in permutations(ranks, 2)
    )


def _order(ranks: dict[str, int], before: dict[str, int]) -> tuple[str, ...]:
    """The sets, the best first; those of equal values stay in the order of the evaluation."""
    return tuple(sorted(ranks, key=lambda name: (ranks[name], before[name])))
