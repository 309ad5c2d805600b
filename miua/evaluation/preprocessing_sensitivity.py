"""How much each choice of preparation moves each number: the same images, read otherwise.

Two papers that report one metric of one data set may differ by the resize filter alone (Parmar,
Zhang, Zhu, "On aliased resizing and surprising subtleties in GAN evaluation", CVPR 2022). Here
every choice is changed by itself, the others staying as they are in the evaluation.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from miua.data import ImageStack
from miua.data.reading import Resize
from miua.errors import MiuaError
from miua.evaluation.image_sets import Images, Reading
from miua.evaluation.measure import measured
from miua.evaluation.ranking import ranks_of
from miua.evaluation.result import Choice, Flip, PreprocessingSensitivity, Values
from miua.metrics.comparison import Comparison, Extractors, Side
from miua.metrics.inception import InceptionNetwork, Layer
from miua.metrics.registry import INCEPTION, REGISTRY, Entry, measure
from miua.progress import progress

METRICS = ("mutual_information", "psnr", "ssim", "lbpv_total_difference", "fd_lbp", "fid", "kid")


def walk(
    real: Images,
    sets: Mapping[str, Images],
    reading: Reading,
    extractors: Extractors,
    metrics: Sequence[str] = METRICS,
    **settings: Any,
) -> PreprocessingSensitivity:
    """Measure every set under every choice.

    metrics: those of METRICS among them are measured, and of "lbpv" its total difference.
    settings: of the comparisons, `miua.metrics.comparison.Comparison`.
    Images that have the asked size already are resized by no choice: for them only the bit depth
    and the Inception layer are choices. MiuaError: as in `check_walk`.
    """
    check_walk(real, reading, metrics)
    asked = {*metrics, *(["lbpv_total_difference"] if "lbpv" in metrics else [])}
    wanted = [REGISTRY[metric] for metric in METRICS if metric in asked]

    def values(other: Reading, entries: Sequence[Entry], found: Extractors) -> dict[str, Values]:
        """Of every set under this reading."""

        def side(images: Images, name: str) -> Side:
            return Side(_images(images, name, other), found, threads=settings["threads"])

        real_side = side(real, "real")
        by_set: dict[str, Values] = {}
        for name, images in sets.items():
            compared = Comparison(real_side, side(images, name), resamples=0, **settings)
            by_metric = {row.metric: row.value for row in measured(compared, entries)}
            by_set[name] = {metric: by_metric.get(metric) for metric in METRICS}
        return by_set

    own = f"{reading.resize}, antialiased, {reading.fit}, 8 bits"
    choices = [Choice("as measured", own, True, values(reading, wanted, extractors))]
    others = list(_other_readings(reading))
    for aspect, choice, other in progress(others, "Preprocessing", "choices"):
        choices.append(Choice(aspect, choice, False, values(other, wanted, extractors)))
    # SSIM and networks take 8 bits and have no value here.
    deep = [entry for entry in wanted if entry.deep]
    sixteen = values(replace(reading, depth=16), deep, extractors)
    choices.append(Choice("bit depth", "16 bits", False, sixteen))
    network = extractors.known.get(INCEPTION)
    of_layer = [entry for entry in wanted if entry.extractor == INCEPTION]
    if of_layer and isinstance(network, InceptionNetwork):
        for layer in get_args(Layer):
            if layer != network.layer:
                found = Extractors({**extractors.known, INCEPTION: network.of_layer(layer)})
                by_set = values(reading, of_layer, found)
                choices.append(Choice("Inception layer", layer, False, by_set))
    shown = tuple(
        entry.name
        for entry in wanted
        if any(each[entry.name] is not None for each in choices[0].values.values())
    )
    return PreprocessingSensitivity(shown, tuple(choices), tuple(_flips(choices, shown)))


def check_walk(real: Images, reading: Reading, metrics: Sequence[str] = METRICS) -> None:
    """MiuaError: nothing would be resized, the real images not in files, or nothing to measure."""
    if reading.size is None or isinstance(real, np.ndarray | ImageStack):
        raise MiuaError(
            "Preprocessing sensitivity prepares the images again in other ways: it needs image "
            "files and the size they are resized to (--size N)."
        )
    if not {*METRICS, "lbpv"} & set(metrics):
        raise MiuaError(
            f"Preprocessing sensitivity measures {', '.join(METRICS)}, and none of them is asked "
            "for. Add one to the metrics, or leave preprocessing sensitivity out."
        )


def _other_readings(reading: Reading) -> Iterator[tuple[str, str, Reading]]:
    for name in get_args(Resize):
        if name != reading.resize:
            yield "resize filter", name, replace(reading, resize=name)
    yield "antialiasing", "off", replace(reading, antialias=False)
    if reading.fit == "stretch":
        yield "fit", "crop", replace(reading, fit="crop")
    else:
        yield "fit", "stretch", replace(reading, fit="stretch", crop_size=None)


def _images(images: Images, name: str, reading: Reading) -> NDArray[Any]:
    """As they are read; at 16 bits, what is in memory with 8 is scaled as a file's are."""
    stack = reading.read(images, name)[0].images
    if reading.depth == 16 and stack.dtype == np.uint8:
        return stack.astype(np.uint16) * 257
    return stack


def _flips(choices: Sequence[Choice], metrics: Sequence[str]) -> Iterator[Flip]:
    baseline = choices[0]
    for metric in metrics:
        before = _ranks(baseline.values, metric)
        if before is None:
            continue
        expected = _order(before, before)
        for choice in choices[1:]:
            ranks = _ranks(choice.values, metric)
            # Two sets that both choices tell apart have changed places.
            if ranks and any(
                before[first] < before[second] and ranks[first] > ranks[second]
                for first, second in permutations(ranks, 2)
            ):
                found = _order(ranks, before)
                yield Flip(metric, f"{choice.aspect}: {choice.choice}", found, expected)


def _ranks(values: dict[str, Values], metric: str) -> dict[str, int] | None:
    """Each set's rank, equal values sharing one; None where a set has no value."""
    numbers = [each[metric] for each in values.values()]
    if len(numbers) < 2 or any(number is None for number in numbers):
        return None
    ranks = ranks_of(np.array(numbers, dtype=np.float64)[:, None], measure(metric).better)[:, 0]
    return dict(zip(values, ranks.tolist(), strict=True))


def _order(ranks: dict[str, int], before: dict[str, int]) -> tuple[str, ...]:
    """The sets, the best first; those of equal values stay in the order of the evaluation."""
    return tuple(sorted(ranks, key=lambda name: (ranks[name], before[name])))
