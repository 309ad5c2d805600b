"""The training loop: one, for every size and every variant of the study.

Every random draw of an epoch comes from one generator seeded by (seed, epoch). So a run that was
interrupted goes on from its last checkpoint and ends with the same weights as one that was not.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from miua.checkpoint import load_checkpoint, remove_checkpoint, save_checkpoint, saved_epochs
from miua.config import TrainingConfig, config_hash, differences, read_config, write_config
from miua.data import subset
from miua.data.augmentation import augment
from miua.data.model_space import to_image_stack, to_model_space
from miua.dcgan import Discriminator, Generator, initialise
from miua.errors import MiuaError
from miua.files import atomic_path, locked, read_json, sha256_array, write_json, write_text
from miua.progress import Progress, say
from miua.provenance import provenance, write_provenance

SECONDS_BETWEEN_CHECKPOINTS = 120
DIVERGED = "diverged.json"  # in the run folder of a training that ended early, with the reason
GRID_SIDE = 8


class Stream(IntEnum):
    """What a random draw is for; no two purposes share a generator."""

    WEIGHTS = 0
    EPOCH = 1
    SAMPLE_GRID = 2
    SYNTHETIC_IMAGE = 3


def seeded_generator(*key: int) -> torch.Generator:
    """A CPU generator for one purpose, independent of every other key's."""
    state = np.random.SeedSequence(key).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state[0]))


class DivergedError(MiuaError):
    """The training ended before its last epoch, as a loss was no number any more."""


@dataclass
class Adversaries:
    """The two networks with their optimisers: all that training changes."""

    generator: Generator
    discriminator: Discriminator
    generator_optimiser: torch.optim.Adam
    discriminator_optimiser: torch.optim.Adam

    @classmethod
    def create(cls, config: TrainingConfig, device: torch.device) -> Adversaries:
        """Fresh networks with the weights that the seed gives, on `device`."""
        draws = seeded_generator(config.seed, Stream.WEIGHTS)
        generator = Generator(config.image_size, config.latent_size, config.feature_maps)
        discriminator = Discriminator(config.image_size, config.feature_maps)
        for network in (generator, discriminator):
            initialise(network, config.weight_deviation, draws)
            # Convolutions with the channels innermost are faster, on CPUs and on GPUs.
            network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]

        def adam(network: nn.Module, learning_rate: float) -> torch.optim.Adam:
            return torch.optim.Adam(
                network.parameters(),
                lr=learning_rate,
                betas=(config.beta1, config.beta2),
                weight_decay=config.weight_decay,
            )

        return cls(
            generator,
            discriminator,
            adam(generator, config.learning_rate_generator),
            adam(discriminator, config.learning_rate_discriminator),
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
            getattr(self, part).load_state_dict(with_prefix(tensors, f"{part}."))
            optimiser = getattr(self, f"{part}_optimiser")
            state: dict[int, dict[str, Tensor]] = {}
            for key, tensor in with_prefix(tensors, f"{part}_optimiser.").items():
                index, name = key.split(".")
                state.setdefault(int(index), {})[name] = tensor
            groups = optimiser.state_dict()["param_groups"]
            optimiser.load_state_dict({"state": state, "param_groups": groups})


def with_prefix(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors under a prefix, without it."""
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def train(
    config: TrainingConfig,
    stack: NDArray[np.uint8],
    run: Path,
    *,
    device: str = "auto",
    threads: int | None = None,
) -> None:
    """Train a DCGAN on an image stack, or go on where an interrupted training stopped.

    Args:
        config: every choice; `config.training_size` images are drawn from the stack by the seed.
        stack: uint8 `(N, H, W)` with `H = W = config.image_size`.
        run: the run folder, made if needed: config.yaml, log.jsonl, checkpoints/, samples/,
            provenance.json.
        device: "auto" takes CUDA where available.
        threads: CPU threads; results on a CPU are bit-identical for the same number.

    Raises:
        MiuaError: the run folder belongs to another configuration or other images, or there are
            too few images.
        DivergedError: a loss stopped being finite. It would do so again, so the same call says it
            at once; the run folder holds diverged.json.
    """
    place = choose_device(device, threads)
    images = _training_images(config, stack)
    with locked(
        run / ".lock", busy=f"Another training is at work in {run}. Wait for it, or stop it."
    ):
        config = _claim_run_folder(run, config, images)
        if diverged := divergence(run):
            raise DivergedError(f"{run}: {diverged['reason']} Remove the folder to try again.")
        networks = Adversaries.create(config, place)
        done = _resume(run, config, networks)
        _record_start(run, config, images, place, done)
        if done == config.epochs[-1]:
            say(f"{run}: already trained to epoch {done}.")
        _train_epochs(run, config, networks, torch.from_numpy(images).to(place), done)


def _train_epochs(
    run: Path, config: TrainingConfig, networks: Adversaries, dataset: Tensor, done: int
) -> None:
    """Train from the epoch after `done` to the last, saving what a person and a resume need."""
    last = config.epochs[-1]
    saved_at = time.monotonic()
    size = len(dataset)
    with Progress(f"Training {run.name}", last * size, "images", done=done * size) as bar:
        for epoch in range(done + 1, last + 1):
            started = time.monotonic()
            losses = _train_epoch(networks, dataset, config, epoch, bar)
            _log_epoch(run, config, size, epoch, losses, time.monotonic() - started)
            wanted = epoch in config.epochs
            if wanted or time.monotonic() - saved_at > SECONDS_BETWEEN_CHECKPOINTS:
                _save(run, config, networks, epoch)
                saved_at = time.monotonic()
            if wanted or _is_round(epoch):
                _save_sample_grid(run, config, networks.generator, epoch)
    for epoch in set(saved_epochs(run)) - set(config.epochs):
        remove_checkpoint(run, epoch)


def divergence(run: Path) -> dict[str, Any] | None:
    """Epoch and reason of the end of a training that diverged; None for any other run."""
    found: dict[str, Any] | None = None
    if (run / DIVERGED).exists():
        found = read_json(run / DIVERGED)
    return found


def choose_device(device: str, threads: int | None = None) -> torch.device:
    """Resolve "auto", and make the arithmetic on it repeatable."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise MiuaError("No CUDA device was found. Use --device cpu, or check the driver.")
    if threads:
        torch.set_num_threads(threads)
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
    return torch.device(device)


def discriminator_step(
    networks: Adversaries, real: Tensor, latent: Tensor, real_label: float
) -> tuple[Tensor, Tensor, Tensor]:
    """One update of the discriminator on a real and a synthetic batch.

    Returns:
        The loss, `()`; how many images of the real and of the synthetic batch it took for what
        they are (logit above 0 for real ones, below 0 for synthetic ones), `(2,)`; and the
        synthetic batch with its graph, for the generator's step.
    """
    networks.discriminator_optimiser.zero_grad(set_to_none=True)
    on_real = networks.discriminator(real)
    real_loss = binary_cross_entropy_with_logits(on_real, torch.full_like(on_real, real_label))
    real_loss.backward()  # type: ignore[no-untyped-call]
    synthetic = networks.generator(latent)
    on_synthetic = networks.discriminator(synthetic.detach())
    synthetic_loss = binary_cross_entropy_with_logits(on_synthetic, torch.zeros_like(on_synthetic))
    synthetic_loss.backward()  # type: ignore[no-untyped-call]
    networks.discriminator_optimiser.step()
    correct = torch.stack([(on_real > 0).sum(), (on_synthetic < 0).sum()])
    return (real_loss + synthetic_loss).detach(), correct, synthetic


def generator_step(networks: Adversaries, synthetic: Tensor, real_label: float) -> Tensor:
    """One update of the generator: make the discriminator call its images real. The loss, `()`.

    As in the released notebooks, a smoothed real label is the generator's aim too.
    """
    networks.generator_optimiser.zero_grad(set_to_none=True)
    # The discriminator's weights do not change here, so their gradients are not computed.
    networks.discriminator.requires_grad_(False)
    logits = networks.discriminator(synthetic)
    loss = binary_cross_entropy_with_logits(logits, torch.full_like(logits, real_label))
    loss.backward()  # type: ignore[no-untyped-call]
    networks.discriminator.requires_grad_(True)
    networks.generator_optimiser.step()
    return loss.detach()


def _train_epoch(
    networks: Adversaries, dataset: Tensor, config: TrainingConfig, epoch: int, bar: Progress
) -> dict[str, float]:
    """Every image once, in the epoch's own order. Mean losses and the discriminator's accuracy."""
    draws = seeded_generator(config.seed, Stream.EPOCH, epoch)
    device = dataset.device
    networks.generator.train()
    networks.discriminator.train()
    # Sums stay on the device: reading them each step would make a GPU wait.
    loss_sums = torch.zeros(2, device=device, dtype=torch.float64)
    correct_sums = torch.zeros(2, device=device, dtype=torch.int64)
    order = torch.randperm(len(dataset), generator=draws)
    batches = torch.split(order, config.batch_size)
    for batch in batches:
        real = augment(
            to_model_space(dataset[batch.to(device)]),
            draws,
            flip=config.augmentation.flip,
            rotation=config.augmentation.rotation,
            corners=config.augmentation.corners,
        ).contiguous(memory_format=torch.channels_last)
        latent = torch.randn(len(batch), config.latent_size, generator=draws).to(device)
        discriminator_loss, correct, synthetic = discriminator_step(
            networks, real, latent, config.real_label
        )
        generator_loss = generator_step(networks, synthetic, config.real_label)
        loss_sums += torch.stack([generator_loss, discriminator_loss]) * len(batch)
        correct_sums += correct
        bar.advance(len(batch))
    generator_mean, discriminator_mean = (loss_sums / len(dataset)).tolist()
    accuracy_real, accuracy_synthetic = (correct_sums.double() / len(dataset)).tolist()
    return {
        "updates": epoch * len(batches),
        "generator_loss": generator_mean,
        "discriminator_loss": discriminator_mean,
        "accuracy_real": accuracy_real,
        "accuracy_synthetic": accuracy_synthetic,
    }


def _training_images(config: TrainingConfig, stack: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The images that the seed draws from the stack; smaller sizes are contained in larger ones."""
    side = config.image_size
    if stack.dtype != np.uint8 or stack.ndim != 3 or stack.shape[1:] != (side, side):
        raise MiuaError(
            f"The configuration wants {side} x {side} images (uint8), "
            f"the stack has {stack.dtype} {stack.shape}."
        )
    size = len(stack) if config.training_size is None else config.training_size
    if size > len(stack):
        raise MiuaError(
            f"training_size is {size}, but there are only {len(stack)} images. "
            "Give more images or a smaller training_size."
        )
    chosen: NDArray[np.uint8] = stack[subset(len(stack), size, config.seed)]
    return chosen


def _claim_run_folder(
    run: Path, config: TrainingConfig, images: NDArray[np.uint8]
) -> TrainingConfig:
    """Write config.yaml, or refuse a folder that holds another training.

    Other epochs alone are no other training: the same run is then kept at these epochs too. The
    configuration that is returned and saved has all epochs that were ever asked for.
    """
    if (run / "provenance.json").exists():
        recorded = read_json(run / "provenance.json")["inputs"]
        if recorded != {"images": sha256_array(images)}:
            raise MiuaError(
                f"{run} was trained on other images than these. Choose another folder for --out."
            )
    path = run / "config.yaml"
    if path.exists():
        before = read_config(path, TrainingConfig)
        if changes := differences(before, config):
            raise MiuaError(
                f"{run} holds a training with another configuration ({'; '.join(changes)}). "
                "Choose another folder for --out."
            )
        epochs = sorted({*before.epochs, *config.epochs})
        config = config.model_copy(update={"epochs": epochs})
    write_config(path, config)
    return config


def _resume(run: Path, config: TrainingConfig, networks: Adversaries) -> int:
    """Load the newest checkpoint that no asked epoch is missing before; its epoch, or 0.

    A damaged checkpoint counts as missing, and is removed. So are those after a missing one: the
    way to it leads through them again, to the same bytes.
    """
    for epoch in saved_epochs(run):
        try:
            load_checkpoint(run, epoch)
        except MiuaError as error:
            say(f"{error} Falling back to the checkpoint before it.")
            remove_checkpoint(run, epoch)
    saved = saved_epochs(run)
    missing = [epoch for epoch in config.epochs if epoch not in saved]
    done = config.epochs[-1]
    if missing:
        done = max([epoch for epoch in saved if epoch < missing[0]], default=0)
    # Nothing may lie ahead of where the training stands: it would be taken for finished work.
    ahead = [epoch for epoch in saved if epoch > done]
    for epoch in ahead:
        remove_checkpoint(run, epoch)
    if ahead:
        again = ", ".join(map(str, ahead))
        say(f"{run}: epoch {missing[0]} is not there; trained again with it: {again}.")
    _cut_log(run, done)
    if missing and done:
        networks.load(load_checkpoint(run, done)[0])
        say(f"{run}: going on after epoch {done}.")
    elif missing and (run / "log.jsonl").exists():
        say(f"{run}: there is no checkpoint yet; starting again.")
    return done


def _record_start(
    run: Path, config: TrainingConfig, images: NDArray[np.uint8], device: torch.device, done: int
) -> None:
    """Write provenance.json; a training that goes on is added to what started before it."""
    record = provenance(
        inputs={"images": sha256_array(images)},
        settings={**config.model_dump(), "config_sha256": config_hash(config)},
        device=str(device),
        threads=torch.get_num_threads(),
    )
    path = run / "provenance.json"
    if path.exists():
        before = read_json(path)
        again = {key: record[key] for key in ("command", "commit", "packages", "device", "threads")}
        record = {**before, "settings": record["settings"]}
        if done < config.epochs[-1]:
            record["resumed"] = [*before.get("resumed", []), {"after_epoch": done, **again}]
    write_provenance(run, record)


def _save(run: Path, config: TrainingConfig, networks: Adversaries, epoch: int) -> None:
    """Save this epoch, then thin: keep the asked epochs and the newest two."""
    save_checkpoint(run, epoch, networks.tensors(), {"config_sha256": config_hash(config)})
    for old in saved_epochs(run)[:-2]:
        if old not in config.epochs:
            remove_checkpoint(run, old)


def _log_epoch(
    run: Path,
    config: TrainingConfig,
    images: int,
    epoch: int,
    losses: dict[str, float],
    seconds: float,
) -> None:
    """Append one line to log.jsonl; a loss that is not finite ends the training, for good."""
    finite = bool(np.isfinite([losses["generator_loss"], losses["discriminator_loss"]]).all())
    # JSON has no NaN.
    values = {key: value if np.isfinite(value) else None for key, value in losses.items()}
    line: dict[str, Any] = {"epoch": epoch, **values}
    line["seconds"] = round(seconds, 3)
    line["images_per_second"] = round(images / seconds, 2)
    with (run / "log.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    if not finite:
        reason = (
            f"a loss is not finite at epoch {epoch}: the training diverged. "
            f"The learning rates are {config.learning_rate_generator} (generator) and "
            f"{config.learning_rate_discriminator} (discriminator)."
        )
        write_json(run / DIVERGED, {"epoch": epoch, "reason": reason})
        raise DivergedError(f"{run}: {reason} Try smaller ones.")


def _cut_log(run: Path, epoch: int) -> None:
    """Forget the log of epochs after the checkpoint: they are trained again."""
    path = run / "log.jsonl"
    if path.exists():
        # A line that a power cut broke off has no newline, and is forgotten too.
        whole = path.read_text(encoding="utf-8").splitlines(keepends=True)
        lines = [line for line in whole if line.endswith("}\n")]
        write_text(path, "".join(line for line in lines if json.loads(line)["epoch"] <= epoch))


def _is_round(epoch: int) -> bool:
    """1, 2, 5, 10, 20, 50, ...: often enough to watch the images form."""
    return str(epoch).rstrip("0") in {"1", "2", "5"}


def _save_sample_grid(run: Path, config: TrainingConfig, generator: Generator, epoch: int) -> None:
    """Draw the same latent batch at every saved epoch, so that one sees the images form."""
    draws = seeded_generator(config.seed, Stream.SAMPLE_GRID)
    latent = torch.randn(GRID_SIDE**2, config.latent_size, generator=draws)
    device = next(generator.parameters()).device
    generator.eval()
    with torch.inference_mode():
        stack = to_image_stack(generator(latent.to(device)))
    side = config.image_size
    grid = stack.reshape(GRID_SIDE, GRID_SIDE, side, side).swapaxes(1, 2)
    with atomic_path(run / "samples" / f"epoch_{epoch:04d}.png") as path:
        Image.fromarray(grid.reshape(GRID_SIDE * side, GRID_SIDE * side)).save(path)
