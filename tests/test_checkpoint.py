"""Checkpoints: what was saved comes back; what is damaged or absent is refused by name."""

import pytest
import torch

from miua.checkpoint import (
    Position,
    load_checkpoint,
    remove_checkpoint,
    save_checkpoint,
    saved_epochs,
    saved_positions,
)
from miua.config import TrainingConfig
from miua.errors import MiuaError

TENSORS = {"a": torch.arange(6.0).reshape(2, 3), "b.c": torch.tensor(7)}
CONFIG = TrainingConfig()


def save(run, epoch, tensors, batch=0, **facts):
    facts = {"config": CONFIG.model_dump(), **facts}
    save_checkpoint(run, Position(epoch, batch), tensors, facts)


def load(run, epoch, batch=0):
    return load_checkpoint(run, Position(epoch, batch), CONFIG)


def test_tensors_and_facts_come_back(tmp_path):
    save(tmp_path, 3, TENSORS, history=[{"epoch": 3, "accuracy": 0.1}])
    tensors, facts = load(tmp_path, 3)
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)
    assert facts["epoch"] == 3
    assert facts["history"] == [{"epoch": 3, "accuracy": 0.1}]
    assert list(facts["history"][0]) == ["epoch", "accuracy"]  # in the order of the log


def test_transposed_memory_is_saved_by_value(tmp_path):
    tensor = torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last)
    save(tmp_path, 1, {"w": tensor})
    assert torch.equal(load(tmp_path, 1)[0]["w"], tensor)


def test_absent_epoch_lists_what_there_is(tmp_path):
    for epoch in (10, 2):
        save(tmp_path, epoch, TENSORS)
    assert saved_epochs(tmp_path) == [2, 10]
    with pytest.raises(MiuaError, match=r"no checkpoint of epoch 5; it has: 2, 10\."):
        load(tmp_path, 5)
    with pytest.raises(MiuaError, match="it has: none"):
        load(tmp_path / "nowhere", 5)


def test_a_place_within_an_epoch_lies_behind_the_epoch(tmp_path):
    for epoch, batch in ((2, 0), (1, 12), (1, 0), (10, 3)):
        save(tmp_path, epoch, {"w": torch.tensor(10 * epoch + batch)}, batch)
    assert saved_positions(tmp_path) == [(1, 0), (1, 12), (2, 0), (10, 3)]
    assert saved_epochs(tmp_path) == [1, 2]
    assert load(tmp_path, 1, 12)[0]["w"] == 22


@pytest.mark.parametrize("harm", ["truncate", "flip a bit", "remove"])
def test_damage_is_noticed(tmp_path, harm):
    save(tmp_path, 1, TENSORS)
    path = tmp_path / "checkpoints" / "epoch_0001.safetensors"
    content = bytearray(path.read_bytes())
    if harm == "remove":
        path.unlink()
    else:
        content[-1] ^= 1
        path.write_bytes(content[:-4] if harm == "truncate" else content)
    with pytest.raises(MiuaError, match=r"epoch_0001\.safetensors is damaged"):
        load(tmp_path, 1)


def test_removed_checkpoint_leaves_nothing(tmp_path):
    save(tmp_path, 1, TENSORS)
    remove_checkpoint(tmp_path, Position(1))
    assert list((tmp_path / "checkpoints").iterdir()) == []


def test_a_pickle_is_not_loaded(tmp_path):
    """A file of torch.save, which could run code, is refused even with the right hash."""
    save(tmp_path, 1, TENSORS)
    path = tmp_path / "checkpoints" / "epoch_0001.safetensors"
    torch.save(TENSORS, path)
    from miua.files import read_json, sha256_file, write_json

    facts = path.with_suffix(".json")
    write_json(facts, {**read_json(facts), "sha256": sha256_file(path)})
    with pytest.raises(MiuaError, match="cannot be read"):
        load(tmp_path, 1)
