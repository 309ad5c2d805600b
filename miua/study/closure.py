"""Which files a step's code consists of: its modules and all that they import, found by reading.

A module counts with everything that it imports anywhere, inside functions too, but for its types
alone. A name taken from a package leads to the module that the package takes it from. Files that a
module names beside itself, such as templates, count with it, and so do the compiled kernels.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
KERNELS = "_kernels"


def code_hash(modules: Iterable[str], package: Path = PACKAGE) -> str:
    """SHA-256 of all that `closure` finds; other code, another hash."""
    digest = hashlib.sha256()
    for path in closure(modules, package):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def closure(modules: Iterable[str], package: Path = PACKAGE) -> list[Path]:
    """The files that modules such as "miua.sampling" consist of. ValueError: there is none."""
    found: set[Path] = set()
    left = list(modules)
    while left:
        path = _file(left.pop(), package)
        if path not in found and path.suffix == ".py":
            for module, name in _read(path)[0]:
                left += _sources(module, name, package)
            found.update(_named(path, package))
        found.add(path)
    return sorted(found)


def _file(module: str, package: Path) -> Path:
    place = package.joinpath(*module.split(".")[1:])
    for path in (place.with_suffix(".py"), place / "__init__.py"):
        if path.is_file():
            return path
    compiled = find_spec(module)
    if compiled is None or compiled.origin is None:
        raise ValueError(f"{package} holds no module {module}")
    return Path(compiled.origin)


def _sources(module: str, name: str | None, package: Path) -> Iterator[str]:
    """The module that a name of `module` comes from, which may be a module or a package itself.

    Modules that a package imports whole come with any of its names: they register themselves in it.
    """
    path = _file(module, package)
    if name is None or path.name != "__init__.py":
        yield module
        return
    if name == KERNELS or _is_module(path.parent / name):
        yield f"{module}.{name}"
        return
    taken_from = module
    for other, taken in _read(path)[0]:
        if taken is not None and _is_module(package.joinpath(*other.split(".")[1:], taken)):
            yield f"{other}.{taken}"
        elif taken == name:
            taken_from = other
    yield from [module] if taken_from == module else _sources(taken_from, name, package)


def _is_module(place: Path) -> bool:
    return place.with_suffix(".py").is_file() or (place / "__init__.py").is_file()


def _named(path: Path, package: Path) -> Iterator[Path]:
    """Files that a source names: beside it, in folders beside it, and templates of a package."""
    for text in _read(path)[1]:
        place = path.parent / text
        if text.startswith("miua."):
            place = package.joinpath(*text.split(".")[1:], "templates")
        elif _is_module(place):
            continue
        found = place.rglob("*") if place.is_dir() else (place,)
        yield from (each for each in found if each.is_file() and each.suffix != ".pyc")


def _read(path: Path) -> tuple[list[tuple[str, str | None]], list[str]]:
    """What a source imports, each with the name it takes, and texts in it that may name files."""
    return _parsed(path.read_text(encoding="utf-8"))


@cache
def _parsed(source: str) -> tuple[list[tuple[str, str | None]], list[str]]:
    imports: list[tuple[str, str | None]] = []
    texts: set[str] = set()
    left: list[ast.AST] = [ast.parse(source)]
    while left:
        node = left.pop()
        if isinstance(node, ast.Import):
            imports += [(each.name, None) for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            imports += [(node.module or "", each.name) for each in node.names]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            texts.add(node.value)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            left += node.orelse
        else:
            left += ast.iter_child_nodes(node)
    ours = [each for each in imports if each[0].split(".")[0] == "miua"]
    return ours, [text for text in texts if re.fullmatch(r"\w[\w.-]*", text)]
