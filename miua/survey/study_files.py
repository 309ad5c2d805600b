"""What a reader study writes: the study, its sealed key, and one file of answers a reader.

All three are JSON of whole numbers, words and truth values alone, so that a browser and Python
write the same bytes for the same content (`canonical`).
"""

import hashlib
import json
from codecs import BOM_UTF8
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError

from miua.config import Strict
from miua.errors import MiuaError

# Raised by one whenever a key of one of the files changes its name or meaning.
SCHEMA: Literal[1] = 1
HIGHEST_QUALITY, HIGHEST_CONFIDENCE = 5, 5
STUDY_FILE, KEY_FILE, PAGE_FILE = "study.json", "sealed-key.json", "survey.html"

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0)]
WEEK = 7 * 24 * 3600 * 1000  # milliseconds
# Beyond what anyone does, and small enough for every table.
Often = Annotated[int, Field(ge=0, le=10**6)]
Model = TypeVar("Model", bound=BaseModel)


class ShownImage(Strict):
    """An image as readers get it. Its id says nothing of what it is.

    sha256: of its grey values, as `miua.files.sha256_array` takes them.
    """

    id: str = Field(pattern=r"^[a-z][0-9]+$")
    sha256: Digest


class ReaderStudy(Strict):
    """study.json: all that the page knows, without the pictures themselves.

    width, height: of every image, in pixels. practice: images shown first to everyone, in this
    order; their answers count for nothing. images: those to judge. orders: for reader 1, 2, ... the
    ids in the order of showing; some are shown twice. words: every sentence of the page by name,
    the consent among them, in `language`, such as "en". key_sha256: of the bytes of the sealed key,
    so that nobody can change it afterwards.
    """

    schema_version: Literal[1] = SCHEMA
    title: str
    width: int = Field(ge=1)
    height: int = Field(ge=1)
    practice: list[ShownImage]
    images: list[ShownImage] = Field(min_length=1)
    orders: list[list[str]] = Field(min_length=1)
    language: str
    words: dict[str, str]
    key_sha256: Digest


class KeyImage(Strict):
    """What an image is.

    set: the synthetic set's name; "" for a real image. source, place: the folder or file it is
    from, and its place in that image stack from 0 on. sha256: of its grey values.
    """

    kind: Literal["real", "synthetic"]
    set: str
    source: str
    place: Count
    sha256: Digest


class Key(Strict):
    """sealed-key.json: what every image is, practice images included, by id.

    seed: all was drawn from it, so who knows it can draw the key. stacks: SHA-256 of each image
    stack by set name, "" for the real images.
    """

    schema_version: Literal[1] = SCHEMA
    seed: Count
    images: dict[str, KeyImage]
    stacks: dict[str, Digest]


class Answer(Strict):
    """One judgement.

    place: of the showing, from 1 on. image: its id. real: whether the reader called it real.
    quality: 1 (poor) to 5 (high). confidence: in `real`, 1 (guessing) to 5 (certain). comment: as
    typed; may be empty. milliseconds: that the image was shown for, without breaks in which the
    page was closed; a week at most. changes: how often an answer to it was taken back.
    """

    place: int = Field(ge=1)
    image: str
    real: bool
    quality: int = Field(ge=1, le=HIGHEST_QUALITY)
    confidence: int = Field(ge=1, le=HIGHEST_CONFIDENCE)
    comment: str = Field(max_length=500)
    milliseconds: int = Field(ge=0, le=WEEK)
    changes: Often


class Answers(Strict):
    """answers-*.json: what a reader's page gives to send back.

    study: SHA-256 of study.json. reader: the reader's number, 1 to the number of orders. role,
    experience_years: what the reader says of himself or herself. consented, started, finished: when
    the reader did, UTC, ISO 8601 with seconds. automated: whether a program drove the browser
    (navigator.webdriver). sittings: how often the page was opened for it. zoom: screen pixels an
    image pixel at the last answer; a whole number. practice, answers: in the order of showing.
    sha256: of `canonical` of all the other keys: a file that was edited by hand does not fit.
    """

    schema_version: Literal[1] = SCHEMA
    study: Digest
    reader: int = Field(ge=1)
    role: Literal["clinician", "engineer", "other"]
    experience_years: int = Field(ge=0, le=70)
    consented: str
    started: str
    finished: str
    automated: bool
    sittings: Often = Field(ge=1)
    zoom: Often = Field(ge=1)
    practice: list[Answer]
    answers: list[Answer]
    sha256: Digest

    @property
    def receipt(self) -> str:
        """What the reader's receipt shows: the first 16 digits of the hash, in groups of four.

        They are 64 bits: too many to find another file with the same by trying comments.
        """
        return "-".join(self.sha256[start : start + 4] for start in range(0, 16, 4))


def canonical(content: dict[str, Any]) -> bytes:
    """The one way to write a record: keys sorted, no spaces, UTF-8.

    JavaScript's JSON.stringify gives the same for sorted keys, whole numbers and well-formed text.
    """
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8")


def digest_of(content: dict[str, Any]) -> str:
    """SHA-256 of `canonical`."""
    return hashlib.sha256(canonical(content)).hexdigest()


def read_record(path: Path, model: type[Model]) -> tuple[Model, bytes]:
    """The record of a file, and its bytes. MiuaError: it is missing, not JSON, or not a record."""
    try:
        found = path.read_bytes()
    except FileNotFoundError:
        raise MiuaError(f"{path} is missing.") from None
    try:
        # Some editors begin a file with a byte order mark.
        return model.model_validate_json(found.removeprefix(BOM_UTF8), strict=True), found
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise MiuaError(f"{path}: {place}: {first['msg']}.") from None
