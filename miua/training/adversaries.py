"""The two networks with their optimisers: all that training changes."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from miua.config import TrainingConfig
from miua.dcgan import Discriminator, Generator, initialise
from miua.training.draws import Stream, seeded_generator


class Adam(torch.optim.Adam):
    """torch's Adam. Its step is the same function, without what wraps it for the compiler."""

    step = torch.no_grad()(getattr(torch.optim.Adam.step, "__wrapped__", torch.optim.Adam.step))


class Adversaries:
    """A generator and a discriminator with an optimiser each, on `device`.

    Their weights are those that the seed gives. `config.precision` is that of the convolutions;
    weights and optimisers are float32 in any case.
    """

    def __init__(self, config: TrainingConfig, device: torch.device) -> None:
        draws = seeded_generator(config.seed, Stream.WEIGHTS)
        self.precision = config.precision
        self.generator = Generator(config.image_size, config.latent_size, config.feature_maps)
        self.discriminator = Discriminator(config.image_size, config.feature_maps)
        for network in (self.generator, self.discriminator):
            initialise(network, config.weight_deviation, draws)
            # Convolutions with the channels innermost are faster, on CPUs and on GPUs.
            network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        betas, decay = (config.beta1, config.beta2), config.weight_decay
        # Fused: each weight is read and written once a step.
        adam = partial(Adam, betas=betas, weight_decay=decay, fused=True)
        rates = config.learning_rate_generator, config.learning_rate_discriminator
        self.generator_optimiser = adam(self.generator.parameters(), lr=rates[0])
        self.discriminator_optimiser = adam(self.discriminator.parameters(), lr=rates[1])

    def arithmetic(self) -> torch.autocast:
        """The context of a forward pass.

        A new one for each: within one, weights that were rounded stay so though they change.
        """
        device = next(self.generator.parameters()).device
        return torch.autocast(
            device.type, torch.bfloat16, enabled=self.precision == "bfloat16", cache_enabled=False
        )

    def tensors(self) -> dict[str, Tensor]:
        """Everything under flat names: `generator.*`, `discriminator_optimiser.3.exp_avg`, ..."""
        flat: dict[str, Tensor] = {}
        for part in ("generator", "discriminator"):
            for name, tensor in getattr(self, part).state_dict().items():
                flat[f"{part}.{name}"] = tensor
            state = getattr(self, f"{part}_optimiser").state_dict()["state"]
            for index, values in state.items():
                for name, tensor in values.items():
                    flat[f"{part}_optimiser.{index}.{name}"] = tensor
        return flat

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Take over what `tensors()` gave."""
        for part in ("generator", "discriminator"):
            network, optimiser = getattr(self, part), getattr(self, f"{part}_optimiser")
            network.load_state_dict(with_prefix(tensors, f"{part}."))
            parameters = list(network.parameters())
            state: dict[int, dict[str, Tensor]] = {}
            for key, tensor in with_prefix(tensors, f"{part}_optimiser.").items():
                index, name = key.split(".")
                # A moment lies in memory as its weights do: the fused optimiser goes through both.
                like = parameters[int(index)]
                moment = torch.empty_like(like) if tensor.shape == like.shape else tensor.clone()
                state.setdefault(int(index), {})[name] = moment.copy_(tensor)
            groups = optimiser.state_dict()["param_groups"]
            optimiser.load_state_dict({"state": state, "param_groups": groups})


def with_prefix(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors under a prefix, without it."""
    return {name[len(prefix) :]: t for name, t in tensors.items() if name.startswith(prefix)}


def _do_without_compiler() -> None:
    """Answer what torch's optimisers ask at their first call: what to call, not compiled.

    They would load `torch._dynamo` for it, which takes longer than loading torch itself.
    `tests/training/test_optimiser.py` sees to it that this stays away, and that the steps are
    Adam's.
    """
    for method in vars(torch.optim.Optimizer).values():
        if plain := getattr(method, "__wrapped__", None):
            setattr(plain, "__dynamo_disable", plain)


_do_without_compiler()
