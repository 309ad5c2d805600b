"""Orders of showing: complete, balanced, with repeats far enough away, and silent about kinds."""

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from miua.survey.design import (
    BLOCKS,
    REAL,
    draw_ids,
    draw_orders,
    equal_shares,
    least_distance,
)


@st.composite
def studies(draw):
    """Each image's set by its id, a number of repeats, readers and a seed."""
    sizes = draw(st.lists(st.integers(0, 9), min_size=1, max_size=8))
    real = draw(st.integers(0 if sum(sizes) else 1, 12))
    names = [REAL] * real + [f"set {n}" for n, size in enumerate(sizes) for _ in range(size)]
    seed = draw(st.integers(0, 2**128))
    set_of = dict(zip(draw_ids(names, seed), names, strict=True))
    repeated = draw(st.integers(0, len(names) // 2))
    return set_of, repeated, draw(st.integers(1, 9)), seed


@given(studies())
def test_every_image_is_shown_once_and_the_repeated_ones_twice_and_far_apart(study):
    set_of, repeated, readers, seed = study
    orders = draw_orders(set_of, repeated, readers, seed)
    assert len(orders) == readers
    for order in orders:
        shown = Counter(order)
        assert set(shown) == set(set_of)
        assert sorted(shown.values()) == [1] * (len(set_of) - repeated) + [2] * repeated
        for image, times in shown.items():
            if times == 2:
                first = order.index(image)
                assert order.index(image, first + 1) - first >= least_distance(len(order))


def first_showings(order):
    return list(dict.fromkeys(order))


def blocks_of(order):
    """The first showings in as many parts as there are blocks, larger ones where they fall."""
    return np.array_split(first_showings(order), min(BLOCKS, len(set(order))))


@given(studies())
def test_the_blocks_are_alike_in_kinds_and_sets(study):
    set_of, repeated, _, seed = study
    # Reader 1 has the blocks in their own order, the larger ones first, as array_split cuts them.
    (order,) = draw_orders(set_of, repeated, 1, seed)
    blocks = blocks_of(order)
    for name in set(set_of.values()):
        held = [sum(set_of[image] == name for image in block) for block in blocks]
        assert max(held) - min(held) <= 1
    real = [sum(set_of[image] == REAL for image in block) for block in blocks]
    assert max(real) - min(real) <= 1


@given(st.integers(1, 6), st.integers(0, 2**64))
def test_over_the_readers_every_image_is_in_every_block_once(size, seed):
    names = [REAL if n % 3 == 0 else f"set {n % 2}" for n in range(BLOCKS * size)]
    set_of = dict(zip(draw_ids(names, seed), names, strict=True))
    orders = draw_orders(set_of, 0, BLOCKS, seed)
    for image in set_of:
        assert {order.index(image) // size for order in orders} == set(range(BLOCKS))


@given(studies())
def test_repeats_are_of_each_set_as_equally_as_possible(study):
    set_of, repeated, _, seed = study
    (order,) = draw_orders(set_of, repeated, 1, seed)
    half = first_showings(order)[: -(-len(set_of) // 2)]
    again = {image for image, times in Counter(order).items() if times == 2}
    assert again <= set(half)
    for kind in ({REAL}, set(set_of.values()) - {REAL}, *({name} for name in set_of.values())):
        there = [image for image in half if set_of[image] in kind]
        share = len(there) * repeated / len(half)
        assert abs(len(again.intersection(there)) - share) <= 1


@given(studies())
def test_the_orders_are_drawn_by_the_seed_and_of_each_reader_alone(study):
    set_of, repeated, readers, seed = study
    orders = draw_orders(set_of, repeated, readers + 3, seed)
    assert orders[:readers] == draw_orders(set_of, repeated, readers, seed)


def test_readers_and_seeds_differ():
    set_of = dict.fromkeys(draw_ids([REAL] * 40, 1), REAL)
    orders = draw_orders(set_of, 6, 8, 1) + draw_orders(set_of, 6, 8, 2)
    assert len({tuple(order) for order in orders}) == 16


@settings(max_examples=20)
@given(st.integers(0, 2**128))
def test_ids_say_nothing_of_the_set(seed):
    names = [REAL] * 10 + ["set"] * 30
    ids = draw_ids(names, seed)
    assert sorted(ids) == [f"i{n:03d}" for n in range(1, 41)]
    # What an image is does not change its id: only its place among the images drawn does.
    assert draw_ids(names[::-1], seed) == ids


def test_no_number_of_an_id_is_likelier_for_a_real_image():
    means = [
        np.mean([int(name[1:]) for name in draw_ids([REAL] * 5 + ["set"] * 15, seed)[:5]])
        for seed in range(400)
    ]
    # The mean of 5 of the numbers 1 to 20 is 10.5 with a deviation of 2.3.
    assert abs(np.mean(means) - 10.5) < 4 * 2.3 / 20


@given(st.integers(0, 100), st.integers(1, 20), st.integers(0, 2**64))
def test_shares_differ_by_one_at_most(total, sets, seed):
    shares = equal_shares(total, [str(n) for n in range(sets)], seed)
    assert sum(shares.values()) == total
    assert max(shares.values()) - min(shares.values()) <= 1


def test_which_set_gets_one_more_is_drawn():
    favoured = {max(shares, key=shares.get) for shares in
                (equal_shares(4, ["a", "b", "c"], seed) for seed in range(40))}  # fmt: skip
    assert favoured == {"a", "b", "c"}
