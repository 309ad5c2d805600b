"""Local binary patterns: codes, histograms, and the LBP vector (LBPv) of an image set.

Definition: Ojala, Pietikainen, Maenpaa, IEEE TPAMI 24 (2002) 971-987, with the labels, the order
of the neighbours and the border rule of `skimage.feature.local_binary_pattern`. Neighbour p of P
lies R sin(2 pi p / P) above and R cos(2 pi p / P) to the right of the centre, both rounded to five
decimals; its value is interpolated bilinearly, pixels outside the image being 0; bit p of the code
is set when that value is greater than or equal to the centre's. The comparison is made in exact
integers. scikit-image makes it in floating point, so the two differ only where both sides are
equal, and there scikit-image depends on the platform.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from miua import _kernels
from miua.metrics.stacks import Floats, Ints, Stack, image_stack

Method = Literal["default", "ror", "uniform", "nri_uniform"]


def lbp_codes(
    stack: Stack, P: int = 8, R: float = 1.0, method: Method = "default", *, threads: int = 0
) -> NDArray[np.uint32]:
    """The label of every pixel, shape (N, H, W), for a stack of shape (N, H, W).

    stack: uint8 or uint16, C-contiguous; a torch tensor on the CPU is read where it lies.

    P: number of neighbours, 1 to 24. R: their distance in pixels, above 0 and up to 100.
    method: 'default' (the bits themselves, 0 .. 2^P - 1), 'ror' (the smallest rotation of the
    bits), 'uniform' (the number of set bits where the circle changes at most twice, else P + 1),
    'nri_uniform' (the same without rotation invariance, P (P - 1) + 3 labels).
    threads: 0 for OpenMP's default; the result is the same for any number.

    TypeError: the stack is not a uint8 or uint16 array. ValueError: not three-dimensional, not
    C-contiguous, or a parameter is out of range.
    """
    return _kernels.lbp_codes(image_stack(stack, "stack"), P, R, method, threads)


def lbp_histogram(
    stack: Stack, P: int = 8, R: float = 1.0, method: Method = "default", *, threads: int = 0
) -> Ints:
    """How often each label occurs in each image: counts (N, labels), each row summing to H * W.

    Parameters and errors are those of `lbp_codes`. 'default' and 'ror' have 2^P labels and take P
    up to 16 here.
    """
    return _kernels.lbp_histogram(image_stack(stack, "stack"), P, R, method, threads)


def lbp_vector(
    stack: Stack, P: int = 8, R: float = 1.0, method: Method = "default", *, threads: int = 0
) -> Floats:
    """The LBP vector (LBPv) of an image set: its mean histogram, in counts per image, (labels,).

    Parameters and errors are those of `lbp_histogram`; an empty stack is a ValueError.
    """
    histogram = lbp_histogram(stack, P, R, method, threads=threads)
    if len(histogram) == 0:
        raise ValueError("stack holds no images")
    # A sum of integers divided once: exact up to that division, in any order.
    mean: Floats = histogram.sum(axis=0) / len(histogram)
    return mean
