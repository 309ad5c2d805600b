"""JPEG data -> pixels, strictly: what libjpeg only warns of is damage, and so is a missing scan."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from miua.data.reading import RefusedError

MAGIC = b"\xff\xd8\xff"
_START_OF_SCAN, _END = 0xDA, 0xD9
# Marker segments that begin a frame of Huffman coding, sequential or progressive.
_FRAMES, _PROGRESSIVE = (0xC0, 0xC1, 0xC2), 0xC2
_COEFFICIENTS = 64


def decoded(data: bytes) -> tuple[NDArray[np.uint8], str]:
    """The pixels, (H, W) of a grey file or (H, W, 3) as RGB, and "Gray", "YCbCr" or "RGB".

    RefusedError: other colours, or a scan is missing. Other damage raises what simplejpeg raises.
    """
    import simplejpeg

    _, _, colours, _ = simplejpeg.decode_jpeg_header(data)
    if colours not in ("Gray", "YCbCr", "RGB"):
        raise RefusedError(f"has the colour mode {colours}. Convert it to 8-bit grey explicitly.")
    refuse_missing_scans(data)
    # strict: libjpeg would fill what is missing with grey.
    if colours == "Gray":
        return simplejpeg.decode_jpeg(data, colorspace="GRAY", strict=True)[..., 0], colours
    return simplejpeg.decode_jpeg(data, strict=True), colours


def refuse_missing_scans(data: bytes) -> None:
    """RefusedError: a component lacks bits of a coefficient; libjpeg takes them for 0."""
    # By component, the lowest bit that came of each coefficient; 99: none yet.
    missing: dict[int, NDArray[Any]] = {}
    progressive = False
    for marker, body in _segments(data):
        if marker in _FRAMES:
            progressive = marker == _PROGRESSIVE
            missing = {each: np.full(_COEFFICIENTS, 99) for each in body[6 : 6 + 3 * body[5] : 3]}
        elif marker == _START_OF_SCAN:
            count = body[0]
            first, last, bits = body[1 + 2 * count : 4 + 2 * count]
            for component in body[1 : 1 + 2 * count : 2]:
                if component in missing and progressive:
                    missing[component][first : last + 1] = bits & 15
                elif component in missing:
                    missing[component][:] = 0
    if any(lowest.any() for lowest in missing.values()):
        raise RefusedError("is damaged: a part of its scans is missing. Fetch or make it again.")


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The marker segments, each with its body; entropy-coded data are passed over."""
    at = 2
    while (at := data.find(b"\xff", at)) >= 0 and at + 4 <= len(data):
        marker = data[at + 1]
        if marker == _END:
            return
        if marker in (0, 1, 0xFF) or 0xD0 <= marker <= 0xD8:  # no segment
            at += 1 if marker == 0xFF else 2
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        yield marker, data[at + 4 : at + 2 + length]
        at += 2 + length
