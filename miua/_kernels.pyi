"""The compiled kernels (csrc/). They check what they are given and never cast or copy it.

TypeError: not a numpy array, or of another dtype. ValueError: wrong shape, not C-contiguous, or a
parameter out of range. `threads` 0 means OpenMP's default. The public, documented functions
are those of `miua.metrics`.
"""

import numpy as np
from numpy.typing import NDArray

def instruction_sets() -> list[str]: ...
def lbp_codes(
    stack: NDArray[np.uint8] | NDArray[np.uint16], P: int, R: float, method: str, threads: int
) -> NDArray[np.uint32]: ...
def lbp_histogram(
    stack: NDArray[np.uint8] | NDArray[np.uint16], P: int, R: float, method: str, threads: int
) -> NDArray[np.int64]: ...
def joint_histogram(
    a: NDArray[np.uint8], b: NDArray[np.uint8], bins: int, threads: int
) -> NDArray[np.int64]: ...
def entropy(
    stack: NDArray[np.uint8], bins: int, estimator: str, threads: int
) -> NDArray[np.float64]: ...
def mutual_information(
    a: NDArray[np.uint8], b: NDArray[np.uint8], bins: int, estimator: str, threads: int
) -> NDArray[np.float64]: ...
def mutual_information_all_pairs(
    a: NDArray[np.uint8], b: NDArray[np.uint8], bins: int, estimator: str, threads: int
) -> NDArray[np.float64]: ...
def structural_similarity(
    a: NDArray[np.uint8], b: NDArray[np.uint8], threads: int
) -> NDArray[np.float64]: ...
def structural_similarity_all_pairs(
    a: NDArray[np.uint8], b: NDArray[np.uint8], threads: int
) -> NDArray[np.float64]: ...
