"""One update of each network: what it counts, and what it leaves alone."""

import pytest
import torch

from miua.data.model_space import to_model_space
from miua.dcgan import Discriminator
from miua.metrics import diversity
from miua.training.adversaries import Adversaries
from miua.training.draws import seeded_generator
from miua.training.updates import EpochSums, discriminator_step, generator_step
from tests.training.runs import tiny

CPU = torch.device("cpu")


def test_accuracy_counts_what_was_called_right_even_with_smoothed_labels(stack):
    """The released notebook compared real predictions with 0.9 cast to an integer, that is 0."""
    config = tiny(real_label=0.9)
    networks = Adversaries(config, CPU)

    class Oracle(torch.nn.Module):
        """Calls bright images real, and learns nothing."""

        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.tensor(100.0))

        def forward(self, images):
            return images.mean(dim=(1, 2, 3)) * self.scale

    networks.discriminator.network = torch.nn.Sequential(Oracle())
    bright = torch.full((10, 1, 32, 32), 0.9)
    bright[:3] = -0.9
    with torch.no_grad():
        for parameter in networks.generator.parameters():
            parameter.zero_()
    networks.generator.network.append(torch.nn.Hardtanh(-1.0, -0.5))
    _, correct, _ = discriminator_step(networks, bright, torch.randn(10, 8), 0.9)
    assert correct.tolist() == [7, 10]


def test_the_discriminator_gets_no_gradient_from_the_generators_step(stack):
    networks = Adversaries(tiny(), CPU)
    real = to_model_space(torch.from_numpy(stack[:10]))
    _, _, synthetic = discriminator_step(networks, real, torch.randn(10, 8), 1.0)
    before = [parameter.grad.clone() for parameter in networks.discriminator.parameters()]
    generator_step(networks, synthetic, 1.0)
    after = [parameter.grad for parameter in networks.discriminator.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert all(parameter.requires_grad for parameter in networks.discriminator.parameters())


def test_sums_are_means_over_images_and_the_diversity_is_that_of_the_metric():
    images = torch.rand(20, 1, 8, 8, generator=seeded_generator(1)) * 2 - 1
    real, synthetic = images[:10], images[10:] * 0.3
    sums = EpochSums(CPU)
    sums.add(torch.tensor([1.0, 2.0]), torch.tensor([9, 7]), real, synthetic)
    means = sums.means(10)
    assert means["generator_loss"] == 1.0
    assert means["discriminator_loss"] == 2.0
    assert means["accuracy_real"] == 0.9
    assert means["accuracy_synthetic"] == 0.7
    levels = [((part[:, 0] + 1) * 127.5).numpy() for part in (real, synthetic)]
    rounded = [part.round().astype("uint8") for part in levels]
    assert means["diversity"] == pytest.approx(diversity(*rounded), rel=0.01)
    # A smaller last batch counts by its images, and a single image has no pairs.
    sums.add(torch.tensor([2.0, 2.0]), torch.tensor([1, 1]), real[:1], synthetic[:1])
    assert sums.means(11)["generator_loss"] == pytest.approx(12 / 11)
    assert sums.means(11)["diversity"] == means["diversity"]


def test_without_differences_there_is_no_diversity():
    sums = EpochSums(CPU)
    same = torch.ones(4, 1, 8, 8)
    sums.add(torch.tensor([1.0, 2.0]), torch.tensor([1, 1]), same, same)
    assert sums.means(4)["diversity"] != sums.means(4)["diversity"]  # nan


def test_batches_that_go_through_together_are_normalised_apart():
    one, other = (Discriminator(32, 4) for _ in range(2))
    other.load_state_dict(one.state_dict())
    draws = seeded_generator(2)
    batches = [torch.randn(6, 1, 32, 32, generator=draws), torch.rand(3, 1, 32, 32) * 9]
    for expected, got in zip(map(one, batches), other.of_each(batches), strict=True):
        torch.testing.assert_close(got, expected)
    for name, buffer in one.named_buffers():
        torch.testing.assert_close(dict(other.named_buffers())[name], buffer)
