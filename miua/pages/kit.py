"""What every HTML page made here shares: templates, the policy of what may run, embedded data.

A page is one file: its style, script and data stand in it, and nothing is loaded from a network.
jinja2 comes with extras; it is imported when a page is made.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from miua import wording
from miua.errors import extra_named

if TYPE_CHECKING:
    import jinja2
    from markupsafe import Markup

KIT = "miua.pages"
WORDING = ("number", "span", "percent", "counted", "listed")  # what templates may call
_UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def templates(package: str, what: str, extra: str) -> jinja2.Environment:
    """The templates of a package and of this one; they escape, and miss no name silently.

    what: is made of them, and extra: brings jinja2, for the MissingExtraError where it is missing.
    """
    with extra_named(what, extra):
        import jinja2
    packages = [jinja2.PackageLoader(each, "templates") for each in dict.fromkeys((package, KIT))]
    made = jinja2.Environment(
        loader=jinja2.ChoiceLoader(packages),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {name: getattr(wording, name) for name in WORDING}
    return made


def render(
    environment: jinja2.Environment,
    template: str,
    content: Mapping[str, Any],
    *,
    styles: Sequence[str],
    scripts: Sequence[str] = (),
    style_attributes: bool = True,
    images: str = "data:",
) -> str:
    """A page as text; the same content gives the same bytes.

    Args:
        environment: of `templates`.
        template: the page's; it includes "head.html" and prints `script` where it has one.
        content: what the template prints, beside the functions WORDING.
        styles, scripts: files among the templates, one after the other.
        style_attributes: whether elements may carry styles, and not the style element alone.
        images: the sources of images that the policy allows.
    """
    from markupsafe import Markup

    def joined(names: Sequence[str]) -> str:
        assert environment.loader is not None
        return "\n".join(environment.loader.get_source(environment, name)[0] for name in names)

    style, script = joined(styles), joined(scripts)
    allowed = "'unsafe-inline'" if style_attributes else source_hash(style)
    policy = [f"default-src 'none'; img-src {images}; style-src {allowed}"]
    policy += [f"script-src {source_hash(script)}"] if scripts else []
    return environment.get_template(template).render(
        content,
        policy=Markup("; ".join([*policy, "base-uri 'none'; form-action 'none'"])),
        style=Markup(style),
        script=Markup(script),
    )


def json_block(value: Any) -> Markup:
    """JSON that can stand in a script element, whatever text it holds; ValueError for a NaN."""
    from markupsafe import Markup

    text = json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    for sign, escape in _UNSAFE.items():
        text = text.replace(sign, escape)
    return Markup(text)


def in_rows(settings: Mapping[str, Any], joint: str, above: str = "") -> list[tuple[str, str]]:
    """Names and values in words, nested names joined by `joint`."""
    found: list[tuple[str, str]] = []
    for key, value in settings.items():
        name = f"{above}{key}"
        if isinstance(value, Mapping) and value:
            found += in_rows(value, joint, f"{name}{joint}")
        elif isinstance(value, bool):
            found.append((name, "yes" if value else "no"))
        elif isinstance(value, list | tuple) and value:
            found.append((name, ", ".join(map(str, value))))
        else:
            found.append((name, "none" if value in (None, {}, [], ()) else str(value)))
    return found


def source_hash(source: str) -> str:
    """How a Content-Security-Policy allows this script or style and no other."""
    digest = hashlib.sha256(source.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
