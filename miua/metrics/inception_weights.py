"""The published Inception weights: where they lie, how they are verified, how they are fetched."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from miua.errors import MiuaError
from miua.files import atomic_path, data_folder, sha256_file

if TYPE_CHECKING:
    from miua.data.download import Download

# TensorFlow's network of 2015-12-05, converted by the authors of pytorch-fid and torch-fidelity.
# The address is torch-fidelity's own; pytorch-fid publishes the same bytes as pt_inception-....pth.
FILE_NAME = "weights-inception-2015-12-05-6726825d.pth"
URL = f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{FILE_NAME}"
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
SIZE = 95_628_359
ENVIRONMENT_VARIABLE = "MIUA_INCEPTION_WEIGHTS"
REMEDY = "fetch them with: miua fetch inception (or --from FILE), then run the same command again"


class NotComputedError(MiuaError):
    """A number that cannot be had here and now, for a stated reason and with a stated remedy;
    definition: what it would have been computed from."""

    def __init__(self, reason: str, remedy: str = "", definition: str = "") -> None:
        self.reason, self.remedy, self.definition = reason, remedy, definition
        super().__init__(f"{reason}; {remedy}" if remedy else reason)


@dataclass(frozen=True)
class InceptionWeights:
    """A weights file whose content has been verified."""

    path: Path
    sha256: str


def stand_in(definition: str) -> str:
    """The first digits of the weights' hash, if an FID so defined rests on others; else ""."""
    _, told, digits = definition.rpartition("weights ")
    return digits[:8] if told and digits[:8] != SHA256[:8] else ""


def find_inception_weights(
    path: Path | None = None, *, expected_sha256: str = SHA256
) -> InceptionWeights:
    """The weights file at `path`, else where MIUA_INCEPTION_WEIGHTS says, else as fetched.

    expected_sha256: the digest the file must have, or its first digits; another than the published
    one for weights that stand in for it. NotComputedError: no file, or not the expected one.
    """
    from_environment = os.environ.get(ENVIRONMENT_VARIABLE)
    named = path or (Path(from_environment).expanduser() if from_environment else None)
    chosen = named or weights_folder() / FILE_NAME
    if not chosen.is_file():
        missing = f"are not at {named}" if named else "have not been fetched"
        raise NotComputedError(f"the Inception weights {missing}", REMEDY)
    found = sha256_file(chosen)
    if not found.startswith(expected_sha256):
        raise NotComputedError(
            f"{chosen} is not the published file of Inception weights "
            f"(sha256 {found[:8]}..., expected {expected_sha256[:8]}...)",
            REMEDY,
        )
    return InceptionWeights(chosen, found)


def fetch_inception(source: Path | None = None, *, item: Download | None = None) -> Path:
    """Put the weights into `weights_folder()` and return their path; what is right there stays.

    source: a copy to take them from instead of the network. The content is verified before the
    file gets its name. item: what to fetch, None for the published file.
    MiuaError: no such copy, not the published file, or the server cannot be reached.
    """
    from miua.data.download import Download, download

    item = item or Download(URL, SHA256, SIZE, FILE_NAME, "Inception weights")
    if source is None:
        return download(item, weights_folder())
    source = Path(source)
    if not source.is_file():
        raise MiuaError(f"There is no file {source} to take the Inception weights from.")
    target = weights_folder() / item.name
    with atomic_path(target) as temporary:
        shutil.copyfile(source, temporary)
        found = sha256_file(temporary)
        if found != item.sha256:
            raise MiuaError(
                f"{source} is not the published file of Inception weights (sha256 {found[:8]}..., "
                f"expected {item.sha256[:8]}...). Nothing was kept. Download {item.url} instead."
            )
    return target


def weights_folder() -> Path:
    """Where fetched weights lie."""
    return data_folder() / "weights"
