"""Peak signal-to-noise ratio: 10 log10(255^2 / MSE) in dB, infinite for identical images."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from miua.metrics.comparison import SQUARED_ERROR, Comparison
from miua.metrics.records import MetricRecord
from miua.metrics.squared_error import (
    DATA_RANGE_16,
    decibels,
    mean_squared_error,
    mean_squared_error_all_pairs,
)
from miua.metrics.stacks import stacks_of_one_size


def peak_signal_to_noise_ratio(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.float64]:
    """PSNR of each pair (a[i], b[i]) in dB, shape (N,); inf where the two are identical.

    Errors are those of `mean_squared_error`, which takes uint16 as well, as this does not.
    """
    a, b = stacks_of_one_size(a, b)
    return decibels(mean_squared_error(a, b))


def peak_signal_to_noise_ratio_all_pairs(
    a: NDArray[np.uint8], b: NDArray[np.uint8]
) -> NDArray[np.float64]:
    """PSNR of every pair (a[i], b[j]) in dB, shape (N, M); inf where the two are identical.

    Errors are those of `mean_squared_error_all_pairs`, which takes uint16 as well, as this does
    not.
    """
    a, b = stacks_of_one_size(a, b)
    return decibels(mean_squared_error_all_pairs(a, b))


OF_PAIR = SQUARED_ERROR._replace(as_metric=decibels)


def psnr(comparison: Comparison) -> list[MetricRecord]:
    """The mean dB of the comparison's pairs, identical ones left out; inf without any others."""
    deep = comparison.reference.images.dtype == np.uint16
    of_pair = OF_PAIR._replace(as_metric=partial(decibels, data_range=DATA_RANGE_16))
    definition = "data range 255, mean of dB"
    return comparison.mean_over_pairs("psnr", of_pair if deep else OF_PAIR, "dB", definition)
