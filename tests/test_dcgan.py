"""The networks are the published ones: layer by layer at 64 x 64, and by rule elsewhere."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from miua.dcgan import (
    Discriminator,
    Generator,
    discriminator_layers,
    generator_layers,
    initialise,
)


def convolutions(network: nn.Module) -> list[tuple]:
    return [
        (
            type(each).__name__,
            each.in_channels,
            each.out_channels,
            each.kernel_size[0],
            each.stride[0],
            each.padding[0],
            each.bias,
        )
        for each in network.modules()
        if isinstance(each, nn.Conv2d | nn.ConvTranspose2d)
    ]


def test_generator_at_64_is_the_published_one():
    assert convolutions(Generator(64, 100, 64)) == [
        ("ConvTranspose2d", 100, 512, 4, 1, 0, None),
        ("ConvTranspose2d", 512, 256, 4, 2, 1, None),
        ("ConvTranspose2d", 256, 128, 4, 2, 1, None),
        ("ConvTranspose2d", 128, 64, 4, 2, 1, None),
        ("ConvTranspose2d", 64, 1, 4, 2, 1, None),
    ]


def test_discriminator_at_64_is_the_published_one():
    assert convolutions(Discriminator(64, 64)) == [
        ("Conv2d", 1, 64, 4, 2, 1, None),
        ("Conv2d", 64, 128, 4, 2, 1, None),
        ("Conv2d", 128, 256, 4, 2, 1, None),
        ("Conv2d", 256, 512, 4, 2, 1, None),
        ("Conv2d", 512, 1, 4, 1, 0, None),
    ]


def test_number_of_weights_by_hand():
    # Convolutions 4 x 4 and two numbers a channel for each batch norm.
    generator = 16 * (100 * 512 + 512 * 256 + 256 * 128 + 128 * 64 + 64) + 2 * (
        512 + 256 + 128 + 64
    )
    discriminator = 16 * (64 + 64 * 128 + 128 * 256 + 256 * 512 + 512) + 2 * (128 + 256 + 512)
    assert sum(p.numel() for p in Generator(64, 100, 64).parameters()) == generator
    assert sum(p.numel() for p in Discriminator(64, 64).parameters()) == discriminator


def test_norms_and_activations():
    generator, discriminator = Generator(64, 100, 64).network, Discriminator(64, 64).network
    kinds = [type(each).__name__ for each in generator]
    assert kinds == ["ConvTranspose2d", "BatchNorm2d", "ReLU"] * 4 + ["ConvTranspose2d", "Tanh"]
    kinds = [type(each).__name__ for each in discriminator]
    middle = ["Conv2d", "BatchNorm2d", "LeakyReLU"] * 3
    assert kinds == ["Conv2d", "LeakyReLU", *middle, "Conv2d"]
    assert all(e.negative_slope == 0.2 for e in discriminator if isinstance(e, nn.LeakyReLU))


@pytest.mark.parametrize("size", [32, 64, 128, 256, 512])
def test_every_size_maps_latents_to_images_and_images_to_logits(size):
    generator, discriminator = Generator(size, 7, 2), Discriminator(size, 2)
    images = generator(torch.randn(3, 7))
    assert images.shape == (3, 1, size, size)
    assert images.abs().max() <= 1
    assert discriminator(images).shape == (3,)


@pytest.mark.parametrize("size", [32, 64, 128, 256, 512])
def test_layers_chain(size):
    for layers in (generator_layers(size, 100, 8), discriminator_layers(size, 8)):
        for before, after in pairwise(layers):
            assert before.out_channels == after.in_channels
            assert before.out_size == after.in_size
    assert generator_layers(size, 100, 8)[-1].out_size == size
    assert discriminator_layers(size, 8)[0].in_size == size


def test_initialisation_has_the_stated_distribution_and_is_seeded():
    networks = [Generator(64, 100, 32) for _ in range(2)]
    for network in networks:
        initialise(network, 0.02, torch.Generator().manual_seed(5))
    weights = [
        torch.cat(
            [m.weight.detach().flatten() for m in n.modules() if isinstance(m, nn.ConvTranspose2d)]
        )
        for n in networks
    ]
    assert torch.equal(*weights)
    assert weights[0].mean().abs() < 1e-4
    assert weights[0].std() == pytest.approx(0.02, rel=0.01)
    scales = torch.cat(
        [m.weight.detach() for m in networks[0].modules() if isinstance(m, nn.BatchNorm2d)]
    )
    assert scales.mean() == pytest.approx(1, abs=0.005)
    assert scales.std() == pytest.approx(0.02, rel=0.2)


@pytest.mark.parametrize("size", [0, 16, 48, 65, 1024])
def test_other_sizes_are_refused(size):
    with pytest.raises(ValueError, match="image_size must be a power of two"):
        generator_layers(size, 100, 64)
