"""The records of two stacks, by the engine alone: no floor, no cautions."""

from typing import Any

import numpy as np

from miua.evaluation.measure import measured, one_blas_thread
from miua.metrics.comparison import Comparison, Extractors, Side
from miua.metrics.records import MetricRecord
from miua.metrics.registry import STUDY_METRICS, entries_of


def measure_set(
    reference: np.ndarray,
    synthetic: np.ndarray,
    *,
    set_name: str = "synthetic",
    metrics=STUDY_METRICS,
    inception_weights=None,
    device: str | None = None,
    **settings: Any,
) -> list[MetricRecord]:
    """Measure `synthetic` (M, H, W) against `reference` (N, H, W); settings of the comparison."""
    entries = entries_of(metrics)
    extractors = Extractors.ready(inception_weights=inception_weights, device=device)
    threads = settings.get("threads", 0)
    sides = (Side(stack, extractors, threads) for stack in (reference, synthetic))
    with one_blas_thread():
        return measured(Comparison(*sides, name=set_name, **settings), entries)
