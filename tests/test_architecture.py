"""docs/architecture.md draws what the code does: its diagrams, its paths; and no import circles."""

import ast
import re
from collections import Counter
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path

import pytest

from tests.study.test_steps import study_of

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
DIAGRAMS = re.findall(r"```text\n(.*?)```", PAGE, flags=re.DOTALL)


def drawn(diagram):
    """The arrows of a diagram: in each line, every step of a column leads to each of the next."""
    for line in diagram.splitlines():
        columns = [set(re.findall(r"\w+", column)) for column in line.split("->")]
        for before, after in pairwise(columns):
            yield from ((a, b) for a in before for b in after)


def test_the_diagrams_draw_every_dependency_between_steps_and_no_other():
    _, study = study_of("smoke")
    jobs = study.jobs()
    maker = {output: job.step.name for job in jobs for output in job.outputs}
    real = {(maker[path], job.step.name) for job in jobs for path in job.inputs if path in maker}
    assert len(DIAGRAMS) == 2
    assert {arrow for diagram in DIAGRAMS for arrow in drawn(diagram)} == real


def imports(path):
    """The modules of miua that a module imports when it is loaded."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "miua":
            for alias in node.names:
                yield f"{node.module}.{alias.name}"
                yield str(node.module)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("miua"))


MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path
    for path in sorted((ROOT / "miua").rglob("*.py"))
}
GRAPH = {
    name: {found for found in imports(path) if found in MODULES and found != name}
    for name, path in MODULES.items()
}
TABLE = [row for row in PAGE.splitlines() if "| `" in row]
ROWS = [re.findall(r"`(miua/[\w./]+)`", row.split("|")[1]) for row in TABLE]


def row_of(module):
    """The row of the table that names a module: by the module itself, else by its package."""
    places = {place: number for number, row in reversed([*enumerate(ROWS)]) for place in row}
    path = module.replace(".", "/")
    exact = places.get(f"{path}.py")
    return exact if exact is not None else places.get("/".join(path.split("/")[:2]) + "/")


def test_no_two_modules_and_no_two_classes_share_a_name():
    files = Counter(path.name for path in MODULES.values() if path.name != "__init__.py")
    texts = [path.read_text(encoding="utf-8") for path in MODULES.values()]
    classes = Counter(name for text in texts for name in re.findall(r"^class (\w+)", text, re.M))
    assert [name for name, times in (files + classes).items() if times > 1] == []


def test_no_module_imports_itself_by_a_detour():
    try:
        TopologicalSorter(GRAPH).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_each_module_imports_from_its_own_row_and_those_above():
    rows = {module: row_of(module) for module in MODULES if not module.endswith("__init__")}
    assert [module for module, row in rows.items() if row is None] == []
    below = [
        f"{module} imports {found}"
        for module, row in rows.items()
        for found in GRAPH[module]
        if found in rows and rows[found] > row
    ]
    assert below == []


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:miua|tests|docs)/[\w./]+)`", PAGE))))
def test_each_place_that_the_page_names_is_there(path):
    assert (ROOT / path).exists()


def test_the_page_names_every_package_and_module_at_the_top():
    places = [path for path in (ROOT / "miua").iterdir() if not path.name.startswith("_")]
    named = [path.name for path in places if path.is_dir() or path.suffix == ".py"]
    missing = [name for name in named if f"`miua/{name}" not in PAGE]
    assert missing == []
