import pickle
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from miua.errors import MissingExtraError, MiuaError
from miua.metrics import (
    InceptionNetwork,
    frechet_distance,
    frechet_inception_distance,
    inception,
    inception_features,
    kernel_distance,
    kernel_distance_subsets,
    neighbourhood,
)
from miua.metrics.inception_weights import InceptionWeights, find_inception_weights

LAYERS = ("64", "192", "768", "2048")


def images(seed: int, n: int, size: int = 16) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, size, size), dtype=np.uint8)


@pytest.fixture(scope="module")
def stacks() -> tuple[np.ndarray, np.ndarray]:
    """10 images and 8, some of which are like the others and some much darker."""
    return images(1, 10), np.concatenate([images(2, 4), images(3, 4) // 16])


@pytest.fixture(scope="module")
def features(stacks, stand_in_weights) -> tuple[np.ndarray, np.ndarray]:
    network = InceptionNetwork(stand_in_weights, "cpu")
    return network.features(stacks[0]), network.features(stacks[1])


@pytest.fixture(scope="module")
def folders(stacks, tmp_path_factory) -> list[Path]:
    """The stacks as people have them: folders of PNGs, grey saved as RGB."""
    found = [tmp_path_factory.mktemp("first"), tmp_path_factory.mktemp("second")]
    for folder, stack in zip(found, stacks, strict=True):
        for number, image in enumerate(stack):
            Image.fromarray(image).convert("RGB").save(folder / f"{number:03d}.png")
    return found


def torch_fidelity_metrics(
    folders: list[Path], weights: InceptionWeights, monkeypatch: pytest.MonkeyPatch, **choices
) -> tuple[dict[str, float], dict[str, float]]:
    """All numbers of torch-fidelity, and those of KID if its kernels are not rounded to float32."""
    from torch_fidelity import calculate_metrics, metric_kid

    rounded, exact = metric_kid.kid_features_to_metric, {}

    def both(*features, **kwargs):
        exact.update(rounded(*(rows.double() for rows in features), **kwargs))
        return rounded(*features, **kwargs)

    monkeypatch.setattr(metric_kid, "kid_features_to_metric", both)
    found = calculate_metrics(
        input1=str(folders[0]),
        input2=str(folders[1]),
        fid=True,
        kid=True,
        prc=True,
        feature_extractor="inception-v3-compat",
        feature_extractor_weights_path=str(weights.path),
        kid_subsets=5,
        batch_size=5,
        cuda=False,
        cache=False,
        save_cpu_ram=True,  # no processes to read the few files
        verbose=False,
        **choices,
    )
    return found, exact


def assert_same_kid(ours, theirs, exact):
    mean, deviation = (f"kernel_inception_distance_{name}" for name in ("mean", "std"))
    assert ours.mean() == pytest.approx(exact[mean], rel=1e-6)
    assert ours.std() == pytest.approx(exact[deviation], rel=1e-6, abs=1e-9)
    # The kernels are about 10, and their differences cannot be better than their rounding.
    assert ours.mean() == pytest.approx(theirs[mean], abs=1e-6)


def test_numbers_are_those_that_torch_fidelity_finds_in_folders(
    folders, features, stand_in_weights, monkeypatch
):
    theirs, exact = torch_fidelity_metrics(
        folders, stand_in_weights, monkeypatch, kid_subset_size=6
    )
    distance = frechet_distance(*features)
    assert distance == pytest.approx(theirs["frechet_inception_distance"], rel=1e-6)
    assert_same_kid(kernel_distance_subsets(*features, subsets=5, subset_size=6), theirs, exact)
    # torch-fidelity takes the synthetic set first.
    found = neighbourhood(features[1], features[0], k=3)
    assert found.precision.mean() == pytest.approx(theirs["precision"], rel=1e-6)
    assert found.recall.mean() == pytest.approx(theirs["recall"], rel=1e-6)
    assert 0 < theirs["recall"] < 1


def test_numbers_of_another_layer_with_the_sides_exchanged(
    folders, stacks, features, stand_in_weights, monkeypatch
):
    theirs, exact = torch_fidelity_metrics(
        folders[::-1], stand_in_weights, monkeypatch, kid_subset_size=8, feature_layer_fid="192"
    )
    network = InceptionNetwork(stand_in_weights, "cpu", layer="192")
    distance = frechet_distance(network.features(stacks[1]), network.features(stacks[0]))
    assert distance == pytest.approx(theirs["frechet_inception_distance"], rel=1e-6)
    found = kernel_distance_subsets(*features[::-1], subsets=5, subset_size=8)
    assert_same_kid(found, theirs, exact)


@pytest.mark.parametrize("layer", ["64", "768"])
def test_features_of_the_other_layers_are_those_of_torch_fidelity(layer, stand_in_weights):
    from torch_fidelity.utils import create_feature_extractor

    stack = images(8, 2, 24)
    extractor = create_feature_extractor(
        "inception-v3-compat",
        [layer],
        feature_extractor_weights_path=str(stand_in_weights.path),
        cuda=False,
        verbose=False,
    )
    with torch.inference_mode():
        (theirs,) = extractor(torch.from_numpy(np.repeat(stack[:, None], 3, axis=1)))
    ours = inception_features(stack, stand_in_weights, layer=layer, device="cpu")
    assert ours.shape == (2, int(layer))
    assert ours.dtype == np.float32
    assert ours.std() > 1e-3  # the random network is not dead
    assert ours == pytest.approx(theirs.numpy(), rel=1e-4, abs=1e-5)


def test_numbers_do_not_depend_on_batches_order_or_threads(stacks, features, stand_in_weights):
    network = InceptionNetwork(stand_in_weights, "cpu")
    order, threads = np.random.default_rng(9).permutation(len(stacks[1])), torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        other = network.features(stacks[1][order], batch_size=3)
    finally:
        torch.set_num_threads(threads)
    assert other == pytest.approx(features[1][order], rel=1e-4, abs=1e-5)
    for distance in (frechet_distance, kernel_distance):
        expected = distance(*features)
        assert distance(features[0], other) == pytest.approx(expected, rel=1e-6)


def test_distance_of_stacks_is_that_of_their_features(stacks, features, monkeypatch, tmp_path):
    found = dict(zip(map(len, stacks), features, strict=True))
    monkeypatch.setattr(InceptionNetwork, "features", lambda _, stack: found[len(stack)])
    weights = InceptionWeights(tmp_path / "weights.pth", "0" * 64)
    assert frechet_inception_distance(*stacks, weights) == frechet_distance(*features)


def test_name_and_digest_tell_weights_and_layers_apart(tmp_path):
    weights = [InceptionWeights(tmp_path / "weights.pth", digit * 64) for digit in "01"]
    networks = [InceptionNetwork(of, layer=layer) for of in weights for layer in LAYERS]
    assert len({network.sha256 for network in networks}) == len(networks)
    assert networks[0].sha256 == InceptionNetwork(weights[0], "cpu", layer="64").sha256
    names = [network.name for network in networks[:4]]
    assert names == ["inception_64", "inception_192", "inception_768", "inception"]
    with pytest.raises(ValueError, match="layer must be one of 64, 192, 768, 2048"):
        InceptionNetwork(weights[0], layer="logits")  # type: ignore[arg-type]


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
    path = tmp_path / "weights.pth"
    torch.save({"linear.weight": torch.zeros(2, 2)}, path)
    weights = find_inception_weights(path, expected_sha256="")
    with pytest.raises(MiuaError, match="does not hold the weights"):
        inception_features(images(11, 1), weights, device="cpu")


@pytest.mark.parametrize(
    "missing", ["torch", "torch_fidelity", "torch_fidelity.feature_extractor_inceptionv3"]
)
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
