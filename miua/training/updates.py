"""One update of each network, and what an epoch adds up."""

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from miua.config import TrainingConfig
from miua.data.model_space import augment, to_model_space
from miua.training.adversaries import Adversaries
from miua.training.draws import Draws

MEANS = ("generator_loss", "discriminator_loss", "accuracy_real", "accuracy_synthetic", "diversity")


def discriminator_step(
    networks: Adversaries, real: Tensor, latent: Tensor, real_label: float
) -> tuple[Tensor, Tensor, Tensor]:
    """One update of the discriminator on a real and a synthetic batch.

    The loss, `()`; how many images of the real and of the synthetic batch it took for what they
    are (logit above 0 for real ones, below 0 for synthetic ones), `(2,)`; and the synthetic batch
    with its graph, for the generator's step.
    """
    networks.discriminator_optimiser.zero_grad(set_to_none=True)
    with networks.arithmetic():
        synthetic = networks.generator(latent)
        on_real, on_synthetic = networks.discriminator.of_each([real, synthetic.detach()])
        loss = binary_cross_entropy_with_logits(on_real, torch.full_like(on_real, real_label))
        loss = loss + binary_cross_entropy_with_logits(on_synthetic, torch.zeros_like(on_synthetic))
    loss.backward()  # type: ignore[no-untyped-call]
    networks.discriminator_optimiser.step()
    correct = torch.stack([(on_real > 0).sum(), (on_synthetic < 0).sum()])
    return loss.detach(), correct, synthetic


def generator_step(networks: Adversaries, synthetic: Tensor, real_label: float) -> Tensor:
    """One update of the generator: make the discriminator call its images real. The loss, `()`.

    As in the released notebooks, a smoothed real label is the generator's aim too.
    """
    networks.generator_optimiser.zero_grad(set_to_none=True)
    # The discriminator's weights do not change here, so their gradients are not computed.
    networks.discriminator.requires_grad_(False)
    with networks.arithmetic():
        logits = networks.discriminator(synthetic)
        loss = binary_cross_entropy_with_logits(logits, torch.full_like(logits, real_label))
    loss.backward()  # type: ignore[no-untyped-call]
    networks.discriminator.requires_grad_(True)
    networks.generator_optimiser.step()
    return loss.detach()


class EpochSums:
    """What the batches of an epoch add up to, kept on the device.

    Reading a number at each step would make a GPU wait.
    """

    def __init__(self, device: torch.device) -> None:
        self._tensors = {
            "losses": torch.zeros(2, dtype=torch.float64, device=device),  # generator's first
            "correct": torch.zeros(2, dtype=torch.int64, device=device),  # of real, of synthetic
            "squares": torch.zeros(2, dtype=torch.float64, device=device),  # likewise
        }

    def tensors(self) -> dict[str, Tensor]:
        """The sums so far, for a checkpoint within an epoch."""
        return self._tensors

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Take over what `tensors()` gave."""
        for name, tensor in self._tensors.items():
            tensor.copy_(tensors[name])

    def add(self, losses: Tensor, correct: Tensor, real: Tensor, synthetic: Tensor) -> None:
        """Add a batch: mean losses `(2,)`, counts `(2,)`, and its images `(N, 1, H, W)`."""
        self._tensors["losses"] += losses * len(real)
        self._tensors["correct"] += correct
        if len(real) > 1:
            self._tensors["squares"] += torch.stack([_spread(real), _spread(synthetic)])

    def means(self, images: int) -> dict[str, float]:
        """Mean losses, accuracies, and the diversity of synthetic images, for the log.

        The diversity is that of `miua.metrics.diversity`, but over pairs within a batch, where
        the weights are the same: their root mean squared difference, over that of the real images
        as they were trained on. It is nan without such pairs, or if the real images are all equal.
        """
        losses = (self._tensors["losses"] / images).tolist()
        accuracies = (self._tensors["correct"].double() / images).tolist()
        of_real, of_synthetic = self._tensors["squares"].tolist()
        diversity = (of_synthetic / of_real) ** 0.5 if of_real > 0 else float("nan")
        return dict(zip(MEANS, (*losses, *accuracies, diversity), strict=True))


def train_batch(
    networks: Adversaries, dataset: Tensor, draws: Draws, config: TrainingConfig, sums: EpochSums
) -> None:
    """One update of each network on the images `draws.order` of the uint8 stack `dataset`."""
    images, corners = to_model_space(dataset[draws.order]), config.augmentation.corners
    real = augment(images, draws.mirrored, draws.angles, corners)
    real = real.contiguous(memory_format=torch.channels_last)
    label = config.real_label
    discriminator_loss, correct, synthetic = discriminator_step(networks, real, draws.latent, label)
    generator_loss = generator_step(networks, synthetic, label)
    losses = torch.stack([generator_loss, discriminator_loss])
    sums.add(losses, correct, real, synthetic.detach())


def _spread(batch: Tensor) -> Tensor:
    """Sum of squared distances to the batch's mean image."""
    return (batch - batch.mean(dim=0)).double().square().sum()
