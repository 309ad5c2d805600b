import numpy as np
import pytest

from miua.metrics.stacks import order_by_content, stacks_of_one_size

A = np.random.default_rng(1).integers(0, 256, (6, 3, 4), dtype=np.uint8)


def test_stacks_are_named_in_what_is_refused():
    names = ("reference", "synthetic")
    first, second = stacks_of_one_size(A, A[:2], names=names)
    assert (len(first), len(second)) == (6, 2)
    with pytest.raises(TypeError, match="synthetic must have dtype uint8, not float64"):
        stacks_of_one_size(A, A / 2, names=names)
    with pytest.raises(TypeError, match="reference must be a numpy array"):
        stacks_of_one_size([1], A, names=names)
    with pytest.raises(ValueError, match="reference must be an image stack"):
        stacks_of_one_size(A[0], A, names=names)
    with pytest.raises(ValueError, match="reference and synthetic must hold images of one size"):
        stacks_of_one_size(A, A[:, :2], names=names)


def test_other_dtypes_are_taken_where_they_are_asked_for():
    deep = A.astype(np.uint16)
    assert stacks_of_one_size(deep, deep, (np.uint8, np.uint16))[0] is deep
    with pytest.raises(TypeError, match="a must have dtype uint8 or uint16, not int64"):
        stacks_of_one_size(A.astype(int), A, (np.uint8, np.uint16))


def test_order_follows_content_and_seed_alone():
    order = order_by_content(A, 0)
    assert sorted(order) == list(range(6))
    shuffled = np.ascontiguousarray(A[::-1])
    assert (shuffled[order_by_content(shuffled, 0)] == A[order]).all()
    assert any((order_by_content(A, seed) != order).any() for seed in (1, 2, 3))
