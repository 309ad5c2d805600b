"""The optimiser is Adam, and starts without torch's compiler."""

import subprocess
import sys

import torch

from miua.training.adversaries import Adversaries
from miua.training.draws import seeded_generator
from tests.training.runs import tiny

CPU = torch.device("cpu")

STEP = """
import sys, torch
from miua.config import TrainingConfig
from miua.training.adversaries import Adversaries
from miua.training.device import choose_device

networks = Adversaries(TrainingConfig(image_size=32), choose_device("cpu"))
for parameter in networks.generator.parameters():
    parameter.grad = torch.ones_like(parameter)
networks.generator_optimiser.step()
networks.generator_optimiser.zero_grad()
networks.load({name: tensor.clone() for name, tensor in networks.tensors().items()})
print("torch._dynamo" in sys.modules)
"""


def test_an_optimiser_does_not_load_the_compiler():
    said = subprocess.run([sys.executable, "-c", STEP], capture_output=True, text=True, check=True)
    assert said.stdout == "False\n"


def test_a_fused_step_is_adams_step(stack):
    """Also after a checkpoint, whose moments come back in another order in memory."""
    networks = Adversaries(tiny(feature_maps=8), CPU)
    plain = torch.optim.Adam(
        [p.detach().clone().requires_grad_() for p in networks.discriminator.parameters()],
        lr=2e-4, betas=(0.5, 0.999), fused=False, foreach=False,
    )  # fmt: skip
    for step in range(4):
        if step == 2:
            saved = {name: tensor.clone() for name, tensor in networks.tensors().items()}
            networks = Adversaries(tiny(feature_maps=8, seed=5), CPU)
            networks.load({name: tensor.contiguous() for name, tensor in saved.items()})
        draws = seeded_generator(step)
        for ours, theirs in zip(
            networks.discriminator.parameters(), plain.param_groups[0]["params"], strict=True
        ):
            gradient = torch.randn(ours.shape, generator=draws)
            ours.grad = torch.empty_like(ours).copy_(gradient)
            theirs.grad = gradient
        networks.discriminator_optimiser.step()
        plain.step()
    for ours, theirs in zip(
        networks.discriminator.parameters(), plain.param_groups[0]["params"], strict=True
    ):
        torch.testing.assert_close(ours, theirs)
