import hashlib
import sys

import numpy as np
import pytest

from miua.errors import MiuaError
from miua.metrics import InceptionNetwork, Preprocessing, cached_features
from miua.metrics.inception_weights import InceptionWeights


def images(seed: int, n: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, 5, 6), dtype=np.uint8)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class Counting:
    """Means of rows as features, and how often they were asked for."""

    def __init__(self, sha256: str = digest("means of rows"), name: str = "means") -> None:
        self.sha256 = sha256
        self.name = name
        self.calls = 0

    def features(self, stack: np.ndarray) -> np.ndarray:
        self.calls += 1
        return stack.mean(axis=2, dtype=np.float32)


def kept(folder):
    return sorted((folder / "features").iterdir())


def test_features_are_found_once(own_data_folder):
    extractor, stack = Counting(), images(1)
    first, again = cached_features(extractor, stack), cached_features(extractor, stack.copy())
    assert extractor.calls == 1
    for found in (first, again):
        assert found.dtype == np.float32
        assert (found == stack.mean(axis=2, dtype=np.float32)).all()
    assert len(kept(own_data_folder)) == 1


def test_other_images_and_other_extractors_have_features_of_their_own(own_data_folder):
    stack, extractors = images(2), (Counting(), Counting(digest("others")))
    stacks = (stack, stack[::-1], stack[:3], stack.transpose(0, 2, 1), images(3))
    for extractor in extractors:
        for other in stacks:
            expected = other.mean(axis=2, dtype=np.float32)
            assert (cached_features(extractor, other) == expected).all()
        assert extractor.calls == len(stacks)
    assert len(kept(own_data_folder)) == 2 * len(stacks)


def test_extractors_of_one_digest_and_two_names_share_no_features(own_data_folder):
    class Largest(Counting):
        def features(self, stack: np.ndarray) -> np.ndarray:
            return stack.max(axis=2).astype(np.float32)

    stack, one = images(2), Counting(name="one")
    means = cached_features(one, stack)
    assert (cached_features(Largest(name="two"), stack) == stack.max(axis=2)).all()
    assert (cached_features(one, stack) == means).all()
    assert one.calls == 1


def test_extractors_that_differ_in_preprocessing_alone_share_no_features(own_data_folder):
    stack, one, other = images(2), Counting(), Counting()
    one.preprocessing, other.preprocessing = Preprocessing(size=8), Preprocessing(size=4)
    for extractor in (one, other, one, other):
        cached_features(extractor, stack)
    assert (one.calls, other.calls) == (1, 1)


@pytest.mark.parametrize("cache", [True, False])
@pytest.mark.parametrize(
    "sha256",
    [
        *("0" * 64, "f" * 64, "0123456789abcdef" * 4, "0" * 63 + "1", "deadbeef" * 8),
        *("", "todo", "0" * 40, digest(""), digest("").upper(), digest("x")[:63], None),
    ],
)
def test_a_placeholder_for_the_digest_is_refused(sha256, cache, own_data_folder):
    with pytest.raises(MiuaError, match=r"'means' has no SHA-256 but .*hashlib"):
        cached_features(Counting(sha256), images(1), cache=cache)
    assert not (own_data_folder / "features").exists()


def test_without_the_cache_nothing_is_read_or_written(own_data_folder):
    extractor, stack = Counting(), images(4)
    cached_features(extractor, stack, cache=False)
    assert not (own_data_folder / "features").exists()
    cached_features(extractor, stack)
    cached_features(extractor, stack, cache=False)
    assert extractor.calls == 3


def test_a_damaged_file_only_costs_time(own_data_folder):
    extractor, stack = Counting(), images(5)
    expected = cached_features(extractor, stack)
    (path,) = kept(own_data_folder)
    whole = path.read_bytes()
    damaged = [b"", whole[:16], whole[:-1], whole + b"!", whole[32:]]
    damaged += [
        whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in range(0, len(whole), 9)
    ]
    for calls, content in enumerate(damaged, 2):
        path.write_bytes(content)
        assert (cached_features(extractor, stack) == expected).all()
        assert extractor.calls == calls
        assert path.read_bytes() == whole


def test_a_folder_that_cannot_be_written_is_named(own_data_folder):
    (own_data_folder / "features").write_text("in the way")
    with pytest.raises(MiuaError, match=r"(?s)Cannot write the cache .*MIUA_DATA_DIR"):
        cached_features(Counting(), images(6))


def test_an_interrupted_extraction_leaves_nothing(own_data_folder):
    class Interrupted(Counting):
        def features(self, stack):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached_features(Interrupted(), images(7))
    assert not (own_data_folder / "features").exists()


def test_what_is_no_stack_is_refused():
    for stack, error in ((np.zeros((2, 4, 4)), TypeError), (images(8, 0), ValueError)):
        with pytest.raises(error, match="stack must"):
            cached_features(Counting(), stack)


def test_kept_features_need_no_network(own_data_folder, tmp_path, monkeypatch):
    network = InceptionNetwork(InceptionWeights(tmp_path / "weights.pth", "0" * 64))
    monkeypatch.setattr(network, "features", lambda stack: np.ones((len(stack), 3), np.float32))
    stack = images(9)
    cached_features(network, stack)
    # There is no such file: to load it would fail.
    again = InceptionNetwork(InceptionWeights(tmp_path / "weights.pth", "0" * 64))
    for name in [name for name in sys.modules if name.partition(".")[0] == "torch"]:
        monkeypatch.delitem(sys.modules, name)
    assert (cached_features(again, stack) == 1).all()
    assert "torch" not in sys.modules


@pytest.mark.parametrize("cache", [True, False])
@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([[1.0], [2.0]], "type list"),
        (np.zeros(2, np.float32), r"shape \(2,\)"),
        (np.zeros((3, 4), np.float32), r"shape \(3, 4\)"),
        (np.zeros((2, 0), np.float32), r"shape \(2, 0\)"),
        (np.zeros((2, 4), np.complex64), "complex64"),
        (np.array([["a"], ["b"]]), "<U1"),
        (np.array([[1.0], [np.nan]], np.float32), "rows of 1 images .* image 1"),
        (np.array([[np.inf], [0]], np.float32), "rows of 1 images .* image 0"),
    ],
)
def test_what_is_no_features_is_refused_and_not_kept(given, told, cache, own_data_folder):
    class Strange(Counting):
        def features(self, stack):
            return given

    with pytest.raises(MiuaError, match=rf"'strange' must give .*\(2, d\).* not .*{told}"):
        cached_features(Strange(name="strange"), images(10, 2), cache=cache)
    assert not (own_data_folder / "features").exists()
