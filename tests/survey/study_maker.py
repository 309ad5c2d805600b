"""Reader studies and answers made for tests: their readers are drawn, never people."""

import hashlib
import json
from pathlib import Path

import numpy as np

from miua.files import read_array, sha256_array, sha256_file
from miua.survey.study_files import (
    KEY_FILE,
    STUDY_FILE,
    Answers,
    Key,
    KeyImage,
    ReaderStudy,
    ShownImage,
    canonical,
    digest_of,
)

SIDE = 4


class MadeStudy:
    """A study's folder, and files of answers to it."""

    def __init__(self, folder, study, key):
        self.folder, self.study, self.key = folder, study, key
        self.sha256 = hashlib.sha256((folder / STUDY_FILE).read_bytes()).hexdigest()

    def is_real(self, image):
        return self.key.images[image].kind == "real"

    def answers(self, reader, judge, *, role="engineer", **changes):
        """A file's content; judge(image, place) gives what differs from a dull answer."""
        order = self.study.orders[reader - 1]
        content = {
            "schema_version": 1,
            "study": self.sha256,
            "reader": reader,
            "role": role,
            "experience_years": 7,
            "consented": "2026-03-02T09:00:00Z",
            "started": "2026-03-02T09:01:00Z",
            "finished": "2026-03-02T09:31:00Z",
            "automated": False,
            "sittings": 1,
            "zoom": 8,
            "practice": [_answer(p, i.id, {}) for p, i in enumerate(self.study.practice, 1)],
            "answers": [_answer(p, image, judge(image, p)) for p, image in enumerate(order, 1)],
        }
        content |= changes
        Answers.model_validate(content | {"sha256": "0" * 64})
        return content

    def write(self, content, name=None):
        """The file of some content, with the hash that fits; returns its path."""
        path = self.folder / (name or f"answers-reader-{content['reader']:02d}.json")
        path.write_bytes(canonical({**content, "sha256": digest_of(content)}))
        return path

    def reader(self, reader, judge, **changes):
        return self.write(self.answers(reader, judge, **changes))


def _answer(place, image, given):
    dull = {"real": True, "quality": 3, "confidence": 3, "comment": "", "milliseconds": 4000}
    return {"place": place, "image": image, "changes": 0, **dull, **given}


def make_study(folder, sets=None, *, real=6, readers=5, repeated=6, practice=2, seed=0):
    """A study of drawn images.

    sets: images of each synthetic set by its name. repeated: images shown twice.
    """
    sets = {"a": 5, "b": 5} if sets is None else sets
    draws = np.random.default_rng(seed)
    shape = (practice + max([real, *sets.values()]), SIDE, SIDE)
    stacks = {name: draws.integers(0, 256, shape, np.uint8) for name in ["", *sets]}
    wanted = {"": (real, practice)} | {name: (n, 0) for name, n in sets.items()}
    hashes = {name: sha256_array(stack) for name, stack in stacks.items()}
    return build(folder, stacks, wanted, hashes, readers=readers, repeated=repeated, seed=seed)


def study_of_results(results, folder, *, each=3, real=6, readers=5, repeated=6, seed=0):
    """A study of the images of a results folder's main grid: a miua.study.store.Results."""
    paths = {chosen.set: results.set_stack(chosen.set) for chosen in results.sets}
    paths[""] = results.reference_stack
    stacks = {name: read_array(path) for name, path in paths.items()}
    hashes = {name: sha256_file(path) for name, path in paths.items()}
    wanted = {name: (each if name else real, 0 if name else 1) for name in stacks}
    return build(folder, stacks, wanted, hashes, readers=readers, repeated=repeated, seed=seed)


def build(folder, stacks, wanted, hashes, *, readers, repeated, seed):
    """wanted: of each stack how many images are judged, and how many are practice before them."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    draws = np.random.default_rng(seed)
    chosen = [
        (name, place, place < practice)
        for name, (judged, practice) in wanted.items()
        for place in range(judged + practice)
    ]
    names = [f"i{number:03d}" for number in draws.permutation(len(chosen))]
    images, practising, key = [], [], {}
    for identity, (name, place, practised) in zip(names, chosen, strict=True):
        digest = sha256_array(stacks[name][place])
        shown = ShownImage(id=identity, sha256=digest)
        (practising if practised else images).append(shown)
        kind = "synthetic" if name else "real"
        key[identity] = KeyImage(
            kind=kind, set=name, source=name or "real", place=place, sha256=digest
        )
    sealed = Key(seed=seed, images=key, stacks=hashes)
    (folder / KEY_FILE).write_text(json.dumps(sealed.model_dump()), encoding="utf-8")
    judged = [image.id for image in images]
    orders = []
    for _ in range(readers):
        order = draws.permutation(judged).tolist()
        orders.append(order + draws.permutation(order[:repeated]).tolist())
    study = ReaderStudy(
        title="A study for tests",
        width=stacks[""].shape[2],
        height=stacks[""].shape[1],
        practice=practising,
        images=images,
        orders=orders,
        language="en",
        words={"welcome": "Welcome"},
        key_sha256=hashlib.sha256((folder / KEY_FILE).read_bytes()).hexdigest(),
    )
    (folder / STUDY_FILE).write_text(json.dumps(study.model_dump()), encoding="utf-8")
    return MadeStudy(folder, study, sealed)


def drawn_reader(made, seed, *, real_share=0.8, fooled=0.5, quality=None):
    """A judge: calls so many real images real, and so many synthetic ones; seeded."""
    draws = np.random.default_rng(seed)
    quality = quality or {}

    def judge(image, place):
        share = real_share if made.is_real(image) else fooled
        level = quality.get(made.key.images[image].set, 3) + draws.normal(0, 0.7)
        return {
            "real": bool(draws.random() < share),
            "quality": int(np.clip(round(level), 1, 5)),
            "confidence": int(draws.integers(1, 6)),
            "milliseconds": int(draws.integers(1500, 9000)),
        }

    return judge
