"""What every HTML page made here shares: its templates, and what it carries inside itself.

jinja2 comes with extras; it is imported when a page is made.
"""

from __future__ import annotations

import base64
import hashlib
import json
from importlib import resources
from typing import TYPE_CHECKING, Any

from miua.errors import MissingExtraError

if TYPE_CHECKING:
    import jinja2
    from markupsafe import Markup

_UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def templates(package: str, what: str, extra: str) -> jinja2.Environment:
    """The templates of a package, such as "miua.survey"; they escape, and miss no name silently.

    Args:
        package: has a folder templates/.
        what: is made of them, for the error.
        extra: that brings jinja2.

    Raises:
        MissingExtraError: jinja2 is not installed.
    """
    try:
        import jinja2
    except ModuleNotFoundError:
        raise MissingExtraError(what, "jinja2", extra=extra) from None
    return jinja2.Environment(
        loader=jinja2.PackageLoader(package, "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def asset(package: str, *names: str) -> Markup:
    """Files of a package's templates that go into the page as they are, one after the other."""
    from markupsafe import Markup

    folder = resources.files(package) / "templates"
    return Markup("\n".join((folder / name).read_text(encoding="utf-8") for name in names))


def json_block(value: Any) -> Markup:
    """JSON that can stand in a script element, whatever text it holds: it cannot end the element.

    Raises:
        ValueError: a number is not finite.
    """
    from markupsafe import Markup

    text = json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    for sign, escape in _UNSAFE.items():
        text = text.replace(sign, escape)
    return Markup(text)


def source_hash(source: str) -> str:
    """How a Content-Security-Policy allows this script or style and no other, without quotes."""
    digest = hashlib.sha256(source.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"
