"""What the metrics of one comparison share: the two sides, their features, their pairs.

Everything is made when a metric first asks for it, and once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from miua.errors import MissingExtraError, MiuaError
from miua.files import sha256_array
from miua.metrics.extractors import FeatureExtractor
from miua.metrics.feature_cache import cached_features
from miua.metrics.frechet import half_samples
from miua.metrics.inception import InceptionNetwork
from miua.metrics.inception_weights import (
    InceptionWeights,
    NotComputedError,
    find_inception_weights,
)
from miua.metrics.lbp import lbp_histogram
from miua.metrics.measures import INCEPTION, LBP
from miua.metrics.mutual_information import (
    BINS,
    mutual_information,
    mutual_information_all_pairs,
)
from miua.metrics.psnr import (
    mean_squared_error,
    mean_squared_error_all_pairs,
    nearest_neighbours,
)
from miua.metrics.ssim import structural_similarity, structural_similarity_all_pairs

Pairing = Literal["all", "nearest", "index"]
PAIRINGS: dict[Pairing, str] = {
    "all": "all pairs",
    "nearest": "each synthetic image and the real one that differs least from it",
    "index": "pairs of equal index",
}
# What is computed of a pair of images. PSNR follows from the mean squared error.
PairKind = Literal["information", "error", "similarity"]

RESAMPLES = 1000
HALVES = 100
ROWS_AT_ONCE = 256  # so that memory does not grow with the product of the numbers of images


class MissingFeaturesError(Exception):
    """Why an extractor is not there, and how to get it."""


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
        """Inception, if its weights are found, and the others.

        inception_weights: the file, or None to look in the usual places. NotComputedError: the
        file that was named is not there or not the published one.
        """
        known = {each.name: each for each in others}
        _check_names([each.name for each in others])
        if isinstance(inception_weights, str | Path):
            # A file that was named must be right; better to say so before any work than after it.
            inception_weights = find_inception_weights(Path(inception_weights))
        try:
            network = InceptionNetwork(inception_weights or find_inception_weights(), device)
        except (NotComputedError, MissingExtraError) as error:
            return cls(known, {INCEPTION: str(error)})
        return cls({INCEPTION: network, **known})


def _check_names(names: Sequence[str]) -> None:
    """Metrics are named after the extractor, so a name must be its own."""
    taken = [INCEPTION, LBP]
    for name in names:
        why = ""
        if name in taken:
            why = "there is another of this name"
        elif name.endswith("_infinity"):
            why = "extrapolated distances end in these words"
        if why:
            raise MiuaError(
                f"A feature extractor cannot be named {name!r}: {why}. Rename its file, or give "
                "it another name."
            )
        taken.append(name)


class Side:
    """One image stack and the features of its images."""

    def __init__(
        self,
        images: NDArray[np.uint8],
        extractors: Extractors | None = None,
        *,
        threads: int = 0,
        made: dict[str, NDArray[Any]] | None = None,
    ) -> None:
        self.images = images
        self.extractors = extractors or Extractors()
        self.threads = threads
        self._made = made if made is not None else {}

    def __len__(self) -> int:
        return len(self.images)

    def features(self, name: str) -> NDArray[Any]:
        """Features (N, d) of an extractor, or the LBP counts (N, 256).

        MissingFeaturesError: that extractor is not there.
        """
        if name not in self._made:
            if name in self.extractors.missing:
                raise MissingFeaturesError(self.extractors.missing[name])
            self._made[name] = (
                lbp_histogram(self.images, threads=self.threads)
                if name == LBP
                else cached_features(self.extractors.known[name], self.images)
            )
        return self._made[name]

    def subset(self, index: NDArray[np.int64]) -> Side:
        """Some of the images, with the features that were made already."""
        made = {name: features[index] for name, features in self._made.items()}
        return Side(self.images[index], self.extractors, threads=self.threads, made=made)


class PairColumns(NamedTuple):
    """For each synthetic image: the sum over its pairs, (M,), and how many pairs, (M,)."""

    sums: NDArray[np.float64]
    counts: NDArray[np.float64]


class Comparison:
    """One synthetic set beside the reference.

    tables: of a kind of pair, the table (N, M) of all pairs, where it is there already.
    resamples, seed: of the bootstrap; with 0 there are no intervals. The draws of real images
    depend on the seed alone, as all sets face the same ones; those of synthetic images also on
    the images, so that sets of equal size are not resampled in step.
    """

    def __init__(
        self,
        reference: Side,
        synthetic: Side,
        *,
        pairing: Pairing = "all",
        bins: int = BINS,
        resamples: int = RESAMPLES,
        seed: int = 0,
        threads: int = 0,
        tables: dict[PairKind, NDArray[np.float64]] | None = None,
    ) -> None:
        self.reference = reference
        self.synthetic = synthetic
        self.pairing = pairing
        self.bins = bins
        self.resamples = resamples
        self.seed = seed
        self.threads = threads
        self._tables = tables or {}

    @cached_property
    def drawn(self) -> NDArray[np.float64]:
        """How often each synthetic image is in each resample: (resamples, M)."""
        return bootstrap_counts(len(self.synthetic), self.resamples, self._own_seed)

    @cached_property
    def drawn_reference(self) -> NDArray[np.float64]:
        """The same of the real images, for the metrics that are a mean over them."""
        return bootstrap_counts(len(self.reference), self.resamples, self.seed)

    @cached_property
    def halves(self) -> NDArray[np.float64]:
        """Random halves of the synthetic images, (<= HALVES, M): resamples for distances, which
        a bootstrap biases upwards and which cost more than a mean."""
        halves = min(HALVES, self.resamples)
        return half_samples(len(self.synthetic), halves, seed=self._own_seed)

    @cached_property
    def _own_seed(self) -> int:
        return int(
            sha256(f"{self.seed} {sha256_array(self.synthetic.images)}".encode()).hexdigest(), 16
        )

    def features(self, name: str) -> tuple[NDArray[Any], NDArray[Any]]:
        """Of both sides, reference first; errors as of `Side.features`."""
        return self.reference.features(name), self.synthetic.features(name)

    def columns(
        self,
        kind: PairKind,
        of_pair: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None = None,
    ) -> PairColumns:
        """Sums over each synthetic image's pairs; infinite values of pairs are left out."""
        sums, counts = np.zeros(len(self.synthetic)), np.zeros(len(self.synthetic))
        for values in self._values(kind):
            found = of_pair(values) if of_pair else values
            finite = np.isfinite(found)
            sums += np.where(finite, found, 0.0).sum(axis=0)
            counts += finite.sum(axis=0)
        return PairColumns(sums, counts)

    @cached_property
    def partners(self) -> NDArray[np.int64]:
        """The real image that each synthetic one is paired with, (M,); not for all pairs."""
        if self.pairing == "index":
            return np.arange(len(self.synthetic))
        if "error" in self._tables:
            nearest: NDArray[np.int64] = self._tables["error"].argmin(axis=0)
            return nearest
        return nearest_neighbours(self.synthetic.images, self.reference.images).index

    def _values(self, kind: PairKind) -> Iterable[NDArray[np.float64]]:
        """Values of the pairs, (rows, M), in as many parts as memory asks for."""
        if self.pairing == "all":
            return [self._tables[kind]] if kind in self._tables else self._all_pairs(kind)
        if kind in self._tables:
            return [self._tables[kind][self.partners, np.arange(len(self.synthetic))][None]]
        chosen = np.ascontiguousarray(self.reference.images[self.partners])
        return [pair_values(kind, chosen, self.synthetic.images, self.bins, self.threads)[None]]

    def _all_pairs(self, kind: PairKind) -> Iterator[NDArray[np.float64]]:
        for start in range(0, len(self.reference), ROWS_AT_ONCE):
            rows = self.reference.images[start : start + ROWS_AT_ONCE]
            yield all_pair_values(kind, rows, self.synthetic.images, self.bins, self.threads)


def pair_values(
    kind: PairKind, a: NDArray[np.uint8], b: NDArray[np.uint8], bins: int, threads: int
) -> NDArray[np.float64]:
    """Of each pair (a[i], b[i]): nats, squared grey levels, or SSIM; (N,)."""
    if kind == "information":
        return mutual_information(a, b, bins, threads=threads)
    if kind == "similarity":
        return structural_similarity(a, b, threads=threads)
    return mean_squared_error(a, b)


def all_pair_values(
    kind: PairKind, a: NDArray[np.uint8], b: NDArray[np.uint8], bins: int, threads: int
) -> NDArray[np.float64]:
    """The same of every pair (a[i], b[j]); (N, M)."""
    if kind == "information":
        return mutual_information_all_pairs(a, b, bins, threads=threads)
    if kind == "similarity":
        return structural_similarity_all_pairs(a, b, threads=threads)
    return mean_squared_error_all_pairs(a, b)


def bootstrap_counts(images: int, resamples: int, seed: int) -> NDArray[np.float64]:
    """How often each image occurs in each resample of the set: (resamples, images)."""
    drawn = np.random.default_rng(seed).integers(images, size=(resamples, images))
    drawn += images * np.arange(resamples)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=resamples * images)
    return counts.reshape(resamples, images).astype(np.float64)
