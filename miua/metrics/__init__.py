"""Measures of image stacks: `uint8` arrays of shape (N, H, W).

The study's four, local binary patterns (lbp), mutual information, PSNR and the Frechet inception
distance (frechet); companions: structural similarity (ssim), the Frechet distance of LBP
histograms, the kernel distance, precision, recall, density and coverage (neighbourhood), diversity
and the search for copies (memorisation); feature extractors and their cache. `miua.evaluate` takes
all of a synthetic set. Importing this package loads neither torch nor anything else that the light
install lacks.
"""

from miua.metrics.comparison import half_samples
from miua.metrics.contact_sheet import contact_sheet
from miua.metrics.diversity import diversity, root_mean_squared_difference
from miua.metrics.extractors import FeatureExtractor, Preprocessing, TorchExtractor, cached_features
from miua.metrics.frechet import (
    Extrapolation,
    centred_interval,
    frechet_distance,
    frechet_extrapolated,
    frechet_inception_distance,
    frechet_lbp_distance,
    frechet_resampled,
)
from miua.metrics.inception import InceptionNetwork, inception_features
from miua.metrics.inception_weights import NotComputedError
from miua.metrics.kernel_distance import (
    kernel_distance,
    kernel_distance_resampled,
    kernel_distance_subsets,
)
from miua.metrics.lbp import lbp_codes, lbp_histogram, lbp_vector
from miua.metrics.memorisation import Memorisation, find_copies
from miua.metrics.mutual_information import (
    entropy,
    joint_histogram,
    mutual_information,
    mutual_information_all_pairs,
)
from miua.metrics.neighbourhood import Neighbourhood, neighbourhood
from miua.metrics.squared_error import (
    NearestNeighbours,
    mean_squared_error,
    mean_squared_error_all_pairs,
    nearest_neighbours,
    peak_signal_to_noise_ratio,
    peak_signal_to_noise_ratio_all_pairs,
)
from miua.metrics.ssim import structural_similarity, structural_similarity_all_pairs

__all__ = [
    "Extrapolation",
    "FeatureExtractor",
    "InceptionNetwork",
    "Memorisation",
    "NearestNeighbours",
    "Neighbourhood",
    "NotComputedError",
    "Preprocessing",
    "TorchExtractor",
    "cached_features",
    "centred_interval",
    "contact_sheet",
    "diversity",
    "entropy",
    "find_copies",
    "frechet_distance",
    "frechet_extrapolated",
    "frechet_inception_distance",
    "frechet_lbp_distance",
    "frechet_resampled",
    "half_samples",
    "inception_features",
    "joint_histogram",
    "kernel_distance",
    "kernel_distance_resampled",
    "kernel_distance_subsets",
    "lbp_codes",
    "lbp_histogram",
    "lbp_vector",
    "mean_squared_error",
    "mean_squared_error_all_pairs",
    "mutual_information",
    "mutual_information_all_pairs",
    "nearest_neighbours",
    "neighbourhood",
    "peak_signal_to_noise_ratio",
    "peak_signal_to_noise_ratio_all_pairs",
    "root_mean_squared_difference",
    "structural_similarity",
    "structural_similarity_all_pairs",
]
