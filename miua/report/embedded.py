"""Pictures and numbers as the page carries them."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterable
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from miua.errors import MiuaError
from miua.evaluation.charts import Picture


def png_file(path: Path) -> Picture:
    """A PNG file as a picture of the page, byte for byte.

    Raises:
        MiuaError: the file is missing, or no PNG.
    """
    try:
        data = path.read_bytes()
        with Image.open(io.BytesIO(data), formats=("PNG",)) as opened:
            width, height = opened.size
    except FileNotFoundError:
        raise MiuaError(f"{path} is missing. Draw the figures first.") from None
    except (UnidentifiedImageError, OSError, ValueError) as error:
        raise MiuaError(f"{path} is no PNG ({error}). Draw the figures again.") from None
    text = base64.b64encode(data).decode("ascii")
    return Picture(f"data:image/png;base64,{text}", width, height)


def rounded(values: Iterable[float]) -> list[float | None]:
    """Numbers with three places; JSON has no NaN."""
    return [round(float(each), 3) if math.isfinite(each) else None for each in values]
