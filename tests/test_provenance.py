"""Records of how a folder came to be: read as they were written, and no others."""

import json

import pytest

from miua.errors import MiuaError
from miua.provenance import PROVENANCE, provenance, read_provenance, write_provenance

AGAIN = "Train the run again."


def test_a_record_is_read_as_it_was_written(tmp_path):
    record = provenance(inputs={"images": "d" * 64}, settings={"seed": 3}) | {"resumed": [{}]}
    write_provenance(tmp_path, record)
    assert read_provenance(tmp_path, AGAIN) == record | {"outputs": {}}


def test_what_a_record_lacks_is_empty(tmp_path):
    (tmp_path / PROVENANCE).write_text("{}", encoding="utf-8")
    found = read_provenance(tmp_path, AGAIN)
    assert found == {"settings": {}, "inputs": {}, "outputs": {}, "packages": {}}


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ([], "is no record"),
        ({"packages": None}, "packages"),
        ({"settings": []}, "settings"),
        ({"inputs": None}, "inputs"),
        ({"outputs": "abc"}, "outputs"),
        ({"uncommitted_changes": []}, "uncommitted_changes"),
        ({"resumed": 2}, "resumed"),
    ],
)
def test_a_damaged_record_is_named_with_what_to_do(tmp_path, record, said):
    (tmp_path / PROVENANCE).write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(MiuaError, match=rf"provenance\.json .*{said}.*Train the run again\."):
        read_provenance(tmp_path, AGAIN)
