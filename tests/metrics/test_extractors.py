import subprocess
import sys
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from miua.errors import MissingExtraError, MiuaError
from miua.metrics import FeatureExtractor, InceptionNetwork, Preprocessing, TorchExtractor
from miua.metrics.inception_weights import InceptionWeights


def images(seed: int, n: int, size: int = 12) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, size, size), dtype=np.uint8)


class Network(nn.Module):
    """Small, with all that differs between training and evaluation."""

    def __init__(self, channels: int = 3, features: int = 5) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, features, 3), nn.BatchNorm2d(features), nn.Dropout(), nn.ReLU()
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x).mean(dim=(2, 3))


class Pixels(nn.Module):
    """Gives what it is given, one row an image."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1)


class Answer(nn.Module):
    """Gives something of its own."""

    def __init__(self, answer) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, x: torch.Tensor):
        return self.answer(x)


def network(seed: int = 0, **size: int) -> Network:
    torch.manual_seed(seed)
    return Network(**size)


def save_torchscript(module: nn.Module, path: Path, channels: int = 3) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch advises against writing TorchScript
        traced = torch.jit.trace(module.eval(), torch.zeros(2, channels, 12, 12))
        torch.jit.save(traced, str(path))
    return path


def test_both_extractors_have_the_interface(tmp_path):
    weights = InceptionWeights(tmp_path / "weights.pth", "0" * 64)
    for extractor in (TorchExtractor(network()), InceptionNetwork(weights)):
        assert isinstance(extractor, FeatureExtractor)


def test_plain_preprocessing_repeats_and_scales_the_grey_values():
    stack = images(1, 2, 4)
    found = TorchExtractor(Pixels()).features(stack)
    expected = np.repeat(stack[:, None] / 255, 3, axis=1).reshape(2, -1)
    assert found.dtype == np.float32
    assert found == pytest.approx(expected, rel=1e-6)


def test_preprocessing_with_mean_and_std():
    stack = images(2, 2, 4)
    grey = stack[:, None] / 255
    preprocessing = Preprocessing(mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7))
    mean, std = np.array([0.1, 0.2, 0.3]), np.array([0.5, 0.6, 0.7])
    expected = (np.repeat(grey, 3, axis=1) - mean[:, None, None]) / std[:, None, None]
    found = TorchExtractor(Pixels(), preprocessing).features(stack)
    assert found == pytest.approx(expected.reshape(2, -1), rel=1e-5, abs=1e-6)
    one = Preprocessing(channels=1, mean=[0.5])
    found = TorchExtractor(Pixels(), one).features(stack)
    assert found == pytest.approx((grey - 0.5).reshape(2, -1), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("size", [8, (6, 20)])
def test_resizing_is_bilinear_with_antialiasing(size):
    from PIL import Image

    stack = images(3, 2, 16)
    height, width = (size, size) if isinstance(size, int) else size
    expected = [
        Image.fromarray(image.astype(np.float32)).resize((width, height), Image.Resampling.BILINEAR)
        for image in stack
    ]
    found = TorchExtractor(Pixels(), Preprocessing(channels=1, size=size)).features(stack)
    expected = np.stack([np.asarray(image) / 255 for image in expected]).reshape(2, -1)
    assert found == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"channels": 2}, "1 or 3"),
        ({"size": 0}, "size must"),
        ({"size": (3, 4, 5)}, "size must"),
        ({"mean": (0.5,)}, "mean must hold 3"),
        ({"channels": 1, "std": (1, 1, 1)}, "std must hold 1"),
        ({"std": (1, 0, 1)}, "positive"),
    ],
)
def test_wrong_preprocessing_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Preprocessing(**wrong)


def test_features_do_not_depend_on_the_batch_nor_on_the_other_images():
    stack, module = images(4, 7), network()
    found = [
        TorchExtractor(module, batch_size=batch_size).features(stack) for batch_size in (1, 3, 32)
    ]
    assert found[0].shape == (7, 5)
    assert found[1] == pytest.approx(found[0], rel=1e-5, abs=1e-6)
    assert found[2] == pytest.approx(found[0], rel=1e-5, abs=1e-6)
    alone = TorchExtractor(module).features(stack[3:4])
    assert alone == pytest.approx(found[2][3:4], rel=1e-5, abs=1e-6)


def test_a_module_is_left_as_it_was():
    module = network().train()
    module.layers[1].eval()  # a part that its owner has frozen
    before = {name: value.clone() for name, value in module.state_dict().items()}
    TorchExtractor(module).features(images(5, 3))
    assert [part.training for part in module.modules()] == [True, True, True, False, True, True]
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name])


def test_a_file_gives_the_features_of_its_module(tmp_path):
    stack, module = images(6, 5), network()
    path = save_torchscript(module, tmp_path / "small net.pt")
    extractor = TorchExtractor(path, batch_size=2)
    assert extractor.name == "small net"
    assert TorchExtractor(str(path), name="other").name == "other"
    assert extractor.features(stack) == pytest.approx(TorchExtractor(module).features(stack))


def test_features_with_two_more_dimensions_of_one():
    stack = images(7, 3, 4)
    pooled = TorchExtractor(Answer(lambda x: x.mean(dim=(2, 3), keepdim=True)))
    assert pooled.features(stack) == pytest.approx(
        np.repeat(stack.mean(axis=(1, 2)) / 255, 3).reshape(3, 3), rel=1e-5
    )
    half = TorchExtractor(Answer(lambda x: x.flatten(1).half())).features(stack)
    assert half.dtype == np.float32


@pytest.mark.parametrize(
    ("answer", "came"),
    [
        (lambda x: x, r"shape \(2, 3, 12, 12\)"),
        (lambda x: x[:, 0, 0, 0], r"shape \(2,\)"),
        (lambda x: x.flatten(2), r"shape \(2, 3, 144\)"),
        (lambda x: x.flatten(1)[:1], r"shape \(1, 432\)"),
        (lambda x: (x, x), "tuple"),
        (lambda x: x.flatten(1) / 0, "not finite"),
    ],
)
def test_other_answers_are_refused(answer, came):
    with pytest.raises(MiuaError, match=f"network Answer .*{came}"):
        TorchExtractor(Answer(answer)).features(images(8, 2))


def test_images_that_the_network_does_not_take():
    with pytest.raises(
        MiuaError, match=r"(?s)Network does not take images of 3 x 12 x 12.*channel"
    ):
        TorchExtractor(network(channels=1)).features(images(9, 2))


class Ran(Exception):  # noqa: N818, what a file's own code would raise
    pass


class Code:
    def __reduce__(self):
        return exec, ("raise __import__('tests.metrics.test_extractors', fromlist=['x']).Ran",)


def test_files_that_are_no_torchscript_are_refused_and_run_no_code(tmp_path):
    weights, pickled, exported = (tmp_path / name for name in ("w.pt", "p.pt", "e.pt2"))
    torch.save(network().state_dict(), weights)
    torch.save(Code(), pickled)
    program = torch.export.export(network().eval(), (torch.zeros(2, 3, 12, 12),))
    torch.export.save(program, exported)
    empty, text = tmp_path / "empty.pt", tmp_path / "text.pt"
    empty.touch()
    text.write_text("no network")
    for path in (weights, pickled, exported, empty, text):
        with pytest.raises(MiuaError, match=rf"{path.name} holds no TorchScript"):
            TorchExtractor(path)
    damaged = tmp_path / "damaged.pt"
    with zipfile.ZipFile(damaged, "w") as archive:
        archive.writestr("damaged/constants.pkl", "")
    with pytest.raises(MiuaError, match=r"damaged\.pt holds no TorchScript"):
        TorchExtractor(damaged).features(images(10, 1))
    with pytest.raises(MiuaError, match=r"no file .*nowhere\.pt"):
        TorchExtractor(tmp_path / "nowhere.pt")
    with pytest.raises(TypeError, match="path or a torch module"):
        TorchExtractor(lambda x: x)


def test_warnings_of_the_network_are_not_hidden():
    def answer(x):
        warnings.warn("mine", FutureWarning, stacklevel=1)
        return x.flatten(1)

    with pytest.warns(FutureWarning, match="mine"):
        TorchExtractor(Answer(answer)).features(images(11, 1))


def test_digest_is_of_weights_and_preprocessing(tmp_path):
    one, other = (save_torchscript(network(seed), tmp_path / f"{seed}.pt") for seed in (1, 2))
    copy = tmp_path / "copy.pt"
    copy.write_bytes(one.read_bytes())
    sized, normalised = Preprocessing(size=8), Preprocessing(mean=(0.5, 0.5, 0.5))
    extractors = [
        TorchExtractor(one),
        TorchExtractor(other),
        TorchExtractor(one, sized),
        TorchExtractor(one, normalised),
        TorchExtractor(network(1)),
        TorchExtractor(network(2)),
        TorchExtractor(network(1), sized),
        TorchExtractor(network(1, features=6)),
        TorchExtractor(nn.Sequential(network(1), nn.ReLU())),
        TorchExtractor(nn.Sequential(network(1), nn.GELU())),
    ]
    assert len({extractor.sha256 for extractor in extractors}) == len(extractors)
    assert TorchExtractor(copy, name="c", batch_size=2).sha256 == extractors[0].sha256
    assert TorchExtractor(network(1)).sha256 == extractors[4].sha256
    assert TorchExtractor(one, Preprocessing(size=(8, 8))).sha256 == extractors[2].sha256


def test_digest_follows_a_module_that_is_trained():
    module = network()
    extractor = TorchExtractor(module)
    before = extractor.sha256
    module.layers[1].running_mean += 1
    assert extractor.sha256 != before


@pytest.mark.parametrize(
    ("stack", "error"), [(np.zeros((2, 4, 4)), TypeError), (images(0, 0), ValueError)]
)
def test_features_of_no_image_stack_are_refused(stack, error):
    with pytest.raises(error, match="stack must"):
        TorchExtractor(network()).features(stack)


def test_missing_torch_is_named(monkeypatch, tmp_path):
    path = save_torchscript(network(), tmp_path / "net.pt")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match="needs the package 'torch'"):
        TorchExtractor(path)


def test_a_file_is_known_before_torch_is_loaded(tmp_path):
    path = save_torchscript(network(), tmp_path / "net.pt")
    program = (
        "import sys; from miua.metrics import TorchExtractor\n"
        f"print(TorchExtractor({str(path)!r}).sha256, 'torch' in sys.modules)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert answer.split() == [TorchExtractor(path).sha256, "False"]
