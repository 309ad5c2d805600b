"""A synthetic dataset in HC18's format, for trying everything without real images.

Phantoms look like ultrasound of fetal heads and are none: nothing measured on them says anything
about real images. head.py draws them.
"""

import csv
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from miua.data.folder import TRAINING_SET
from miua.data.hc18 import TABLE_HEADER, TABLE_NAME, annotation_path
from miua.data.head import HEIGHT, WIDTH, Ellipse, draw_head, draw_view, grey_image
from miua.data.threads import in_threads, usable_cores
from miua.errors import MiuaError
from miua.files import atomic_folder, read_json, write_json
from miua.progress import progress
from miua.provenance import provenance, write_provenance

# What a folder of phantoms is made of; also tells whether a folder holds the same ones.
RECIPE_NAME = "phantoms.json"
FORMAT_VERSION = 2  # raise it whenever the same seed would give other images
# Shares of HC18's subjects that have a second image, of those a third, of those a fourth.
FURTHER_IMAGES = (164 / 806, 23 / 164, 6 / 23)


class Phantom(NamedTuple):
    """One image: uint8 (540, 800), the skull's outer border, pixel size and circumference in mm."""

    image: NDArray[np.uint8]
    ellipse: Ellipse
    pixel_size: float
    circumference: float


def write_phantoms(folder: Path, images: int, seed: int, threads: int | None = None) -> Path:
    """Write `images` phantoms in HC18's layout to `folder`; the folder of the images in it.

    As in HC18, training_set/ holds the images and their annotations, and the table lies beside it.
    The same `seed` gives the same files whatever `threads` is (default: the cores at hand), and
    the first images of a larger dataset are those of a smaller one. The folder appears whole; if
    it exists with the same phantoms, nothing is done. MiuaError: it holds anything else.
    """
    recipe = {"phantoms": FORMAT_VERSION, "images": images, "seed": seed}
    if folder.exists() and not folder.is_dir():
        raise MiuaError(f"{folder} is a file. Name a new folder for the phantoms.")
    if folder.is_dir() and any(folder.iterdir()):
        known = folder / RECIPE_NAME
        if not known.is_file() or read_json(known) != recipe:
            raise MiuaError(
                f"{folder} already holds something else than these {images} phantoms of seed "
                f"{seed}. Name another folder, or remove it."
            )
        return folder / TRAINING_SET
    try:
        with atomic_folder(folder) as made:
            _write(made, images, seed, threads, recipe)
    except OSError as error:
        raise MiuaError(
            f"{folder} cannot be written: {error.strerror or error}. Nothing of it was kept. Fix "
            "the cause, or name another folder; then run the same command again."
        ) from error
    return folder / TRAINING_SET


def phantom(seed: int, subject: int, number: int) -> Phantom:
    """The image `number` (1, 2, ...) of `subject` in the dataset of `seed`, always the same."""
    head = draw_head(np.random.default_rng([seed, subject, 0]))
    rng = np.random.default_rng([seed, subject, number])
    view = draw_view(head, rng)
    image = grey_image(head, view, rng)
    # What the scanner's screen adds in HC18: a grey wedge, and a box where text was removed.
    if rng.random() < 0.85:
        top, bottom = 25 + int(rng.integers(8)), 180 + int(rng.integers(16))
        image[top:bottom, 5:11] = np.linspace(250, 5, bottom - top).astype(np.uint8)[:, None]
    if rng.random() < 0.85:
        left, top = int(rng.integers(585, 650)), int(rng.integers(405, 455))
        image[top : top + 100, left:770] = 0
    return Phantom(image, view.ellipse, view.pixel_size, head.circumference)


def _write(made: Path, images: int, seed: int, threads: int | None, recipe: dict[str, int]) -> None:
    """Images, annotations, table, recipe and provenance, into a new folder."""
    (made / TRAINING_SET).mkdir()
    write = partial(_write_image, made / TRAINING_SET, seed)
    written = in_threads(write, image_layout(images, seed), threads or usable_cores())
    rows = sorted(progress(written, "Making phantoms", "images", total=images))
    with (made / TABLE_NAME).open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\r\n")  # as HC18's table
        table.writerows([TABLE_HEADER, *rows])
    write_json(made / RECIPE_NAME, recipe)
    write_provenance(made, provenance(inputs={}, settings=recipe))


def image_layout(images: int, seed: int) -> list[tuple[int, int]]:
    """(subject, number of the image) for each image: some subjects have up to four, as in HC18."""
    rng = np.random.default_rng([seed])
    layout: list[tuple[int, int]] = []
    subject = 0
    while len(layout) < images:
        further = np.cumprod(rng.random(len(FURTHER_IMAGES)) < FURTHER_IMAGES).sum()
        layout += [(subject, number) for number in range(1, 2 + int(further))]
        subject += 1
    return layout[:images]


def _write_image(folder: Path, seed: int, which: tuple[int, int]) -> tuple[str, str, str]:
    """Write image and annotation; the image's row of the table."""
    made, (subject, number) = phantom(seed, *which), which
    path = folder / f"{subject:03d}_{number if number > 1 else ''}HC.png"
    # Speckle hardly compresses: a higher level costs time and gains nothing.
    Image.fromarray(made.image).save(path, compress_level=2)
    outline = made.ellipse.outline(WIDTH, HEIGHT)
    Image.fromarray(outline).save(annotation_path(path), compress_level=2)
    return path.name, f"{made.pixel_size:.12g}", f"{made.circumference:.12g}"
