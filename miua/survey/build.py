"""A reader study out of image stacks: the readers' page, study.json and the sealed key.

The page is one HTML file with all images in it, and not a word of the key.
"""

import base64
import hashlib
import json
import secrets
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from miua.charts.pictures import png
from miua.data import ImageStack
from miua.errors import MiuaError
from miua.files import atomic_folder, atomic_path, sha256_array
from miua.pages.kit import json_block, render, templates
from miua.provenance import PROVENANCE, provenance, write_file_provenance
from miua.survey.design import REAL, Stream, draw_ids, draw_orders, equal_shares, generator
from miua.survey.planning import Design
from miua.survey.study_files import (
    KEY_FILE,
    PAGE_FILE,
    STUDY_FILE,
    Key,
    KeyImage,
    ReaderStudy,
    ShownImage,
    canonical,
)
from miua.survey.words import Words
from miua.wording import counted, has_control

SEED_BITS = 128  # too many to try
README_FILE = "README.txt"
LARGE = 300  # pixels: a side that not every screen has room for
MOST_PAGE_BYTES = 50_000_000  # a page that no one can send by mail
# One program in the order of its parts: each uses only what stands before it.
PROGRAM = ("survey_session.js", "survey_store.js", "survey_image.js", "survey_screens.js")
# What a window has to have, in pixels of the page: beside and above an image, which questions
# stand beside; and at least, for the questions (survey.css).
ROOM = {"beside": 384, "above": 50, "narrowest": 700, "lowest": 392}


class Given(NamedTuple):
    """An image stack as it was named: its set's name (REAL for the real images) and its path."""

    set: str
    path: str
    stack: ImageStack


class Pool(NamedTuple):
    """What can be drawn of the stacks.

    places: of the images that may be drawn, by set. twice, shared: images left out, as their like
    is in the set already, or in another set, too.
    """

    places: Mapping[str, NDArray[np.int64]]
    twice: int
    shared: int


class Built(NamedTuple):
    """What was made, for who made it.

    counts: judged images by set. notes: what to know of them, in sentences.
    """

    folder: Path
    study_sha256: str
    counts: Mapping[str, int]
    notes: Sequence[str]
    page_bytes: int


def build_study(
    out: Path,
    stacks: Sequence[Given],
    design: Design,
    words: Words,
    *,
    title: str,
    seed: int | None = None,
) -> Built:
    """Draw the images and the orders, and write the folder `out`, whole or not at all.

    out: a new or an empty folder. stacks: the real images, set REAL, and at least one synthetic
    set; all of one size. design: how large the study is; its number of sets is that of `stacks`.
    words: the sentences of the page. title: of the page; readers see it. seed: number that all is
    drawn from, written into the sealed key alone; from the system's randomness if None.

    MiuaError: `out` is not empty, the title cannot be printed, the images differ in size, or there
    are too few. MissingExtraError: jinja2 is not installed.
    """
    check_asked(out, title)
    design = replace(design, sets=sum(each.set != REAL for each in stacks))
    height, width = _one_size(stacks)
    chosen = secrets.randbits(SEED_BITS) if seed is None else seed
    pool = pool_of(stacks)
    drawn, practice, judged = _draw(stacks, pool, design, chosen)
    pixels = {name: given.stack.images[place] for name, (given, place) in drawn.items()}
    images = {
        name: KeyImage(
            kind="synthetic" if given.set else "real",
            set=given.set,
            source=given.path,
            place=place,
            sha256=sha256_array(pixels[name]),
        )
        for name, (given, place) in drawn.items()
    }
    set_of = {name: images[name].set for name in judged}
    key = Key(seed=chosen, images=images, stacks={each.set: each.stack.digest for each in stacks})
    key_bytes = canonical(key.model_dump())
    shown = {name: ShownImage(id=name, sha256=image.sha256) for name, image in images.items()}
    study = ReaderStudy(
        title=title,
        width=width,
        height=height,
        practice=[shown[name] for name in practice],
        images=[shown[name] for name in sorted(judged)],
        orders=draw_orders(set_of, design.repeats, design.readers, chosen),
        language=words.language,
        words=words.sentences,
        key_sha256=hashlib.sha256(key_bytes).hexdigest(),
    )
    study_bytes = canonical(study.model_dump())
    page = _page(study, study_bytes, pixels).encode()
    if len(page) > MOST_PAGE_BYTES:
        raise MiuaError(
            f"The page would be {len(page) / 1e6:.0f} MB. Take fewer or smaller images (--size N)."
        )
    readme = _readme(title, out).encode()
    files = {PAGE_FILE: page, STUDY_FILE: study_bytes, KEY_FILE: key_bytes, README_FILE: readme}
    record = _provenance(stacks, design, words)
    with atomic_folder(out.absolute()) as made:
        for name, content in files.items():
            # The key is for its owner's eyes alone.
            with atomic_path(made / name, private=name == KEY_FILE) as temporary:
                temporary.write_bytes(content)
        write_file_provenance(made / PROVENANCE, record, [made / name for name in files])
    digest, judged_sets = hashlib.sha256(study_bytes).hexdigest(), list(set_of.values())
    counts = {each.set: judged_sets.count(each.set) for each in stacks}
    return Built(
        folder=out,
        study_sha256=digest,
        counts=counts,
        notes=_notes(pool, width, height),
        page_bytes=len(page),
    )


def smallest_window(width: int, height: int) -> tuple[int, int]:
    """Width and height of a window that has room for such images at one screen pixel a pixel."""
    window_height = max(height + ROOM["above"], ROOM["lowest"])
    return max(width + ROOM["beside"], ROOM["narrowest"], window_height), window_height


def _page(study: ReaderStudy, study_bytes: bytes, pixels: Mapping[str, NDArray[np.uint8]]) -> str:
    """The page, which carries `study_bytes` and answers with their SHA-256; pixels: by id."""
    data = {
        "study": json.loads(study_bytes),
        "hash": hashlib.sha256(study_bytes).hexdigest(),
        "room": ROOM,
        "pictures": {name: base64.b64encode(png(image)).decode() for name, image in pixels.items()},
    }
    return render(
        templates("miua.survey", "The page", "survey"),
        "survey.html",
        {"study": study, "words": study.words, "data": json_block(data)},
        styles=("survey.css",),
        scripts=PROGRAM,
        style_attributes=False,
        images="data: blob:",
    )


def pool_of(stacks: Sequence[Given]) -> Pool:
    """Every different image once; none that is in two stacks: its kind would be ambiguous."""
    hashes = {each.set: [sha256_array(image) for image in each.stack.images] for each in stacks}
    in_stacks = Counter(value for found in hashes.values() for value in set(found))
    places, twice, shared = {}, 0, 0
    for name, found in hashes.items():
        own = {value: place for place, value in reversed(list(enumerate(found)))}
        kept = sorted(place for value, place in own.items() if in_stacks[value] == 1)
        twice += len(found) - len(own)
        shared += len(own) - len(kept)
        places[name] = np.array(kept, dtype=np.int64)
    return Pool(places, twice, shared)


def _draw(
    stacks: Sequence[Given], pool: Pool, design: Design, seed: int
) -> tuple[dict[str, tuple[Given, int]], list[str], list[str]]:
    """Stack and place of each image by its id; the ids for practice, in order; those to judge."""
    synthetic = [each.set for each in stacks if each.set != REAL]
    to_judge = {REAL: design.real, **equal_shares(design.synthetic, synthetic, seed)}
    real = design.practice // 2
    # Another draw: the set with one more image to judge need not have one more for practice.
    to_try = {REAL: real, **equal_shares(design.practice - real, synthetic, seed + 1)}
    judged: list[tuple[Given, int]] = []
    tried: list[tuple[Given, int]] = []
    for index, given in enumerate(stacks):
        places, judge, practise = pool.places[given.set], to_judge[given.set], to_try[given.set]
        if judge + practise > len(places):
            also = f" {pool.shared} images are in another set, too: was the right folder given?"
            shared = also if pool.shared else ""
            raise MiuaError(
                f"{given.path} has {len(places)} usable images; {judge} to judge and {practise} "
                f"for practice are wanted.{shared} Give more images, or ask for fewer "
                "(--synthetic-images, --real-images, --practice)."
            )
        order = places[generator(seed, Stream.IMAGES, index).permutation(len(places))].tolist()
        judged += [(given, place) for place in order[:judge]]
        tried += [(given, place) for place in order[judge : judge + practise]]
    practice = [f"p{number}" for number in range(1, len(tried) + 1)]
    shuffled = generator(seed, Stream.PRACTICE).permutation(len(tried)).tolist()
    drawn = {name: tried[index] for name, index in zip(practice, shuffled, strict=True)}
    ids = draw_ids([given.set for given, _ in judged], seed)
    by_id = dict(zip(ids, judged, strict=True))
    return drawn | {name: by_id[name] for name in sorted(ids)}, practice, ids


def _one_size(stacks: Sequence[Given]) -> tuple[int, int]:
    sizes = {each.stack.images.shape[1:]: each.path for each in stacks}
    if len(sizes) > 1:
        listed = "\n".join(f"  {w} x {h} pixels: {path}" for (h, w), path in sizes.items())
        raise MiuaError(
            "The images differ in size, which would tell them apart. "
            f"Name one size for all of them (--size N).\n{listed}"
        )
    ((height, width),) = sizes
    return height, width


def check_asked(out: Path, title: str) -> None:
    """MiuaError unless `out` is new or an empty folder, and the title is text that can be shown."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise MiuaError(f"{out} is there already. Name a new folder, so that no key is lost.")
    if not title.strip():
        raise MiuaError("The title is empty. Name what readers are asked (--title).")
    if has_control(title):
        raise MiuaError(f"The title {title!r} has control characters. Give one without (--title).")


def _provenance(stacks: Sequence[Given], design: Design, words: Words) -> dict[str, object]:
    """What made the study, without the seed: who knows it can draw the key."""
    drawn = ("synthetic", "real", "practice", "repeated", "readers")
    record = provenance(
        inputs={each.set or "real images": each.stack.digest for each in stacks},
        settings={name: getattr(design, name) for name in drawn} | {"language": words.language},
    )
    pairs = zip(["", *record["command"]], record["command"], strict=False)
    kept = [word for before, word in pairs if "--seed" not in (before, word.partition("=")[0])]
    return {**record, "command": kept}


def _notes(pool: Pool, width: int, height: int) -> list[str]:
    left_out = {
        "the set already.": pool.twice,
        "another set, too: it would be unclear what they are.": pool.shared,
    }
    notes = [
        f"Not drawn from: {counted(images, 'image')}, whose like is in {where}"
        for where, images in left_out.items()
        if images
    ]
    if max(width, height) > LARGE:
        window = "{} x {}".format(*smallest_window(width, height))
        notes.append(
            f"The images are {width} x {height} pixels, so readers need a window of {window} or "
            "more. --size N makes them smaller, if they are not of --results."
        )
    return notes


def _readme(title: str, out: Path) -> str:
    return (
        f"{title}\n\n"
        f"{PAGE_FILE}  to the readers, each with a number of their own from 1 on.\n"
        f"{STUDY_FILE}  stays here; holds nothing secret. Answers are checked against it.\n"
        f"{KEY_FILE}  stays here, closed until all answers are in. It says what each image is.\n"
        f"{PROVENANCE}  what made this folder.\n\n"
        "Put the files that readers send back (answers-*.json) into one folder, and run:\n"
        f"miua survey score {shlex.quote(out.name)} FOLDER/*.json\n"
    )
