"""Files changed at random, but the same ones each time: nothing they do may end in a traceback.

`nox -s fuzz` runs this module: 100,000 mutations of each format.
"""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from miua.data.arrays import open_array
from miua.data.formats import frames_of
from miua.data.reading import RefusedError
from miua.errors import MiuaError
from miua.progress import progress

GREY = np.random.default_rng(0).integers(0, 256, (12, 12), np.uint8)


def _pillow(kind: str, **options: Any) -> Callable[[], bytes]:
    def made() -> bytes:
        saved = io.BytesIO()
        Image.fromarray(GREY).save(saved, kind, **options)
        return saved.getvalue()

    return made


def _tiff(**options: Any) -> Callable[[], bytes]:
    def made() -> bytes:
        saved = io.BytesIO()
        tifffile.imwrite(saved, GREY.astype(np.uint16) * 99, rowsperstrip=4, **options)
        return saved.getvalue()

    return made


def _dicom() -> bytes:
    from tests.data.test_dicom import dicom

    saved = io.BytesIO()
    dicom(GREY).save_as(saved, enforce_file_format=True)
    return saved.getvalue()


SEEDS: dict[str, Callable[[], bytes]] = {
    "a.png": _pillow("PNG"),
    "a.jpg": _pillow("JPEG"),
    "a.bmp": _pillow("BMP"),
    "a.pgm": _pillow("PPM"),
    "a.gif": _pillow("GIF"),
    "a.webp": _pillow("WEBP", lossless=True),
    "a.jp2": _pillow("JPEG2000"),
    "plain.tif": _tiff(),
    "big-endian.tif": _tiff(byteorder=">", compression="zlib", predictor=2),
    "lzw.tif": _pillow("TIFF", compression="tiff_lzw"),
    "a.dcm": _dicom,
}


def array_seeds() -> dict[str, bytes]:
    saved = {"a.npy": io.BytesIO(), "a.npz": io.BytesIO()}
    np.save(saved["a.npy"], GREY[None])
    np.savez_compressed(saved["a.npz"], images=GREY[None])
    return {name: file.getvalue() for name, file in saved.items()}


def mutated(seed: bytes, number: int) -> bytes:
    """The `number`-th mutation: bytes set, bits flipped, parts cut, doubled, or zeroed."""
    rng = np.random.default_rng(number)
    data = bytearray(seed)
    for _ in range(rng.integers(1, 5)):
        if not data:
            break
        at, length = int(rng.integers(len(data))), int(rng.integers(1, 9))
        match int(rng.integers(7)):
            case 0:
                data[at] ^= 1 << int(rng.integers(8))
            case 1:
                data[at] = int(rng.integers(256))
            case 2:
                data[at : at + 4] = int(rng.choice((0, 1, 127, 255, 65535, 2**31))).to_bytes(
                    4, "big"
                )
            case 3:
                del data[at : at + length]
            case 4:
                data[at:at] = data[at : at + length]
            case 5:
                data[at : at + length] = bytes(length)
            case _ if rng.random() < 0.2:
                del data[at:]
    return bytes(data)


def decoded(path: Path) -> bool:
    """Whether the file is taken; any other end than that or a refusal is an error."""
    try:
        for frame in frames_of(path):
            assert frame.pixels.ndim == 2
    except (RefusedError, MiuaError):
        return False
    return True


def opened(path: Path) -> bool:
    try:
        open_array(path, None, (0, 1))
    except MiuaError:
        return False
    return True


def main(mutations: int) -> None:
    seeds = {name: make() for name, make in SEEDS.items()} | array_seeds()
    with tempfile.TemporaryDirectory() as folder:
        for name, seed in seeds.items():
            path, attempt = Path(folder, name), opened if name in array_seeds() else decoded
            taken = 0
            for number in progress(iter(range(mutations)), name, "mutations", total=mutations):
                path.write_bytes(mutated(seed, number))
                try:
                    taken += attempt(path)
                except BaseException:
                    print(f"Mutation {number} of {name}:", file=sys.stderr)
                    raise
            print(f"{name}: {mutations:,} mutations, {taken:,} of them taken, the rest refused.")


if __name__ == "__main__":
    main(int(sys.argv[1]))
