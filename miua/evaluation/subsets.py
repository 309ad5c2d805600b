"""All metrics of any subsets of two stacks, from tables that are made once.

    tables = SubsetTables.of(real)              # real images against themselves
    tables.compare(first, second)               # two subsets of them, by index
    tables.against(degraded).compare(first, second)

Every metric is a mean over pairs of images or over images, so a subset costs an indexing of tables
instead of a new measurement. Definitions are those of `evaluate`, with MI and PSNR over all pairs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from miua.evaluation.comparison import Extractors
from miua.evaluation.records import COMPUTED, LBPV_DIFFERENCES
from miua.metrics.diversity import root_mean_squared_difference
from miua.metrics.extractors import FeatureExtractor
from miua.metrics.frechet import frechet_distance
from miua.metrics.inception_weights import InceptionWeights
from miua.metrics.lbp import lbp_histogram
from miua.metrics.measures import INCEPTION
from miua.metrics.mutual_information import mutual_information_all_pairs
from miua.metrics.psnr import mean_squared_error_all_pairs, peak_signal_to_noise_ratio_all_pairs

ALL_IDENTICAL = "not computed: all pairs are identical"
NO_VARIETY = "not computed: the reference images are all the same"


class Reading(NamedTuple):
    """One metric of one comparison; value is nan where the status says "not computed: <why>"."""

    metric: str
    value: float
    status: str


@dataclass(frozen=True)
class Instruments:
    """What measures: kernel threads, and the Inception network or why there is none."""

    threads: int
    network: FeatureExtractor | None
    fid_status: str

    @classmethod
    def ready(
        cls,
        *,
        inception_weights: Path | InceptionWeights | None = None,
        threads: int = 0,
        device: str | None = None,
    ) -> Instruments:
        """Parameters are those of `evaluate`: without weights all but FID is measured.

        NotComputedError: the weights file that was named is not there or not the published one.
        """
        found = Extractors.ready(inception_weights=inception_weights, device=device)
        if INCEPTION in found.missing:
            return cls(threads, None, f"not computed: {found.missing[INCEPTION]}")
        return cls(threads, found.known[INCEPTION], COMPUTED)


@dataclass(frozen=True)
class StackTables:
    """Of one stack: errors among its images (N, N), LBP counts (N, 256), Inception features."""

    images: NDArray[np.uint8]
    errors: NDArray[np.float64]
    counts: NDArray[np.int64]
    features: NDArray[np.float32] | None

    @classmethod
    def of(cls, images: NDArray[np.uint8], instruments: Instruments) -> StackTables:
        return cls(
            images,
            mean_squared_error_all_pairs(images, images),
            lbp_histogram(images, threads=instruments.threads),
            instruments.network.features(images) if instruments.network else None,
        )


@dataclass(frozen=True)
class SubsetTables:
    """Of a reference (N images) and another stack (M): mutual information and PSNR, (N, M)."""

    instruments: Instruments
    reference: StackTables
    other: StackTables
    information: NDArray[np.float64]
    decibels: NDArray[np.float64]

    @classmethod
    def of(cls, images: NDArray[np.uint8], instruments: Instruments | None = None) -> SubsetTables:
        """A stack against itself; FID as far as its weights are found, if nothing is said."""
        instruments = instruments or Instruments.ready()
        measured = StackTables.of(images, instruments)
        return cls(instruments, measured, measured, *_pairs(images, images, instruments))

    def against(self, images: NDArray[np.uint8]) -> SubsetTables:
        """The same reference against another stack of images of its size."""
        information, decibels = _pairs(self.reference.images, images, self.instruments)
        other = StackTables.of(images, self.instruments)
        return replace(self, other=other, information=information, decibels=decibels)

    def compare(self, reference: NDArray[np.int64], other: NDArray[np.int64]) -> Iterator[Reading]:
        """All metrics of some images of `other` against some of the reference, both by index.

        An index may occur several times: then the set holds copies. Each side holds two or more.
        """
        pairs = np.ix_(reference, other)
        yield Reading("mutual_information", float(self.information[pairs].mean()), COMPUTED)
        yield _reading("psnr", finite_mean(self.decibels[pairs]), ALL_IDENTICAL)
        yield Reading("fid", self._fid(reference, other), self.instruments.fid_status)
        reference_counts, other_counts = self.reference.counts[reference], self.other.counts[other]
        yield Reading("fd_lbp", frechet_distance(reference_counts, other_counts), COMPUTED)
        yield _reading("diversity", self._diversity(reference, other), NO_VARIETY)
        difference = reference_counts.mean(axis=0) - other_counts.mean(axis=0)
        yield Reading("lbpv_total_difference", float(np.abs(difference).sum()), COMPUTED)
        for metric, value in zip(LBPV_DIFFERENCES, difference, strict=True):
            yield Reading(metric, float(value), COMPUTED)

    def _fid(self, reference: NDArray[np.int64], other: NDArray[np.int64]) -> float:
        if self.reference.features is None or self.other.features is None:
            return float("nan")
        return frechet_distance(self.reference.features[reference], self.other.features[other])

    def _diversity(self, reference: NDArray[np.int64], other: NDArray[np.int64]) -> float:
        errors = self.reference.errors[np.ix_(reference, reference)]
        within_reference = float(root_mean_squared_difference(errors))
        errors = self.other.errors[np.ix_(other, other)]
        within_other = float(root_mean_squared_difference(errors))
        return within_other / within_reference if within_reference > 0 else float("nan")


def finite_mean(values: NDArray[np.float64]) -> float:
    """Mean of the finite values, as identical pairs have infinite PSNR; nan without any."""
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if finite.size else float("nan")


def _pairs(
    reference: NDArray[np.uint8], other: NDArray[np.uint8], instruments: Instruments
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return (
        mutual_information_all_pairs(reference, other, threads=instruments.threads),
        peak_signal_to_noise_ratio_all_pairs(reference, other),
    )


def _reading(metric: str, value: float, reason: str) -> Reading:
    return Reading(metric, value, COMPUTED if np.isfinite(value) else reason)
