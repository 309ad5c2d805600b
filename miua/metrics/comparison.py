"""What the metrics of one comparison share: the two sides, their features, their pairs.

Everything is made when a metric first asks for it, and once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from miua.errors import MissingExtraError, MiuaError
from miua.files import sha256_array
from miua.metrics.efficientnet import EFFICIENTNET as EFFICIENTNET
from miua.metrics.efficientnet import SHA256, TITLE, EfficientNetLite0
from miua.metrics.extractors import FeatureExtractor, cached_features, check_identity
from miua.metrics.inception import LAYER, InceptionNetwork
from miua.metrics.inception_weights import (
    InceptionWeights,
    NotComputedError,
    find_inception_weights,
)
from miua.metrics.lbp import lbp_histogram
from miua.metrics.mutual_information import BINS
from miua.metrics.records import MetricValue, interval, mean_of
from miua.metrics.squared_error import ROWS_AT_ONCE, SQUARED_ERROR, nearest_neighbours
from miua.metrics.stacks import Floats, Ints, PairValue, Stack

# Names of the extractors that are there beside EfficientNet: Inception, and the LBP counts.
INCEPTION, LBP = "inception", "lbp"

Pairing = Literal["all", "nearest", "index"]
PAIRINGS: dict[Pairing, str] = {
    "all": "all pairs",
    "nearest": "each synthetic image and the real one that differs least from it",
    "index": "pairs of equal index",
}

RESAMPLES = 1000
HALVES = 100

Made = TypeVar("Made")


@dataclass(frozen=True)
class Extractors:
    """The feature extractors that are there, by name, and of the others why they are not."""

    known: dict[str, FeatureExtractor] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    @classmethod
    def ready(
        cls,
        *,
        inception_weights: str | Path | InceptionWeights | None = None,
        others: Sequence[FeatureExtractor] = (),
        device: str | None = None,
    ) -> Extractors:
        """Inception and EfficientNet, if their weights are found, and the others.

        inception_weights: None looks in the usual places; NotComputedError if a file that was named
        is not the published one. MiuaError: two of one name, or a placeholder for a SHA-256.
        """
        _check_names([each.name for each in others])
        for each in others:
            check_identity(each)
        known: dict[str, FeatureExtractor] = {}
        missing: dict[str, str] = {}
        if isinstance(inception_weights, str | Path):
            # A file that was named must be right; better to say so before any work than after it.
            inception_weights = find_inception_weights(Path(inception_weights))
        make: dict[str, Callable[[], FeatureExtractor]] = {
            INCEPTION: lambda: InceptionNetwork(
                inception_weights or find_inception_weights(), device
            ),
            EFFICIENTNET: lambda: EfficientNetLite0(device),
        }
        for name, made in make.items():
            try:
                known[name] = made()
            except (NotComputedError, MissingExtraError) as error:
                missing[name] = str(error)
        return cls(known | {each.name: each for each in others}, missing)

    def describe(self, name: str) -> str:
        """Which features, in words."""
        known = self.known.get(name)
        if name == LBP:
            return "LBP histograms (P=8, R=1)"
        if name == INCEPTION:
            layer, weights = LAYER, ""
            if isinstance(known, InceptionNetwork):
                layer, weights = known.layer, f", weights {known.weights.sha256[:8]}"
            return f"torch-fidelity's Inception features '{layer}'{weights}"
        if name == EFFICIENTNET:
            return f"{TITLE} features, weights {SHA256[:8]}"
        return f"features of {name}" + (f", {known.sha256[:8]}" if known else "")


def _check_names(names: Sequence[str]) -> None:
    """Metrics are named after the extractor, so a name must be its own."""
    for place, name in enumerate(names):
        if name in (INCEPTION, LBP, EFFICIENTNET, *names[:place]):
            why = "there is another of this name"
        elif name.endswith("_infinity"):
            why = "extrapolated distances end in these words"
        else:
            continue
        raise MiuaError(
            f"A feature extractor cannot be named {name!r}: {why}. Rename its file, or give "
            "it another name."
        )


@dataclass(eq=False)
class Side:
    """One image stack, and what was made of it: features of its images, and the like.

    keep: whether the extractors' features go into the cache for the next time. made: the features
    that there are already, by extractor.
    """

    images: Stack
    extractors: Extractors = field(default_factory=Extractors)
    threads: int = 0
    keep: bool = True
    made: dict[str, NDArray[Any]] = field(default_factory=dict)
    _once: dict[str, Any] = field(default_factory=dict, init=False)

    def __len__(self) -> int:
        return len(self.images)

    def features(self, name: str) -> NDArray[Any]:
        """Features (N, d) of an extractor, or the LBP counts (N, 256); NotComputedError if that
        extractor is not there."""
        if name not in self.made:
            if name in self.extractors.missing:
                raise NotComputedError(self.extractors.missing[name])
            self.made[name] = (
                lbp_histogram(self.images, threads=self.threads)
                if name == LBP
                else cached_features(self.extractors.known[name], self.images, cache=self.keep)
            )
        return self.made[name]

    def once(self, name: str, make: Callable[[], Made]) -> Made:
        """What a metric needs of one side alone: made by `make` the first time it is asked for."""
        if name not in self._once:
            self._once[name] = make()
        made: Made = self._once[name]
        return made

    @cached_property
    def lbpv(self) -> Floats:
        """The LBP vector, (256,)."""
        return np.asarray(self.features(LBP).mean(axis=0))

    def subset(self, index: Ints) -> Side:
        """Some of the images, with the features that were made already."""
        made = {name: features[index] for name, features in self.made.items()}
        return Side(self.images[index], self.extractors, self.threads, made=made)


@dataclass(eq=False)
class Comparison:
    """One synthetic set beside the reference.

    name: of the set. groups: each reference image's group (subject), (N,), or None.
    resamples, seed: of the bootstrap of the synthetic images; with 0 there are no intervals. The
    draws depend on the seed and the images, so that sets of equal size are not resampled in step.
    tables: by the name of what is computed of a pair, the table (N, M) of all pairs, where it is
    there already. shares_done: by the same name, or that of a metric, how much of it is done, 0 to
    1, for whoever shows the progress; written while it is computed.
    """

    reference: Side
    synthetic: Side
    _: KW_ONLY
    name: str = "synthetic"
    groups: Ints | None = None
    pairing: Pairing = "all"
    bins: int = BINS
    resamples: int = RESAMPLES
    seed: int = 0
    threads: int = 0
    tables: dict[str, Floats] = field(default_factory=dict)
    shares_done: dict[str, float] = field(default_factory=dict)

    def subset(self, reference: Ints, synthetic: Ints) -> Comparison:
        """Some images of both sides, by index, with what was made of them already. An index that
        occurs several times makes copies."""
        places = np.ix_(reference, synthetic)
        return replace(
            self,
            reference=self.reference.subset(reference),
            synthetic=self.synthetic.subset(synthetic),
            groups=None,
            tables={name: table[places] for name, table in self.tables.items()},
            shares_done={},
        )

    @cached_property
    def drawn(self) -> Floats:
        """How often each synthetic image is in each resample: (resamples, M)."""
        return bootstrap_counts(len(self.synthetic), self.resamples, self._own_seed)

    @cached_property
    def halves(self) -> Floats:
        """Random halves of the synthetic images, (<= HALVES, M): resamples for distances, which
        a bootstrap biases upwards and which cost more than a mean."""
        halves = min(HALVES, self.resamples)
        return half_samples(len(self.synthetic), halves, seed=self._own_seed)

    @cached_property
    def _own_seed(self) -> int:
        seed = f"{self.seed} {sha256_array(self.synthetic.images)}"
        return int(sha256(seed.encode()).hexdigest(), 16)

    def describe(self, extractor: str) -> str:
        """Which features, in words."""
        return self.reference.extractors.describe(extractor)

    def features(
        self, name: str, *, fewest: int = 2, otherwise: str = ""
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Of both sides, reference first. NotComputedError: there is no such extractor, or a side
        has fewer than `fewest` images; `otherwise` says what so few images cannot do."""
        images = min(len(self.reference), len(self.synthetic))
        if images < 2:
            why = "a covariance needs two images"
            raise NotComputedError(why, "give both sides two images or more")
        if images < fewest:
            why = f"{images} images {otherwise}"
            raise NotComputedError(why, f"give both sides {fewest} images or more")
        return self.reference.features(name), self.synthetic.features(name)

    def mean_over_pairs(self, of_pair: PairValue) -> list[MetricValue]:
        """The mean over the pairs, identical ones left out whose value is infinite;
        NotComputedError if the images are too small."""
        images, smallest = self.reference.images, of_pair.smallest
        if min(images.shape[1:]) < smallest:
            why = f"its window has {smallest} x {smallest} pixels"
            raise NotComputedError(why, "give images of that size or more")
        sums, counts = np.zeros((2, len(self.synthetic)))  # over the pairs of each synthetic image
        for values in self._values(of_pair):
            found = of_pair.as_metric(values, images.dtype)
            finite = np.isfinite(found)
            sums += np.where(finite, found, 0.0).sum(axis=0)
            counts += finite.sum(axis=0)
        definition = f"{of_pair.definition.format(bins=self.bins)} over {PAIRINGS[self.pairing]}"
        pairs = len(self.synthetic) * (len(self.reference) if self.pairing == "all" else 1)
        if identical := pairs - int(counts.sum()):
            definition += f", {identical} identical pairs left out"
        value, resampled = mean_of(sums, counts, self.drawn)
        return [MetricValue(value, definition, interval(resampled), resampled)]

    @cached_property
    def partners(self) -> Ints:
        """The real image that each synthetic one is paired with, (M,); not for all pairs."""
        if self.pairing == "index":
            return np.arange(len(self.synthetic))
        if SQUARED_ERROR.name in self.tables:
            return np.asarray(self.tables[SQUARED_ERROR.name].argmin(axis=0))
        return nearest_neighbours(self.synthetic.images, self.reference.images).index

    def make_table(self, of_pair: PairValue) -> Floats:
        """Keep the table of all pairs, (N, M), for subsets, which then cost no measuring."""
        if of_pair.name not in self.tables:
            sides = self.reference.images, self.synthetic.images
            self.tables[of_pair.name] = of_pair.of_all(*sides, self.bins, self.threads)
        return self.tables[of_pair.name]

    def _values(self, of_pair: PairValue) -> Iterator[Floats]:
        """Floats of the pairs, (rows, M), in as many parts as memory asks for."""
        table, made = self.tables.get(of_pair.name), self.synthetic.images
        if self.pairing != "all" and table is not None:
            yield table[self.partners, np.arange(len(made))][None]
        elif self.pairing != "all":
            chosen = np.ascontiguousarray(self.reference.images[self.partners])
            yield of_pair.of_each(chosen, made, self.bins, self.threads)[None]
        elif table is not None:
            yield table
        else:
            for start in range(0, len(self.reference), ROWS_AT_ONCE):
                self.shares_done[of_pair.name] = start / len(self.reference)
                rows = self.reference.images[start : start + ROWS_AT_ONCE]
                yield of_pair.of_all(rows, made, self.bins, self.threads)


def bootstrap_counts(images: int, resamples: int, seed: int) -> Floats:
    """How often each image occurs in each resample of the set: (resamples, images)."""
    drawn = np.random.default_rng(seed).integers(images, size=(resamples, images))
    drawn += images * np.arange(resamples)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=resamples * images)
    return counts.reshape(resamples, images).astype(np.float64)


def half_samples(images: int, resamples: int, *, seed: int = 0) -> Floats:
    """Random halves of a set, no image twice: (resamples, images) of 0 and 1, to use as `drawn`.

    Floats over halves vary about their mean as the value of the whole set varies about its
    expectation: the variance of a mean over m / 2 images, s^2 / (m / 2), is halved by drawing from
    m without repetition, to s^2 / m. This is the delete-half jackknife (Shao and Wu, "A general
    theory for jackknife variance estimation", Annals of Statistics 17, 1989, 1176-1197). Half of an
    odd number is rounded down, so the spread is slightly too wide. ValueError: fewer than 2 images.
    """
    if images < 2:
        raise ValueError(f"half of a set needs two images or more, not {images}")
    generator = np.random.default_rng(seed)
    first = np.arange(images) < images // 2
    return generator.permuted(np.tile(first, (resamples, 1)), axis=1).astype(np.float64)
