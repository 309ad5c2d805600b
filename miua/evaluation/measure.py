"""Every metric of one synthetic set against the reference images, as tidy records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from miua.data.threads import in_threads
from miua.errors import MiuaError
from miua.evaluation.comparison import (
    PAIRINGS,
    RESAMPLES,
    Comparison,
    Extractors,
    PairColumns,
    Pairing,
    Side,
)
from miua.evaluation.features import feature_metrics
from miua.evaluation.measurement import (
    Measurement,
    interval,
    intervals,
    mean_interval,
    not_computed,
)
from miua.evaluation.records import LBPV_DIFFERENCES, MetricRecord
from miua.metrics.blas import one_blas_thread
from miua.metrics.diversity import pixel_spread
from miua.metrics.frechet import centred_interval
from miua.metrics.inception_weights import InceptionWeights
from miua.metrics.measures import INCEPTION, LBP
from miua.metrics.mutual_information import BINS
from miua.metrics.psnr import decibels
from miua.metrics.ssim import WINDOW as SSIM_WINDOW

# What the study measured of its sets, with two companions that need nothing to be fetched.
STUDY_METRICS = ("mutual_information", "psnr", "fid", "lbpv", "fd_lbp", "diversity")


@dataclass(frozen=True)
class Measured:
    """The records of one synthetic set, and the LBP vectors (256,) of both sides.

    resampled: by metric, its value in each resample of the synthetic images, where there are any.
    """

    records: list[MetricRecord]
    reference_lbpv: NDArray[np.float64]
    synthetic_lbpv: NDArray[np.float64]
    resampled: dict[str, NDArray[np.float64]]


def measure_set(
    reference: NDArray[np.uint8],
    synthetic: NDArray[np.uint8],
    *,
    set_name: str = "synthetic",
    metrics: Sequence[str] = STUDY_METRICS,
    pairing: Pairing = "all",
    bins: int = BINS,
    inception_weights: Path | InceptionWeights | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
    threads: int = 0,
    device: str | None = None,
) -> Measured:
    """Measure `synthetic` (M, H, W) against `reference` (N, H, W), both uint8.

    metrics: which of METRICS, in the order of the records. pairing: what MI, PSNR and SSIM, which
    need pairs, are averaged over: 'all' N * M pairs; each synthetic image and the 'nearest' real
    one; or the N = M pairs of equal 'index'. PSNR is the mean of the pairs' dB; identical pairs,
    whose PSNR is infinite, are left out of it and their number is told in the definition (inf if
    there are no others). bins: grey-level bins of MI. inception_weights: the weights file for FID;
    None looks in the usual places, and if it is not there, or if torch is not installed, the
    record's status says so and how to mend it. resamples, seed: of the bootstrap. threads: of
    the kernels, 0 for OpenMP's default. device: of the Inception network, None for a GPU if
    there is one.

    MiuaError: no images, or images of unequal size; NotComputedError: the weights that were
    given are not there or not the published ones. ValueError: an unknown metric or pairing.
    """
    check_sets(reference, synthetic, pairing)
    check_metrics(metrics)
    extractors = Extractors.ready(inception_weights=inception_weights, device=device)
    comparison = Comparison(
        Side(reference, extractors, threads=threads),
        Side(synthetic, extractors, threads=threads),
        pairing=pairing,
        bins=bins,
        resamples=resamples,
        seed=seed,
        threads=threads,
    )
    with one_blas_thread():
        return measure_comparison(comparison, set_name, metrics)


def measure_comparison(
    comparison: Comparison,
    set_name: str,
    metrics: Sequence[str],
    extractors: Sequence[str] = (),
    *,
    workers: int = 1,
) -> Measured:
    """The metrics, and all metrics of the features of these other `extractors`, as records.

    workers: metrics that are computed at a time, as some take one core and some take all.
    """
    sizes = (len(comparison.reference), len(comparison.synthetic))
    for side in (comparison.reference, comparison.synthetic):
        make_features(side, metrics, extractors)
    # Before several metrics ask for them at once.
    _ = comparison.drawn
    if comparison.pairing == "nearest" and set(metrics) & PAIRED:
        _ = comparison.partners
    jobs = [_MEASURES[metric] for metric in metrics]
    jobs += [_all_of(name) for name in extractors]
    found = [m for each in in_threads(lambda job: job(comparison), jobs, workers) for m in each]
    records = [
        MetricRecord(
            set_name, m.metric, m.value, m.low, m.high, m.unit, *sizes, m.definition, m.status
        )
        for m in found
    ]
    reference, synthetic = (counts.mean(axis=0) for counts in comparison.features(LBP))
    resampled = {m.metric: m.resampled for m in found if m.resampled is not None}
    return Measured(records, reference, synthetic, resampled)


def make_features(side: Side, metrics: Sequence[str], extractors: Sequence[str]) -> None:
    """Have a side's features made that these metrics need, before several ask for them at once."""
    needed = {_FEATURES_OF[metric] for metric in metrics if metric in _FEATURES_OF}
    for name in sorted({LBP, *needed, *extractors}):
        if name not in side.extractors.missing:
            side.features(name)


def check_metrics(metrics: Sequence[str]) -> None:
    """ValueError naming the first metric that there is not."""
    for metric in metrics:
        if metric not in _MEASURES:
            raise ValueError(f"unknown metric {metric!r}; there are {', '.join(METRICS)}, copies")


def check_sets(
    reference: NDArray[np.uint8], synthetic: NDArray[np.uint8], pairing: str, name: str = ""
) -> None:
    """Refuse what cannot be compared: see `measure_set`. name: of the set, for the message."""
    if pairing not in get_args(Pairing):
        raise ValueError(f"pairing must be 'all', 'nearest' or 'index', not {pairing!r}")
    for side, stack in (("reference", reference), ("synthetic", synthetic)):
        if not isinstance(stack, np.ndarray) or stack.dtype != np.uint8 or stack.ndim != 3:
            raise TypeError(f"{side} must be a uint8 array of shape (N, H, W)")
        if len(stack) == 0:
            raise MiuaError(f"The {side} set holds no images.")
    if reference.shape[1:] != synthetic.shape[1:]:
        raise MiuaError(
            f"The reference images have {_size(reference)} pixels and the synthetic ones"
            f"{f' of {name}' if name else ''} {_size(synthetic)} (height x width). "
            "Read both at one size (--size N)."
        )
    if pairing == "index" and len(reference) != len(synthetic):
        raise MiuaError(
            f"Pairing by index needs equally many images, not {len(reference)} reference and "
            f"{len(synthetic)} synthetic ones{f' of {name}' if name else ''}. "
            "Choose the pairing 'all', or give equal numbers."
        )


def _size(stack: NDArray[np.uint8]) -> str:
    return f"{stack.shape[1]} x {stack.shape[2]}"


def _mutual_information(comparison: Comparison) -> list[Measurement]:
    definition = f"plug-in, {comparison.bins} grey-level bins, mean over {_pairs(comparison)}"
    columns = comparison.columns("information")
    return [_mean_of_pairs("mutual_information", "nats", columns, comparison, definition)]


def _psnr(comparison: Comparison) -> list[Measurement]:
    definition = f"data range 255, mean of dB over {_pairs(comparison)}"
    columns = comparison.columns("error", decibels)
    pairs = len(comparison.synthetic)
    pairs *= len(comparison.reference) if comparison.pairing == "all" else 1
    if identical := pairs - int(columns.counts.sum()):
        definition += f", {identical} identical pairs left out"
    return [_mean_of_pairs("psnr", "dB", columns, comparison, definition)]


def _ssim(comparison: Comparison) -> list[Measurement]:
    if min(comparison.reference.images.shape[1:]) < SSIM_WINDOW:
        return [
            not_computed(
                "ssim", "", "", "its window has 7 x 7 pixels; give images of that size or more"
            )
        ]
    definition = f"7 x 7 windows, data range 255, mean over {_pairs(comparison)}"
    columns = comparison.columns("similarity")
    return [_mean_of_pairs("ssim", "", columns, comparison, definition)]


def _lbpv(comparison: Comparison) -> list[Measurement]:
    reference, synthetic = comparison.features(LBP)
    mean = reference.mean(axis=0)
    difference = mean - synthetic.mean(axis=0)
    # Counts are integers, so these products are exact whatever the order of summation.
    resampled = mean - comparison.drawn @ synthetic / len(synthetic)
    low, high = intervals(resampled)
    definition = "mean counts per image of an LBP code (P=8, R=1), reference - synthetic"
    return [
        Measurement(
            metric,
            float(difference[code]),
            low[code],
            high[code],
            "counts per image",
            definition,
            resampled=resampled[:, code],
        )
        for code, metric in enumerate(LBPV_DIFFERENCES)
    ]


def _lbpv_total_difference(comparison: Comparison) -> list[Measurement]:
    reference, synthetic = comparison.features(LBP)
    mean = reference.mean(axis=0)
    value = float(np.abs(mean - synthetic.mean(axis=0)).sum())
    resampled = np.abs(mean - comparison.drawn @ synthetic / len(synthetic)).sum(axis=1)
    definition = (
        "absolute differences of the 256 LBPv elements, summed; not 0 for another draw of the "
        "same images: see the noise floor"
    )
    low, high = centred_interval(value, resampled) if len(resampled) else (None, None)
    return [
        Measurement(
            "lbpv_total_difference", value, low, high, "counts", definition, resampled=resampled
        )
    ]


def _diversity(comparison: Comparison) -> list[Measurement]:
    definition = (
        "root mean squared grey-level difference over pairs of different images, synthetic / "
        "reference; 1: as varied as the reference"
    )
    if min(len(comparison.reference), len(comparison.synthetic)) < 2:
        reason = "a pair needs two images; give both sides two images or more"
        return [not_computed("diversity", "", definition, reason)]
    within_reference = float(pixel_spread(comparison.reference.images)[0])
    if within_reference == 0:
        reason = "the reference images are all the same; give images that differ"
        return [not_computed("diversity", "", definition, reason)]
    value = float(pixel_spread(comparison.synthetic.images)[0]) / within_reference
    resampled = pixel_spread(comparison.synthetic.images, comparison.drawn) / within_reference
    resampled = resampled[np.isfinite(resampled)]  # in small sets some draw one image alone
    return [
        Measurement("diversity", value, *interval(resampled), "", definition, resampled=resampled)
    ]


def _feature(extractor: str, kind: str) -> Callable[[Comparison], list[Measurement]]:
    return lambda comparison: feature_metrics(comparison, extractor, (kind,))


def _all_of(extractor: str) -> Callable[[Comparison], list[Measurement]]:
    return lambda comparison: feature_metrics(comparison, extractor)


_MEASURES: dict[str, Callable[[Comparison], list[Measurement]]] = {
    "mutual_information": _mutual_information,
    "psnr": _psnr,
    "ssim": _ssim,
    "fid": _feature(INCEPTION, "distance"),
    "fid_infinity": _feature(INCEPTION, "infinity"),
    "kid": _feature(INCEPTION, "kernel"),
    "neighbourhood": _feature(INCEPTION, "neighbourhood"),
    "lbpv": _lbpv,
    "lbpv_total_difference": _lbpv_total_difference,
    "fd_lbp": _feature(LBP, "distance"),
    "fd_lbp_infinity": _feature(LBP, "infinity"),
    "neighbourhood_lbp": _feature(LBP, "neighbourhood"),
    "diversity": _diversity,
}
METRICS = tuple(_MEASURES)
PAIRED = frozenset({"mutual_information", "psnr", "ssim"})
_FEATURES_OF = dict.fromkeys(("fid", "fid_infinity", "kid", "neighbourhood"), INCEPTION)


def _pairs(comparison: Comparison) -> str:
    return PAIRINGS[comparison.pairing]


def _mean_of_pairs(
    metric: str, unit: str, columns: PairColumns, comparison: Comparison, definition: str
) -> Measurement:
    value, low, high, resampled = mean_interval(columns.sums, columns.counts, comparison.drawn)
    return Measurement(metric, value, low, high, unit, definition, resampled=resampled)
