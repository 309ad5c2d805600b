"""Draws: of the seed and the epoch alone, and each image once."""

import torch

from miua.training.draws import Draws, seeded_generator
from tests.training.runs import tiny

CPU = torch.device("cpu")


def equal(one: Draws, other: Draws) -> bool:
    return all(torch.equal(getattr(one, name), getattr(other, name)) for name in vars(one))


def test_an_epoch_has_draws_of_its_own():
    config = tiny()
    first, again = (Draws.of_epoch(config, 7, 25, CPU) for _ in range(2))
    assert equal(first, again)
    assert not equal(first, Draws.of_epoch(config, 8, 25, CPU))
    assert not equal(first, Draws.of_epoch(tiny(seed=1), 7, 25, CPU))


def test_batches_take_the_draws_apart():
    draws = Draws.of_epoch(tiny(), 1, 25, CPU)
    batches = [draws.batch(index, 10) for index in range(3)]
    assert [len(batch.order) for batch in batches] == [10, 10, 5]
    for name in vars(draws):
        joined = torch.cat([getattr(batch, name) for batch in batches])
        assert torch.equal(joined, getattr(draws, name))
    assert sorted(draws.order.tolist()) == list(range(25))
    assert draws.latent.shape == (25, 8)


def test_what_is_switched_off_moves_no_other_draw():
    both = Draws.of_epoch(tiny(), 1, 25, CPU)
    neither = Draws.of_epoch(tiny(augmentation={"flip": False, "rotation": 0}), 1, 25, CPU)
    assert neither.mirrored is None
    assert neither.angles is None
    assert torch.equal(both.order, neither.order)
    assert torch.equal(both.latent, neither.latent)


def test_purposes_do_not_share_draws():
    keys = [(0, 1, 2), (0, 2, 1), (1, 1, 2), (0, 1)]
    numbers = {torch.rand(1, generator=seeded_generator(*key)).item() for key in keys}
    assert len(numbers) == 4
