"""HC18's 335 test images: real images of other subjects than the training set's, which no training
of the study has seen. They have no annotations here, and are told by what they show: no checksum
of their archive is known, so a digest over the decoded images is pinned.
"""

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from miua.data.download import Download, download, extract_zip
from miua.data.folder import image_name, image_paths
from miua.data.hc18 import RECORD
from miua.errors import MiuaError
from miua.files import data_folder, locked, read_json, write_json

TEST_SET = "test_set"  # the folder of images in the archive


@dataclass(frozen=True)
class TestRelease:
    """The published test images: their archive, how many, and `digest_of_images` of them."""

    archive: Download
    images: int
    digest: str


PUBLISHED_TEST = TestRelease(
    archive=Download(
        f"{RECORD}/test_set.zip", "", None, "test_set.zip", "Downloading HC18's test images"
    ),
    images=335,
    digest="4c971891427f8c7ad98a96cbad940b2c67a659bd6a9e348411e2b34e341cafdf",
)


def folder_of_test_set(release: TestRelease = PUBLISHED_TEST) -> Path:
    """The folder of test images that `miua fetch hc18` left or was told of; MiuaError: there is
    none any more. What they show was checked when they were fetched."""
    if _marker().is_file():
        folder = Path(read_json(_marker())["folder"])
        if folder.is_dir() and len(image_paths(folder)) == release.images:
            return folder
    raise MiuaError(
        "HC18's test images are not here; all else works without them. Name a copy you have: "
        f"miua fetch hc18 --test-from PATH\nor get {release.archive.url}"
    )


def fetch_test_set(source: Path | None = None, release: TestRelease = PUBLISHED_TEST) -> Path:
    """Make HC18's test images available to this and later runs; the folder that holds them.

    source: test_set.zip or the extracted folder, which is remembered where it is and not copied;
    None downloads the archive, unless the images are known already. MiuaError: they are not the
    published ones, or cannot be had.
    """
    with locked(_root() / ".test.lock"):
        if source is None:
            try:
                return folder_of_test_set(release)
            except MiuaError:
                archive = download(release.archive, _root())
                try:
                    return _unpack(archive, release)
                finally:
                    archive.unlink()
        source = Path(source).expanduser().resolve()
        if source.is_dir():
            return _remember(source, str(source), release)
        if not source.is_file():
            raise MiuaError(f"{source} does not exist. Name HC18's test_set.zip or its folder.")
        return _unpack(source, release)


def digest_of_images(folder: Path) -> str:
    """SHA-256 over the images of a folder in the order of their names: of each "NAME HEIGHT WIDTH",
    a line feed, and its grey levels, row by row. MiuaError: one cannot be read, or is not grey."""
    digest = hashlib.sha256()
    for path in image_paths(folder):
        try:
            with Image.open(path) as opened:
                mode, pixels = opened.mode, np.asarray(opened)
        except (OSError, ValueError, Image.DecompressionBombError) as error:
            raise MiuaError(f"{path} cannot be read ({error}). Get the image again.") from None
        if mode != "L":
            raise MiuaError(f"{path} is not an 8-bit grey image as HC18's are. Get it again.")
        height, width = pixels.shape
        digest.update(f"{image_name(path, folder)} {height} {width}\n".encode())
        digest.update(pixels.tobytes())
    return digest.hexdigest()


def _root() -> Path:
    return data_folder() / "hc18"


def _marker() -> Path:
    return _root() / "test_set.json"


def _unpack(archive: Path, release: TestRelease) -> Path:
    unpacked = _root() / "test_archive"
    _marker().unlink(missing_ok=True)
    if unpacked.exists():
        shutil.rmtree(unpacked)
    extract_zip(archive, unpacked)
    return _remember(unpacked, release.archive.url, release)


def _remember(dataset: Path, source: str, release: TestRelease) -> Path:
    """Note where the images are, once it is sure that these are HC18's test images."""
    folder = dataset / TEST_SET if (dataset / TEST_SET).is_dir() else dataset
    found = len(image_paths(folder))
    if found != release.images:
        raise MiuaError(
            f"{folder} holds {found} images, not the {release.images} of HC18's test set. Name "
            "test_set.zip or the folder extracted from it."
        )
    if (digest := digest_of_images(folder)) != release.digest:
        raise MiuaError(
            f"{folder} does not hold the published test images: the digest over them is {digest}, "
            f"expected {release.digest}. Get them again from {release.archive.url}"
        )
    write_json(_marker(), {"folder": str(folder), "source": source, "digest": digest})
    return folder
