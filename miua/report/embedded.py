"""What the page carries inside itself: pictures, data for its script, the script and its hash."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from importlib import resources
from pathlib import Path
from typing import Any

from markupsafe import Markup
from PIL import Image, UnidentifiedImageError

from miua.errors import MiuaError
from miua.evaluation.charts import Picture

_UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


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


def json_block(value: Any) -> Markup:
    """JSON that can stand in a script element, whatever text it holds: it cannot end the element.

    Raises:
        ValueError: a number is not finite.
    """
    text = json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    for sign, escape in _UNSAFE.items():
        text = text.replace(sign, escape)
    return Markup(text)


def asset(name: str) -> Markup:
    """A file of this package's templates that goes into the page as it is."""
    folder = resources.files("miua.report") / "templates"
    return Markup((folder / name).read_text(encoding="utf-8"))


def script_policy(script: str) -> str:
    """The Content-Security-Policy source that allows this script and no other."""
    digest = hashlib.sha256(script.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
