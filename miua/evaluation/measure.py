"""The one engine: the metrics of a comparison, by the registry, as tidy records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from miua.data.threads import in_threads
from miua.errors import MiuaError
from miua.metrics.blas import one_blas_thread
from miua.metrics.comparison import BINS, RESAMPLES, Comparison, Extractors, Pairing, Side
from miua.metrics.inception_weights import InceptionWeights, NotComputedError
from miua.metrics.records import NOT_COMPUTED, MetricRecord
from miua.metrics.registry import STUDY_METRICS, Entry, entries_of


def measured(
    comparison: Comparison, entries: Sequence[Entry], *, workers: int = 1
) -> list[MetricRecord]:
    """The records of these metrics, in their order.

    workers: metrics that are computed at a time, as some take one core and some take all. The
    records are the same for any number.
    """
    make_features((comparison.reference, comparison.synthetic), entries)
    # Before several metrics ask for them at once.
    _ = comparison.drawn
    if comparison.pairing == "nearest" and any(entry.of_pair for entry in entries):
        _ = comparison.partners
    # The search for copies takes longest, on one core: it starts first.
    order = sorted(range(len(entries)), key=lambda place: entries[place].name != "copies")
    found = in_threads(lambda place: _records(comparison, entries[place]), order, workers)
    by_place = dict(zip(order, found, strict=True))
    return [record for place in range(len(entries)) for record in by_place[place]]


def make_features(sides: Iterable[Side], entries: Sequence[Entry]) -> None:
    """Have the features made that these metrics need, before several ask for them at once."""
    needed = {entry.extractor for entry in entries if entry.extractor}
    for side, name in product(sides, sorted(needed)):
        if name not in side.extractors.missing:
            side.features(name)


def _records(comparison: Comparison, entry: Entry) -> list[MetricRecord]:
    try:
        return entry.compute(comparison)
    except NotComputedError as error:
        features = comparison.describe(entry.extractor) if entry.extractor else ""
        definition = error.definition or features
        return [
            comparison.record(
                shown.name,
                None,
                (None, None),
                shown.unit,
                definition,
                status=f"{NOT_COMPUTED}{error}",
            )
            for shown in entry.shows
        ]


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
) -> list[MetricRecord]:
    """Measure `synthetic` (M, H, W) against `reference` (N, H, W), both uint8.

    Parameters and errors are those of `miua.evaluate`. PSNR is the mean of the pairs' dB;
    identical pairs, whose PSNR is infinite, are left out of it and their number is told in the
    definition (inf if there are no others).
    """
    check_sets(reference, synthetic, pairing)
    entries = entries_of(metrics)
    extractors = Extractors.ready(inception_weights=inception_weights, device=device)
    comparison = Comparison(
        Side(reference, extractors, threads=threads),
        Side(synthetic, extractors, threads=threads),
        name=set_name,
        pairing=pairing,
        bins=bins,
        resamples=resamples,
        seed=seed,
        threads=threads,
    )
    with one_blas_thread():
        return measured(comparison, entries)


def check_sets(
    reference: NDArray[np.uint8], synthetic: NDArray[np.uint8], pairing: str, name: str = ""
) -> None:
    """Refuse what cannot be compared: see `miua.evaluate`. name: of the set, for the message."""
    if pairing not in get_args(Pairing):
        raise ValueError(f"pairing must be 'all', 'nearest' or 'index', not {pairing!r}")
    for side, stack in (("reference", reference), ("synthetic", synthetic)):
        if not isinstance(stack, np.ndarray) or stack.dtype != np.uint8 or stack.ndim != 3:
            raise TypeError(f"{side} must be a uint8 array of shape (N, H, W)")
        if len(stack) == 0:
            raise MiuaError(f"The {side} set holds no images.")
    of_name = f" of {name}" if name else ""
    if reference.shape[1:] != synthetic.shape[1:]:
        raise MiuaError(
            f"The reference images have {_size(reference)} pixels and the synthetic ones"
            f"{of_name} {_size(synthetic)} (height x width). Read both at one size (--size N)."
        )
    if pairing == "index" and len(reference) != len(synthetic):
        raise MiuaError(
            f"Pairing by index needs equally many images, not {len(reference)} reference and "
            f"{len(synthetic)} synthetic ones{of_name}. "
            "Choose the pairing 'all', or give equal numbers."
        )


def _size(stack: NDArray[np.uint8]) -> str:
    return f"{stack.shape[1]} x {stack.shape[2]}"
