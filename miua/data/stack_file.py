"""An image stack as a folder: images.npy, the names of its images, and what made it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from miua.data.stack import Fit, ImageStack, read_stack
from miua.errors import MiuaError
from miua.files import sha256_array, write_array, write_json
from miua.provenance import provenance, write_provenance

REFERENCE_DRAW = 1


def save_stack(
    source: Path,
    out: Path,
    size: int | None,
    fit: Fit = "stretch",
    images: int | None = None,
    seed: int = 0,
    *,
    crop_size: int | None = None,
) -> ImageStack:
    """Read `source` as an image stack and save it, or a random part of it, in the folder `out`.

    Args:
        source: a folder of images or an .npy image stack.
        out: gets images.npy, names.json and provenance.json; images.npy is written last.
        size: side of the square images, in pixels; None leaves them as they are.
        fit: how an image becomes square.
        images: how many to draw, without repetition; all of them, in order, if None.
        seed: seed of the draw.
        crop_size: pixels that the fit "crop" takes; the most there are if None.

    Raises:
        MiuaError: the source cannot be read, or has fewer images than asked.
    """
    stack = read_stack(source, size, fit, crop_size=crop_size)
    if images is not None:
        if images > len(stack):
            raise MiuaError(f"{source} has {len(stack)} images; {images} cannot be drawn from it.")
        stack = drawn(stack, images, seed)
    record = provenance(
        inputs={"source": stack.digest},
        settings={
            "size": size,
            "fit": fit,
            "crop_size": crop_size,
            "images": images,
            "seed": seed,
        },
    )
    record["outputs"] = {"images": sha256_array(stack.images)}
    write_json(out / "names.json", list(stack.names))
    write_provenance(out, record)
    write_array(out / "images.npy", stack.images)
    return stack


def drawn(stack: ImageStack, images: int, seed: int) -> ImageStack:
    """So many images of a stack, drawn at random without repetition, in the stack's order."""
    # Not the draw of training subsets: with it, the reference images would be exactly those
    # that one of the networks was trained on.
    order = np.random.default_rng((seed, REFERENCE_DRAW)).permutation(len(stack))
    chosen = np.sort(order[:images])
    names = tuple(stack.names[index] for index in chosen)
    return replace(stack, images=stack.images[chosen], names=names)
