import pickle
import sys
import time

import numpy as np
import pytest

from miua.errors import MissingExtraError, MiuaError
from miua.metrics import (
    frechet,
    frechet_distance,
    frechet_lbp_distance,
    inception_features,
    lbp_histogram,
)
from miua.metrics.frechet import InceptionNetwork, feature_statistics
from miua.metrics.inception_weights import InceptionWeights, find_inception_weights


def features(seed: int, n: int, d: int, scale: float = 1.0, shift: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) * scale + shift


def whitened(n: int, d: int) -> np.ndarray:
    """Features whose mean is exactly 0 and whose covariance is exactly the identity."""
    centred = np.random.default_rng(0).normal(size=(n, d))
    centred -= centred.mean(axis=0)
    q, _ = np.linalg.qr(centred)
    features: np.ndarray = q * np.sqrt(n - 1)
    return features


def test_equal_covariances_leave_the_distance_of_the_means():
    a = features(1, 50, 6)
    shift = np.array([1.0, -2.0, 0.5, 0.0, 3.0, 0.0])
    assert frechet_distance(a, a + shift) == pytest.approx(shift @ shift, rel=1e-12)


def test_commuting_covariances():
    """Diagonal covariances: the sum of the squared differences of standard deviations."""
    base = whitened(40, 4)
    first, second = np.array([1.0, 2.0, 3.0, 0.0]), np.array([2.0, 0.5, 3.0, 1.0])
    expected = ((first - second) ** 2).sum()
    assert frechet_distance(base * first, base * second) == pytest.approx(expected, rel=1e-12)


def test_one_dimension():
    a, b = np.array([[0.0], [2.0]]), np.array([[5.0], [5.0], [8.0]])
    deviation = np.sqrt(2.0) - np.sqrt(3.0)
    assert frechet_distance(a, b) == pytest.approx((6 - 1) ** 2 + deviation**2, rel=1e-14)


def test_a_set_against_itself_is_zero():
    for n, d in [(30, 5), (5, 30)]:
        a = features(2, n, d)
        assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)


def test_distance_is_symmetric_and_blind_to_order():
    a, b = features(3, 40, 8), features(4, 25, 8, 1.5, 0.3)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-12)
    assert frechet_distance(a[::-1], b) == pytest.approx(frechet_distance(a, b), rel=1e-12)
    assert frechet_distance(a, b) > 0.1


@pytest.mark.parametrize(("n", "m", "d"), [(60, 80, 12), (20, 90, 40), (15, 10, 40)])
def test_distance_equals_torch_fidelity_on_the_same_features(n, m, d):
    import torch
    from torch_fidelity.metric_fid import (
        KEY_METRIC_FID,
        fid_features_to_statistics,
        fid_statistics_to_metric,
    )

    a, b = features(5, n, d), features(6, m, d, 1.2, 0.1)
    statistics = [fid_features_to_statistics(torch.from_numpy(x)) for x in (a, b)]
    expected = fid_statistics_to_metric(*statistics, verbose=False)[KEY_METRIC_FID]
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-6)


def test_root_of_the_covariance_is_one_and_small():
    for n in (10, 200):
        a = features(7, n, 20)
        statistics = feature_statistics(a)
        assert len(statistics.root) == min(n, 20)
        assert statistics.root.T @ statistics.root == pytest.approx(np.cov(a, rowvar=False))


def test_statistics_are_in_float64():
    """A large mean with a small spread: float32 sums would lose the spread altogether."""
    spread = np.array([-1.0, 0.0, 1.0])[:, None] * np.ones((1, 4))
    a = (1e6 + spread).astype(np.float32)
    assert frechet_distance(a, a + np.float32(1)) == pytest.approx(4, rel=1e-9)


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (np.zeros((1, 3)), np.zeros((5, 3)), "n >= 2"),
        (np.zeros((5, 3)), np.zeros(5), "n >= 2"),
        (np.zeros((5, 3)), np.zeros((5, 4)), "equally many columns"),
        (np.zeros((5, 3)), np.full((5, 3), np.nan), "finite"),
    ],
)
def test_wrong_features_are_refused(a, b, message):
    with pytest.raises(ValueError, match=message):
        frechet_distance(a, b)


def images(seed: int, n: int, size: int = 16) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, size, size), dtype=np.uint8)


def test_features_are_those_of_torch_fidelity(stand_in_weights):
    import torch
    from torch_fidelity.utils import create_feature_extractor

    stack = images(8, 3)
    ours = InceptionNetwork(stand_in_weights, "cpu").features(stack, batch_size=2)
    extractor = create_feature_extractor(
        "inception-v3-compat",
        ["2048"],
        feature_extractor_weights_path=str(stand_in_weights.path),
        cuda=False,
        verbose=False,
    )
    with torch.inference_mode():
        (theirs,) = extractor(torch.from_numpy(np.repeat(stack[:, None], 3, axis=1)))
    assert ours.shape == (3, 2048)
    assert ours.dtype == np.float32
    assert ours.std() > 1e-3  # the random network is not dead
    assert ours == pytest.approx(theirs.numpy(), rel=1e-4, abs=1e-5)


class Code:
    """What a malicious weights file would hold: a call."""

    def __reduce__(self):
        return time.sleep, (60,)


@pytest.mark.parametrize("content", [b"not weights", pickle.dumps(Code(), protocol=2), b""])
def test_files_that_are_no_weights_are_refused_and_run_no_code(tmp_path, content):
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    weights = find_inception_weights(path, expected_sha256="")
    with pytest.raises(MiuaError, match=r"weights\.pth does not hold the weights"):
        inception_features(images(11, 1), weights, device="cpu")


def test_weights_of_another_network_are_refused(tmp_path):
    import torch

    path = tmp_path / "weights.pth"
    torch.save({"linear.weight": torch.zeros(2, 2)}, path)
    weights = find_inception_weights(path, expected_sha256="")
    with pytest.raises(MiuaError, match="does not hold the weights"):
        inception_features(images(11, 1), weights, device="cpu")


@pytest.mark.parametrize("missing", ["torch", "torch_fidelity.feature_extractor_inceptionv3"])
def test_a_missing_package_is_named(missing, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, missing, None)
    package = missing.partition(".")[0].replace("_", "-")
    weights = InceptionWeights(tmp_path / "weights.pth", "0" * 64)
    with pytest.raises(MissingExtraError, match=f"FID needs the package '{package}'"):
        inception_features(images(11, 1), weights, device="cpu")


@pytest.mark.parametrize(
    ("stack", "error"), [(np.zeros((2, 4, 4)), TypeError), (images(0, 0), ValueError)]
)
def test_features_of_no_image_stack_are_refused(stack, error, tmp_path, monkeypatch):
    monkeypatch.setattr(frechet, "_load", lambda torch, _: torch.nn.Identity())
    with pytest.raises(error, match="stack must"):
        inception_features(stack, InceptionWeights(tmp_path / "weights.pth", "0" * 64))


def test_frechet_lbp_distance_of_flat_images():
    """Flat images have one histogram, so the covariances vanish and the means' distance is left."""
    bright, black = np.full((2, 8, 8), 9, np.uint8), np.zeros((3, 8, 8), np.uint8)
    difference = (lbp_histogram(bright)[0] - lbp_histogram(black)[0]).astype(float)
    assert difference.any()
    assert frechet_lbp_distance(bright, black) == pytest.approx(difference @ difference)


def test_frechet_lbp_distance_sees_texture_and_not_brightness():
    dim = images(12, 30) // 4
    assert frechet_lbp_distance(dim, dim) == pytest.approx(0, abs=1e-6)
    assert frechet_lbp_distance(dim, 3 * dim) == pytest.approx(0, abs=1e-6)
    assert frechet_lbp_distance(dim, np.sort(dim, axis=2)) > 100
    with pytest.raises(ValueError, match="n >= 2"):
        frechet_lbp_distance(dim, dim[:1])
