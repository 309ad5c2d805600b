"""HC18: 999 real fetal head ultrasound images of 806 subjects.

T. L. A. van den Heuvel, D. de Bruijn, C. L. de Korte, B. van Ginneken, "Automated measurement of
fetal head circumference using 2D ultrasound images", PLoS ONE 13(8), 2018;
data: doi 10.5281/zenodo.1327317, CC BY 4.0.

The layout, which phantoms share: NNN_HC.png is the first image of subject NNN and NNN_2HC.png to
NNN_4HC.png are further ones; beside each image lies NNN_HC_Annotation.png with the outline of the
head; and one table gives pixel size and head circumference in mm.
"""

import csv
import os
import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from miua.data.download import Download, download, extract_zip
from miua.data.folder import image_folder, image_name, image_paths
from miua.errors import MiuaError
from miua.files import data_folder, locked, read_json, sha256_file, write_json
from miua.wording import first_few

TABLE_NAME = "training_set_pixel_size_and_HC.csv"
TABLE_HEADER = ("filename", "pixel size(mm)", "head circumference (mm)")

# Names a copy that is there already, for machines and images that bring one. It comes first.
ENVIRONMENT_VARIABLE = "MIUA_HC18"

_NAME = re.compile(r"(\d{3,})_\d?HC\.png")


@dataclass(frozen=True)
class Release:
    """A published dataset in HC18's layout: an archive of images and the table beside it."""

    archive: Download
    table: Download
    images: int


RECORD = "https://zenodo.org/records/1327317/files"
PUBLISHED = Release(
    archive=Download(
        f"{RECORD}/training_set.zip",
        "fd20d7909df892cfbdc0850de18072dbdad4dc3bc0a57202d4cc818d4715de36",
        132_926_838, "training_set.zip", "Downloading HC18's images",
    ),
    table=Download(
        f"{RECORD}/{TABLE_NAME}",
        "1c08fa81c374c5f9509f3aa6a6568e4dc6cc5434ff82d0df731db7e4f25816b3",
        33_688, TABLE_NAME, "Downloading HC18's table",
    ),
    images=999,
)  # fmt: skip


def hc18_folder(release: Release = PUBLISHED) -> Path:
    """The folder of images that MIUA_HC18 names, else that `miua fetch hc18` left or was told of;
    MiuaError: there is none, or it is not complete."""
    if named := os.environ.get(ENVIRONMENT_VARIABLE):
        folder = Path(named).expanduser().resolve()
        absent = (
            f"{ENVIRONMENT_VARIABLE} names {folder}, which is no folder. Name HC18's folder, "
            "or unset the variable."
        )
    elif _marker().is_file():
        folder = Path(read_json(_marker())["folder"])
        absent = (
            f"HC18 was in {folder}, which does not exist any more. Get it again with: "
            "miua fetch hc18\nor name where it is now: miua fetch hc18 --from PATH"
        )
    else:
        raise MiuaError(
            f"HC18 is not here (no {_marker()}). Get it with: miua fetch hc18\n"
            "or name a copy you have: miua fetch hc18 --from PATH"
        )
    if not folder.is_dir():
        raise MiuaError(absent)
    folder = image_folder(folder)
    check_folder(folder, release.images)
    return folder


def fetch_hc18(source: Path | None = None, release: Release = PUBLISHED) -> Path:
    """Make HC18 available to this and later runs; the folder of its images.

    Without `source` the published archive and table are downloaded, verified and unpacked in
    data_folder(), unless a complete copy is known already or MIUA_HC18 names one. With `source`,
    nothing is downloaded: an archive is verified against the same checksum and unpacked; an
    extracted folder is checked to be complete and remembered where it is, not copied.
    MiuaError: anything is not as published.
    """
    if source is None and os.environ.get(ENVIRONMENT_VARIABLE):
        return hc18_folder(release)
    # Two reproductions that start at once fetch one after the other.
    with locked(_root() / ".lock"):
        if source is None:
            with suppress(MiuaError):
                return hc18_folder(release)
            # The small file first: if it cannot be had, that shows before the long download.
            download(release.table, _root())
            archive = download(release.archive, _root())
            folder = _unpack(archive, release)
            archive.unlink()
            return folder
        source = Path(source).expanduser().resolve()
        if source.is_dir():
            return _remember(source, str(source), None, release)
        if not source.is_file():
            raise MiuaError(f"{source} does not exist. Name HC18's training_set.zip or its folder.")
        found, expected = sha256_file(source), release.archive.sha256
        if found != expected:
            raise MiuaError(
                f"{source} is not the published archive: its sha256 is {found}, expected "
                f"{expected}. Fetch it again from {release.archive.url}"
            )
        return _unpack(source, release)


def check_folder(folder: Path, images: int | None = None) -> list[str]:
    """The names of the images in `folder`; MiuaError unless they are named as HC18's are, each has
    an annotation, and there are `images` of them."""
    names = [image_name(path, folder) for path in image_paths(folder)]
    problems = []
    if images is not None and len(names) != images:
        problems.append(f"it holds {len(names)} images instead of {images}")
    strange = [name for name in names if not _NAME.fullmatch(name)]
    alone = [name for name in names if not annotation_path(folder / name).is_file()]
    kinds = {"not named as HC18's images are": strange, "without annotation": alone}
    for what, wrong in kinds.items():
        if wrong:
            problems.append(f"{first_few(wrong)} {'is' if len(wrong) == 1 else 'are'} {what}")
    if problems:
        raise MiuaError(
            f"The folder {folder} is not a complete HC18 training set: {'; '.join(problems)}. "
            "Get the published one with: miua fetch hc18"
        )
    return names


def annotation_path(image: Path) -> Path:
    """Where the annotation of an HC18 image lies."""
    return image.with_name(f"{image.stem}_Annotation.png")


def subject_of(name: str) -> int:
    """The subject of an HC18 image, by its file name: 3 for 003_HC.png and for a/003_2HC.png."""
    match = _NAME.fullmatch(PurePosixPath(name).name)
    if match is None:
        raise ValueError(f"{name!r} is not named as HC18's images are (NNN_HC.png, NNN_2HC.png)")
    return int(match[1])


def subjects_of(names: Sequence[str]) -> NDArray[np.int64]:
    """The subject of each image, (N,); MiuaError where a name does not tell it."""
    try:
        return np.array([subject_of(name) for name in names], dtype=np.int64)
    except ValueError as error:
        raise MiuaError(
            f"Which subject an image shows is read off its file name, but {error}. "
            "Give a folder of HC18's images or of phantoms."
        ) from None


def read_table(path: Path) -> dict[str, tuple[float, float]]:
    """Pixel size and head circumference, both in mm, by file name."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.reader(file))
        if tuple(rows[0]) != TABLE_HEADER:
            raise ValueError(f"its columns are {rows[0]}")
        return {name: (float(size), float(length)) for name, size, length in rows[1:]}
    except (ValueError, IndexError) as error:
        raise MiuaError(f"{path} is not a table as HC18's {TABLE_NAME}: {error}.") from None


def _root() -> Path:
    return data_folder() / "hc18"


def _marker() -> Path:
    return _root() / "hc18.json"


def _unpack(archive: Path, release: Release) -> Path:
    """Unpack a verified archive in place of what an earlier, interrupted call left."""
    unpacked = _root() / "archive"
    _marker().unlink(missing_ok=True)
    if unpacked.exists():
        shutil.rmtree(unpacked)
    extract_zip(archive, unpacked)
    return _remember(unpacked, release.archive.url, release.archive.sha256, release)


def _remember(dataset: Path, source: str, archive_sha256: str | None, release: Release) -> Path:
    """Note where the images are, once it is sure that these are HC18's; their folder."""
    folder = image_folder(dataset)
    names = check_folder(folder, release.images)
    for table in (folder / TABLE_NAME, folder.parent / TABLE_NAME):
        if table.is_file() and read_table(table).keys() != {*names}:
            raise MiuaError(f"{table} does not list the images in {folder}. Fetch both again.")
    found = {"folder": str(folder), "source": source, "archive_sha256": archive_sha256}
    write_json(_marker(), found)
    return folder
