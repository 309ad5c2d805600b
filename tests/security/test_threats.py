"""SECURITY.md promises nothing that no test holds."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)
ROWS = [line for line in TEXT.splitlines() if line.startswith("| ")][1:]


@pytest.mark.parametrize(("path", "name"), NAMED, ids=[name for _, name in NAMED])
def test_each_test_of_the_table_is_there(path, name):
    found = ast.parse((ROOT / path).read_text(encoding="utf-8")).body
    assert name in [node.name for node in found if isinstance(node, ast.FunctionDef)]


def test_each_threat_names_a_test():
    assert len(ROWS) > 20
    for row in ROWS[1:]:
        assert "::test_" in row.split(" | ")[-1], row


def test_each_test_against_an_attack_is_in_the_table():
    named = {name for _, name in NAMED}
    tree = ast.parse((Path(__file__).with_name("test_files.py")).read_text(encoding="utf-8"))
    tests = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert {name for name in tests if name.startswith("test_")} <= named
