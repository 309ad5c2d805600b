"""All metrics of one synthetic set against the reference images, as tidy records."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from miua.errors import MissingExtraError, MiuaError
from miua.files import write_array, write_text
from miua.metrics.diversity import root_mean_squared_difference
from miua.metrics.frechet import frechet_distance, frechet_inception_distance
from miua.metrics.inception import LAYER
from miua.metrics.inception_weights import (
    InceptionWeights,
    NotComputedError,
    find_inception_weights,
)
from miua.metrics.lbp import lbp_histogram
from miua.metrics.mutual_information import (
    BINS,
    mutual_information,
    mutual_information_all_pairs,
)
from miua.metrics.psnr import (
    mean_squared_error_all_pairs,
    peak_signal_to_noise_ratio,
    peak_signal_to_noise_ratio_all_pairs,
)

Pairing = Literal["all", "index"]

RESAMPLES = 1000
COMPUTED = "computed"
LBPV_DIFFERENCES = tuple(f"lbpv_{code:03d}_difference" for code in range(256))


@dataclass(frozen=True)
class MetricRecord:
    """One set, one metric, one value with its interval: a row of the tidy table.

    value: None where the status says "not computed: <reason and remedy>". low, high: the 95 %
    percentile bootstrap interval over the synthetic images, None where there is none.
    """

    set: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    unit: str
    n_reference: int
    n_synthetic: int
    definition: str
    status: str = COMPUTED


COLUMNS = tuple(field.name for field in fields(MetricRecord))


@dataclass(frozen=True)
class Evaluation:
    """The records of one synthetic set, and the LBP vectors (256,) of both sides."""

    records: list[MetricRecord]
    reference_lbpv: NDArray[np.float64]
    synthetic_lbpv: NDArray[np.float64]


def evaluate(
    reference: NDArray[np.uint8],
    synthetic: NDArray[np.uint8],
    *,
    set_name: str = "synthetic",
    metrics: Sequence[str] = ("mutual_information", "psnr", "fid", "lbpv", "fd_lbp", "diversity"),
    pairing: Pairing = "all",
    bins: int = BINS,
    inception_weights: Path | InceptionWeights | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
    threads: int = 0,
    device: str | None = None,
) -> Evaluation:
    """Measure `synthetic` (M, H, W) against `reference` (N, H, W), both uint8.

    metrics: which of METRICS, in the order of the records. pairing: what MI and PSNR, which need
    pairs, are averaged over: 'all' N * M pairs, or the N = M pairs of equal 'index'. PSNR is the
    mean of the pairs' dB; identical pairs, whose PSNR is infinite, are left out of it and their
    number is told in the definition (inf if there are no others). bins: grey-level bins of MI.
    inception_weights: the weights file for FID; None looks in the usual places, and if it is
    not there, or if torch is not installed, the record's status says so and how to mend it.
    resamples, seed: of the bootstrap. threads: of the kernels, 0 for OpenMP's default. device:
    of the Inception network, None for a GPU if there is one.

    MiuaError: no images, or images of unequal size; NotComputedError: the weights that were
    given are not there or not the published ones. ValueError: an unknown metric or pairing.
    """
    _check(reference, synthetic, metrics, pairing)
    if isinstance(inception_weights, Path):
        # A file that was named must be right; better to say so before any work than after it.
        inception_weights = find_inception_weights(inception_weights)
    task = _Task(
        reference=reference,
        synthetic=synthetic,
        reference_counts=lbp_histogram(reference, threads=threads),
        synthetic_counts=lbp_histogram(synthetic, threads=threads),
        pairing=pairing,
        bins=bins,
        inception_weights=inception_weights,
        drawn=_bootstrap_counts(len(synthetic), resamples, seed),
        threads=threads,
        device=device,
    )
    sizes = (len(reference), len(synthetic))
    records = [
        MetricRecord(
            set_name, m.metric, m.value, m.low, m.high, m.unit, *sizes, m.definition, m.status
        )
        for metric in metrics
        for m in _MEASURES[metric](task)
    ]
    return Evaluation(
        records, task.reference_counts.mean(axis=0), task.synthetic_counts.mean(axis=0)
    )


def not_computed_records(set_name: str, reason: str) -> list[MetricRecord]:
    """The records of a set that there is not, such as one whose training diverged.

    All of them say "not computed" and why; there are no images on either side.
    """
    units = {"mutual_information": "nats", "psnr": "dB", "fid": ""}
    units |= dict.fromkeys(LBPV_DIFFERENCES, "counts per image")
    units |= {"fd_lbp": "counts²", "diversity": ""}
    return [
        MetricRecord(set_name, metric, None, None, None, unit, 0, 0, "", f"not computed: {reason}")
        for metric, unit in units.items()
    ]


def write_records(path: Path, records: Sequence[MetricRecord]) -> None:
    """Write records as CSV with a header, whole or not at all; None becomes an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(astuple(record) for record in records)
    write_text(path, text.getvalue())


def write_lbpv(path: Path, lbpv: NDArray[np.float64]) -> None:
    """Write an LBP vector (256,) as .npy, whole or not at all."""
    write_array(path, lbpv)


@dataclass(frozen=True)
class _Task:
    """What the metrics of one evaluation are computed from."""

    reference: NDArray[np.uint8]
    synthetic: NDArray[np.uint8]
    reference_counts: NDArray[np.int64]  # LBP histograms (N, 256)
    synthetic_counts: NDArray[np.int64]  # (M, 256)
    pairing: Pairing
    bins: int
    inception_weights: InceptionWeights | None
    drawn: NDArray[np.float64]  # (resamples, M): how often each synthetic image is drawn
    threads: int
    device: str | None


@dataclass(frozen=True)
class _Measurement:
    """The part of a record that a metric decides."""

    metric: str
    value: float | None
    low: float | None
    high: float | None
    unit: str
    definition: str
    status: str = COMPUTED


def _mutual_information(task: _Task) -> list[_Measurement]:
    between = mutual_information_all_pairs if task.pairing == "all" else mutual_information
    values = between(task.reference, task.synthetic, task.bins, threads=task.threads)
    value, low, high, _ = _mean_over_pairs(values, task.drawn)
    definition = f"plug-in, {task.bins} grey-level bins, mean over {_PAIRS[task.pairing]}"
    return [_Measurement("mutual_information", value, low, high, "nats", definition)]


def _psnr(task: _Task) -> list[_Measurement]:
    all_pairs = task.pairing == "all"
    between = peak_signal_to_noise_ratio_all_pairs if all_pairs else peak_signal_to_noise_ratio
    value, low, high, identical = _mean_over_pairs(
        between(task.reference, task.synthetic), task.drawn
    )
    definition = f"data range 255, mean of dB over {_PAIRS[task.pairing]}"
    if identical:
        definition += f", {identical} identical pairs left out"
    return [_Measurement("psnr", value, low, high, "dB", definition)]


def _fid(task: _Task) -> list[_Measurement]:
    definition = f"Frechet distance of torch-fidelity's Inception features '{LAYER}'"
    value, status = None, COMPUTED
    try:
        if min(len(task.reference), len(task.synthetic)) < 2:
            raise NotComputedError(
                "a covariance needs two images", "give both sides two images or more"
            )
        weights = task.inception_weights or find_inception_weights()
        value = frechet_inception_distance(
            task.reference, task.synthetic, weights, device=task.device
        )
        definition += f", weights {weights.sha256[:8]}"
    except (NotComputedError, MissingExtraError) as error:
        status = f"not computed: {error}"
    return [_Measurement("fid", value, None, None, "", definition, status)]


def _lbpv(task: _Task) -> list[_Measurement]:
    mean = task.reference_counts.mean(axis=0)
    difference = mean - task.synthetic_counts.mean(axis=0)
    # Counts are integers, so these products are exact whatever the order of summation.
    resampled = mean - task.drawn @ task.synthetic_counts / len(task.synthetic)
    low, high = _interval(resampled)
    definition = "mean counts per image of an LBP code (P=8, R=1), reference - synthetic"
    return [
        _Measurement(
            LBPV_DIFFERENCES[code],
            float(difference[code]),
            float(low[code]),
            float(high[code]),
            "counts per image",
            definition,
        )
        for code in range(len(difference))
    ]


def _fd_lbp(task: _Task) -> list[_Measurement]:
    definition = (
        "Frechet distance of LBP histograms (P=8, R=1); no interval, as resampling repeats "
        "images and so biases the distance upwards"
    )
    value, status = None, COMPUTED
    if min(len(task.reference), len(task.synthetic)) < 2:
        status = "not computed: a covariance needs two images; give both sides two images or more"
    else:
        value = frechet_distance(task.reference_counts, task.synthetic_counts)
    return [_Measurement("fd_lbp", value, None, None, "counts²", definition, status)]


def _diversity(task: _Task) -> list[_Measurement]:
    definition = (
        "root mean squared grey-level difference over pairs of different images, synthetic / "
        "reference; 1: as varied as the reference"
    )

    def missing(reason: str) -> list[_Measurement]:
        return [
            _Measurement("diversity", None, None, None, "", definition, f"not computed: {reason}")
        ]

    if min(len(task.reference), len(task.synthetic)) < 2:
        return missing("a pair needs two images; give both sides two images or more")
    within_reference = root_mean_squared_difference(
        mean_squared_error_all_pairs(task.reference, task.reference)
    )
    if within_reference == 0:
        return missing("the reference images are all the same; give images that differ")
    errors = mean_squared_error_all_pairs(task.synthetic, task.synthetic)
    value = root_mean_squared_difference(errors) / within_reference
    resampled = root_mean_squared_difference(errors, task.drawn) / within_reference
    resampled = resampled[np.isfinite(resampled)]  # in small sets some draw one image alone
    low, high = map(float, _interval(resampled)) if resampled.size else (None, None)
    return [_Measurement("diversity", float(value), low, high, "", definition)]


_MEASURES: dict[str, Callable[[_Task], list[_Measurement]]] = {
    "mutual_information": _mutual_information,
    "psnr": _psnr,
    "fid": _fid,
    "lbpv": _lbpv,
    "fd_lbp": _fd_lbp,
    "diversity": _diversity,
}
METRICS = tuple(_MEASURES)

_PAIRS: dict[Pairing, str] = {"all": "all pairs", "index": "pairs of equal index"}


def _bootstrap_counts(images: int, resamples: int, seed: int) -> NDArray[np.float64]:
    """How often each image occurs in each resample of the set: (resamples, images)."""
    generator = np.random.default_rng(seed)
    equal = np.full(images, 1 / images)
    return generator.multinomial(images, equal, size=resamples).astype(np.float64)


def _mean_over_pairs(
    values: NDArray[np.float64], drawn: NDArray[np.float64]
) -> tuple[float, float, float, int]:
    """Mean over pairs, its interval, and how many infinite values were left out.

    values: (N, M) for all pairs, (M,) for pairs of equal index; drawn: (resamples, M).
    """
    by_image = values.reshape(-1, values.shape[-1])
    finite = np.isfinite(by_image)
    sums = np.where(finite, by_image, 0.0).sum(axis=0)
    counts = finite.sum(axis=0).astype(np.float64)
    low, high = _interval(_ratio(drawn @ sums, drawn @ counts))
    value = _ratio(sums.sum(), counts.sum())
    return float(value), float(low), float(high), int(finite.size - finite.sum())


def _ratio(sums: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means, infinite where only identical pairs are left."""
    infinite = np.full_like(sums, np.inf)
    return np.divide(sums, counts, out=infinite, where=counts > 0)


def _interval(resampled: NDArray[np.float64]) -> NDArray[np.float64]:
    """The 2.5 and 97.5 percentiles over the first axis; values that occur, so inf does no harm."""
    bounds: NDArray[np.float64] = np.percentile(
        resampled, (2.5, 97.5), axis=0, method="inverted_cdf"
    )
    return bounds


def _check(
    reference: NDArray[np.uint8], synthetic: NDArray[np.uint8], metrics: Sequence[str], pairing: str
) -> None:
    for metric in metrics:
        if metric not in _MEASURES:
            raise ValueError(f"unknown metric {metric!r}; there are {', '.join(METRICS)}")
    if pairing not in get_args(Pairing):
        raise ValueError(f"pairing must be 'all' or 'index', not {pairing!r}")
    for name, stack in (("reference", reference), ("synthetic", synthetic)):
        if not isinstance(stack, np.ndarray) or stack.dtype != np.uint8 or stack.ndim != 3:
            raise TypeError(f"{name} must be a uint8 array of shape (N, H, W)")
        if len(stack) == 0:
            raise MiuaError(f"The {name} set holds no images.")
    if reference.shape[1:] != synthetic.shape[1:]:
        raise MiuaError(
            f"The reference images have {_size(reference)} pixels and the synthetic ones "
            f"{_size(synthetic)} (height x width). Read both at one size (--size N)."
        )
    if pairing == "index" and len(reference) != len(synthetic):
        raise MiuaError(
            f"Pairing by index needs equally many images, not {len(reference)} reference and "
            f"{len(synthetic)} synthetic ones. Choose the pairing 'all', or give equal numbers."
        )


def _size(stack: NDArray[np.uint8]) -> str:
    return f"{stack.shape[1]} x {stack.shape[2]}"
