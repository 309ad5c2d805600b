"""Small reader studies of images that look like something."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from miua.data import ImageStack
from miua.files import sha256_array
from miua.survey.build import Given, build_study
from miua.survey.design import REAL
from miua.survey.planning import Design
from miua.survey.words import english
from tests.evaluation.textures import textures

SMALL = Design(synthetic=4, real=2, practice=2, repeated=0.34, readers=3)
SEED = 7


def given(name, images, path=None):
    """An image stack as the command line names it."""
    names = tuple(f"{index}.png" for index in range(len(images)))
    return Given(
        name, path or f"folder of {name or 'real'}", ImageStack(images, names, sha256_array(images))
    )


def stacks(sets=2, images=12, size=16):
    """Real images and so many synthetic sets, each image different from all others."""
    names = [REAL, *(f"fabricated {number}" for number in range(1, sets + 1))]
    return [given(name, textures(place, images, size)) for place, name in enumerate(names)]


def noise(height, width, seed, images=6):
    """Images (N, H, W) of any size, each different from all others."""
    return np.random.default_rng(seed).integers(0, 256, (images, height, width), dtype=np.uint8)


def make_study(out: Path, numbers: Design = SMALL, *, words=None, seed=SEED, made=None, **sizes):
    """Build a study in `out`; what `build_study` says of it."""
    return build_study(
        out,
        made or stacks(**sizes),
        numbers,
        words or english(),
        title="A <study> & its title",
        seed=seed,
    )


def words_of_keys():
    """Words in which every sentence is its own name, in brackets, with its places."""
    own = english()
    places = {
        name: " ".join(part.split("}")[0] for part in text.split("{")[1:])
        for name, text in own.sentences.items()
    }
    marked = {
        name: f"⟦{name}⟧" + "".join(f" {{{place}}}" for place in inside.split())
        for name, inside in places.items()
    }
    return replace(own, language="x-keys", sentences=marked)
