import pickle
import sys
import time

import numpy as np
import pytest

from miua.errors import MissingExtraError, MiuaError
from miua.metrics import inception, inception_features
from miua.metrics.inception import InceptionNetwork
from miua.metrics.inception_weights import InceptionWeights, find_inception_weights


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
    monkeypatch.setattr(inception, "_load", None)
    with pytest.raises(error, match="stack must"):
        inception_features(stack, InceptionWeights(tmp_path / "weights.pth", "0" * 64))
