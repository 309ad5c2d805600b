"""From a run's checkpoint to a synthetic set: each image from a seed of its own."""

import re
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from miua.checkpoint import Position, load_checkpoint
from miua.config import TrainingConfig, read_config
from miua.data.model_space import to_image_stack
from miua.dcgan import Generator
from miua.errors import MiuaError
from miua.files import atomic_folder, read_json, sha256_array, write_array
from miua.progress import Progress
from miua.provenance import provenance, write_provenance
from miua.training.adversaries import with_prefix
from miua.training.device import choose_device, set_precision
from miua.training.draws import Stream, seeded_generator
from miua.training.run_folder import divergence

CHUNK = 100
SET_FILE = re.compile(r"provenance\.json|images\.npy|\d{4,}\.png")


def generate(
    run: Path,
    epoch: int,
    out: Path,
    *,
    images: int = 800,
    seed: int = 0,
    as_png: bool = False,
    device: str = "auto",
    threads: int | None = None,
    record_divergence: bool = False,
) -> NDArray[np.uint8]:
    """Make a synthetic set from one epoch of a run and save it with its provenance.

    Image `i` comes from a latent vector drawn with the seed `(seed, i)`, and batch norm uses the
    statistics of training, so no image depends on the others of its set.

    Args:
        run: a run folder that kept a checkpoint of `epoch`.
        out: the set's folder, which must not exist or hold a set; it appears whole.
        as_png: PNG files instead of one images.npy.
        device: "auto", "cpu" or "cuda"; `threads` are the CPU's.
        record_divergence: if the training diverged before this epoch, leave a set without images
            whose provenance says why (`not_made`), instead of an error.

    Returns:
        The image stack, uint8 `(images, H, W)`; without images where the training diverged.

    Raises:
        MiuaError: the run or the epoch is missing, or `out` holds something else.
    """
    if not (run / "config.yaml").exists():
        raise MiuaError(f"{run} is not a run folder: it has no config.yaml. Train first.")
    if images < 1:
        raise MiuaError(f"A synthetic set needs at least one image, not {images}.")
    _check_place(out)
    config = read_config(run / "config.yaml", TrainingConfig)
    place = choose_device(device, threads)
    diverged = divergence(run)
    if record_divergence and diverged and diverged["epoch"] <= epoch:
        record = provenance(inputs={"checkpoint": ""}, settings={"run": run.name, "epoch": epoch})
        stack = np.empty((0, config.image_size, config.image_size), np.uint8)
        _save(out, stack, {**record, "not_made": diverged["reason"]}, as_png=True)
        return stack
    stack, checkpoint = _draw(run, epoch, config, images, seed, place)
    asked = {"run": run.name, "epoch": epoch, "images": images, "seed": seed}
    record = provenance(
        inputs={"checkpoint": checkpoint},
        settings={**asked, "batch_norm": "statistics of training"},
        device=str(place),
        threads=torch.get_num_threads(),
    )
    record["outputs"] = {"images": sha256_array(stack)}
    _save(out, stack, record, as_png)
    return stack


def _check_place(out: Path) -> None:
    """Refuse to replace anything but nothing or an older set."""
    if not out.exists():
        return
    names = [path.name for path in out.iterdir()] if out.is_dir() else [""]
    record = out / "provenance.json"
    inputs = read_json(record)["inputs"] if names and record.exists() else {}
    if not all(map(SET_FILE.fullmatch, names)) or (names and "checkpoint" not in inputs):
        raise MiuaError(f"{out} holds other files. Choose an empty or new folder for --out.")


def _draw(
    run: Path, epoch: int, config: TrainingConfig, images: int, seed: int, device: torch.device
) -> tuple[NDArray[np.uint8], str]:
    """The images of a set, and the checkpoint's SHA-256."""
    tensors, facts = load_checkpoint(run, Position(epoch), config)
    generator = Generator(config.image_size, config.latent_size, config.feature_maps)
    try:
        generator.load_state_dict(with_prefix(tensors, "generator."))
    except RuntimeError:
        raise MiuaError(
            f"{run}: the checkpoint of epoch {epoch} holds other tensors than its configuration "
            "says. Train again."
        ) from None
    generator.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    generator.eval()
    set_precision("float32", device)  # whatever the training was allowed
    stacks = []
    with Progress("Generating", images, "images") as bar, torch.inference_mode():
        for start in range(0, images, CHUNK):
            of_images = range(start, min(start + CHUNK, images))
            draws = [seeded_generator(seed, Stream.SYNTHETIC_IMAGE, image) for image in of_images]
            latent = [torch.randn(generator.latent_size, generator=each) for each in draws]
            stacks.append(to_image_stack(generator(torch.stack(latent).to(device))))
            bar.advance(len(latent))
    return np.concatenate(stacks), str(facts["sha256"])


def _save(out: Path, stack: NDArray[np.uint8], record: dict[str, object], as_png: bool) -> None:
    with atomic_folder(out, replace=True) as made:
        if as_png:
            digits = max(4, len(str(len(stack) - 1)))
            for index, image in enumerate(stack):
                Image.fromarray(image).save(made / f"{index:0{digits}d}.png")
        else:
            write_array(made / "images.npy", stack)
        write_provenance(made, record)
