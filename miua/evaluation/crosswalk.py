"""How much each choice of preparation moves each number: the same images, read otherwise.

Two papers that report one metric of one data set may differ by the resize filter alone (Parmar,
Zhang, Zhu, "On aliased resizing and surprising subtleties in GAN evaluation", CVPR 2022). Here
every choice is changed by itself, the others staying as they are in the evaluation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from miua.data import ImageStack
from miua.data.resize import Resize
from miua.errors import MiuaError
from miua.evaluation.comparison import Comparison, Extractors, Pairing, Side
from miua.evaluation.measure import measure_comparison
from miua.evaluation.ranking import ranks_of
from miua.evaluation.reading import Images, Reading
from miua.evaluation.records import COMPUTED
from miua.metrics.frechet import frechet_distance
from miua.metrics.inception import InceptionNetwork, Layer
from miua.metrics.lbp import lbp_histogram
from miua.metrics.measures import INCEPTION, measure
from miua.metrics.mutual_information import mutual_information_all_pairs
from miua.metrics.psnr import decibels, mean_squared_error_all_pairs
from miua.progress import progress

METRICS = ("mutual_information", "psnr", "ssim", "lbpv_total_difference", "fd_lbp", "fid", "kid")
LAYER_METRICS = ("fid", "kid")
DEEP_RANGE = 65535

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
    """A ranking that another choice turns over: `metric` under `choice`, and both orders."""

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
) -> Crosswalk:
    """Measure every set under every choice; parameters are those of `miua.evaluate`.

    Images that have the asked size already are resized by no choice: for them only the bit depth
    and the Inception layer are choices. MiuaError: no size, so that nothing is resized; or the
    real images are not in files.
    """
    if reading.size is None or isinstance(real, np.ndarray | ImageStack):
        raise MiuaError(
            "A crosswalk prepares the images again in other ways: it needs image files and the "
            "size they are resized to (--size N)."
        )
    rooms = _Rooms(real, sets, extractors, pairing, bins, threads)
    choices = [Choice("as measured", _words(reading), True, rooms.measured(reading))]
    others = list(_other_readings(reading))
    for aspect, choice, other in progress(others, "Crosswalk", "choices"):
        choices.append(_tried(rooms, aspect, choice, other))
    choices.append(Choice("bit depth", "16 bits", False, rooms.measured_deep(reading)))
    network = extractors.known.get(INCEPTION)
    if isinstance(network, InceptionNetwork):
        for layer in get_args(Layer):
            if layer != network.layer:
                values = rooms.measured(reading, LAYER_METRICS, network.of_layer(layer))
                choices.append(Choice("Inception layer", layer, False, values))
    metrics = tuple(
        metric
        for metric in METRICS
        if any(each[metric] is not None for each in choices[0].values.values())
    )
    return Crosswalk(metrics, tuple(choices), tuple(_flips(choices, metrics)))


def _tried(rooms: _Rooms, aspect: str, choice: str, reading: Reading) -> Choice:
    """A choice that some images do not allow, such as a crop larger than they are, is told."""
    try:
        return Choice(aspect, choice, False, rooms.measured(reading))
    except MiuaError as error:
        nothing: dict[str, Values] = {name: dict.fromkeys(METRICS) for name in rooms.sets}
        reason = str(error).splitlines()[0]
        return Choice(aspect, choice, False, nothing, f"not computed: {reason}")


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
        metrics: Sequence[str] = METRICS,
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

    def measured_deep(self, reading: Reading) -> dict[str, Values]:
        """The same from images whose grey values were rounded to 16 bits instead of 8.

        MI bins them by the same shares of the range, PSNR has the data range 65535; LBP compares
        them as they are. SSIM and networks take 8 bits and have no value here.
        """
        deep = replace(reading, depth=16)
        real = deep.read(self.real, "real")[0].images
        return {
            name: _deep_values(_deep(deep, images, name), real, self)
            for name, images in self.sets.items()
        }


def _deep(reading: Reading, images: Images, name: str) -> NDArray[Any]:
    """16 bits of a set; what is in memory already has 8, which are scaled as a file's are."""
    stack = reading.read(images, name)[0].images
    return stack if stack.dtype == np.uint16 else stack.astype(np.uint16) * 257


def _deep_values(synthetic: NDArray[Any], real: NDArray[Any], rooms: _Rooms) -> Values:
    values: Values = dict.fromkeys(METRICS)
    counts = [lbp_histogram(stack, threads=rooms.threads) for stack in (real, synthetic)]
    means = [each.mean(axis=0) for each in counts]
    values["lbpv_total_difference"] = float(np.abs(means[0] - means[1]).sum())
    if min(len(real), len(synthetic)) > 1:
        values["fd_lbp"] = frechet_distance(*counts)
    if rooms.pairing == "all":
        errors = mean_squared_error_all_pairs(real, synthetic)
        ratios = decibels(errors, DEEP_RANGE)
        values["psnr"] = float(ratios[np.isfinite(ratios)].mean())
        # 256 levels of the upper byte are enough: a bin is made of whole ones.
        upper, others = ((stack >> 8).astype(np.uint8) for stack in (real, synthetic))
        information = mutual_information_all_pairs(upper, others, rooms.bins, threads=rooms.threads)
        values["mutual_information"] = float(information.mean())
    return values


def _flips(choices: Sequence[Choice], metrics: Sequence[str]) -> Iterator[Flip]:
    baseline = choices[0]
    for metric in metrics:
        expected = _order(baseline.values, metric)
        for choice in choices[1:]:
            found = _order(choice.values, metric)
            if found is not None and expected is not None and found != expected:
                yield Flip(metric, f"{choice.aspect}: {choice.choice}", found, expected)


def _order(values: dict[str, Values], metric: str) -> tuple[str, ...] | None:
    """The sets, the best first; None where one has no value."""
    numbers = [each[metric] for each in values.values()]
    if len(numbers) < 2 or any(number is None for number in numbers):
        return None
    ranks = ranks_of(np.array(numbers, dtype=np.float64)[:, None], measure(metric).better)[:, 0]
    return tuple(np.array(list(values))[np.argsort(ranks, kind="stable")].tolist())
