"""Measures of image stacks: `uint8` arrays of shape (N, H, W).

`miua.evaluate` takes all of a synthetic set. Importing this package loads neither torch nor
anything else that the light install lacks.
"""

from miua.metrics.comparison import half_samples as half_samples
from miua.metrics.contact_sheet import contact_sheet as contact_sheet
from miua.metrics.diversity import diversity as diversity
from miua.metrics.diversity import root_mean_squared_difference as root_mean_squared_difference
from miua.metrics.extractors import FeatureExtractor as FeatureExtractor
from miua.metrics.extractors import Preprocessing as Preprocessing
from miua.metrics.extractors import TorchExtractor as TorchExtractor
from miua.metrics.extractors import cached_features as cached_features
from miua.metrics.frechet import Extrapolation as Extrapolation
from miua.metrics.frechet import centred_interval as centred_interval
from miua.metrics.frechet import frechet_distance as frechet_distance
from miua.metrics.frechet import frechet_extrapolated as frechet_extrapolated
from miua.metrics.frechet import frechet_inception_distance as frechet_inception_distance
from miua.metrics.frechet import frechet_lbp_distance as frechet_lbp_distance
from miua.metrics.frechet import frechet_resampled as frechet_resampled
from miua.metrics.inception import InceptionNetwork as InceptionNetwork
from miua.metrics.inception import inception_features as inception_features
from miua.metrics.inception_weights import NotComputedError as NotComputedError
from miua.metrics.kernel_distance import kernel_distance as kernel_distance
from miua.metrics.kernel_distance import kernel_distance_resampled as kernel_distance_resampled
from miua.metrics.kernel_distance import kernel_distance_subsets as kernel_distance_subsets
from miua.metrics.lbp import lbp_codes as lbp_codes
from miua.metrics.lbp import lbp_histogram as lbp_histogram
from miua.metrics.lbp import lbp_vector as lbp_vector
from miua.metrics.memorisation import Memorisation as Memorisation
from miua.metrics.memorisation import find_copies as find_copies
from miua.metrics.mutual_information import entropy as entropy
from miua.metrics.mutual_information import joint_histogram as joint_histogram
from miua.metrics.mutual_information import mutual_information as mutual_information
from miua.metrics.mutual_information import (
    mutual_information_all_pairs as mutual_information_all_pairs,
)
from miua.metrics.neighbourhood import Neighbourhood as Neighbourhood
from miua.metrics.neighbourhood import neighbourhood as neighbourhood
from miua.metrics.squared_error import NearestNeighbours as NearestNeighbours
from miua.metrics.squared_error import mean_squared_error as mean_squared_error
from miua.metrics.squared_error import mean_squared_error_all_pairs as mean_squared_error_all_pairs
from miua.metrics.squared_error import nearest_neighbours as nearest_neighbours
from miua.metrics.squared_error import peak_signal_to_noise_ratio as peak_signal_to_noise_ratio
from miua.metrics.squared_error import (
    peak_signal_to_noise_ratio_all_pairs as peak_signal_to_noise_ratio_all_pairs,
)
from miua.metrics.ssim import structural_similarity as structural_similarity
from miua.metrics.ssim import structural_similarity_all_pairs as structural_similarity_all_pairs
