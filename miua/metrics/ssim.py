"""Structural similarity (SSIM): how alike two images are in brightness, contrast and structure.

Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli, Image quality assessment: from error
visibility to structural similarity, IEEE Transactions on Image Processing 13 (2004) 600-612, over
every window of 7 x 7 pixels of equal weight that lies inside the images: what scikit-image computes
with data_range=255 and else its defaults. docs/metrics/ssim.md has the formula.

Sums over a window are exact integers. What follows is computed in float32 and cut to multiples of
2^-24, whose sum is exact again. A result lies within 7e-7 of the true mean, whatever the images
are; this bound is proved. The largest difference found is 3e-7, for a single window; over many
windows, of noise or of phantoms, it is below 1e-7. The same holds for scikit-image's results.
"""

from miua import _kernels
from miua.metrics.stacks import Floats, Grey, PairValue, image_stack


def structural_similarity(a: Grey, b: Grey, *, threads: int = 0) -> Floats:
    """SSIM of each pair (a[i], b[i]), shape (N,): -1 to 1, and 1 exactly for identical images.

    a, b: stacks of one shape (N, H, W), C-contiguous, of 7 x 7 pixels or more; torch tensors on
    the CPU are read where they lie. threads: 0 for OpenMP's default; the result is bit-identical
    for any number.

    TypeError: not a uint8 array. ValueError: shapes that do not match, images too small, not
    C-contiguous.
    """
    return _kernels.structural_similarity(image_stack(a, "a"), image_stack(b, "b"), threads)


def structural_similarity_all_pairs(a: Grey, b: Grey, *, threads: int = 0) -> Floats:
    """SSIM of every pair (a[i], b[j]), shape (N, M).

    a: (N, H, W), b: (M, H, W). Parameters and errors are those of `structural_similarity`. Where
    both are one array, each pair is computed once. Beside the result, memory is needed for some
    rows of 32 images a thread, however large the stacks are.
    """
    return _kernels.structural_similarity_all_pairs(
        image_stack(a, "a"), image_stack(b, "b"), threads
    )


SIMILARITY = PairValue(
    "structural similarity",
    lambda a, b, bins, threads: structural_similarity(a, b, threads=threads),
    lambda a, b, bins, threads: structural_similarity_all_pairs(a, b, threads=threads),
    "7 x 7 windows, data range 255, mean",
    smallest=7,
)
