"""What a run keeps: enough to continue bit for bit from wherever it was interrupted."""

import json
import math
import shutil
from pathlib import Path

import pytest
import torch

from miua.checkpoint import saved_epochs, saved_positions
from miua.config import TrainingConfig
from miua.errors import MiuaError
from miua.sampling import generate
from miua.training import loop
from miua.training.loop import train
from miua.training.run_folder import damage, damaged_sample_grids
from miua.training.updates import EpochSums, train_batch
from tests.training.runs import log, result, tiny, weights


class KilledError(Exception):
    pass


def train_until(batches, monkeypatch, config, stack, run, every=3600.0):
    """Train, and be killed behind so many batches; save every so many seconds."""
    done = []

    def killed(*arguments):
        train_batch(*arguments)
        done.append(1)
        if len(done) == batches:
            raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(loop, "train_batch", killed)
        patch.setattr(loop, "predict", lambda *_: None)
        patch.setattr(loop, "SECONDS_BETWEEN_CHECKPOINTS", every)
        with pytest.raises(KilledError):
            train(config, stack, run, device="cpu", threads=1)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_an_interrupted_run_ends_with_the_same_bytes(tmp_path, stack, monkeypatch, precision):
    config = tiny(epochs=[1, 2, 4], precision=precision)
    train(config, stack, tmp_path / "whole", device="cpu", threads=1)
    train_until(11, monkeypatch, config, stack, tmp_path / "cut")  # within the last of 4 epochs
    assert saved_epochs(tmp_path / "cut") == [1, 2]
    train(config, stack, tmp_path / "cut", device="cpu", threads=1)
    assert result(tmp_path / "cut") == result(tmp_path / "whole")


def test_every_batch_of_an_epoch_can_be_gone_on_from(tmp_path, stack, monkeypatch):
    config = tiny(epochs=[2, 3])
    train(config, stack, tmp_path / "whole", device="cpu", threads=1)
    for batches in range(1, 9):  # 3 an epoch
        run = tmp_path / f"cut {batches}"
        train_until(batches + 1, monkeypatch, config, stack, run, every=0.0)
        assert saved_positions(run)[-1] == divmod(batches, 3)
        train(config, stack, run, device="cpu", threads=1)
        assert result(run) == result(tmp_path / "whole")


def test_synthetic_images_after_an_interruption_are_the_same(tmp_path, stack, monkeypatch):
    config = tiny(epochs=[2])
    train(config, stack, tmp_path / "whole", device="cpu", threads=1)
    train_until(5, monkeypatch, config, stack, tmp_path / "cut", every=0.0)
    train(config, stack, tmp_path / "cut", device="cpu", threads=1)
    sets = [
        generate(tmp_path / run, 2, tmp_path / f"{run} set", images=8, device="cpu", threads=1)
        for run in ("whole", "cut")
    ]
    assert (sets[0] == sets[1]).all()


def test_checkpoints_are_thinned_and_the_asked_epochs_kept(tmp_path, stack, monkeypatch):
    config = tiny(epochs=[1, 9])
    run = tmp_path / "run"
    train_until(20, monkeypatch, config, stack, run, every=0.0)
    # The asked epoch and the newest two; batch 20 was done, but not saved.
    assert saved_positions(run) == [(1, 0), (6, 0), (6, 1)]
    train(config, stack, run, device="cpu", threads=1)
    assert saved_positions(run) == [(1, 0), (9, 0)]


def newest(run):
    return max((run / "checkpoints").glob("*.safetensors"))


@pytest.mark.parametrize("suffix", [".safetensors", ".json"])
def test_a_damaged_newest_checkpoint_falls_back_and_says_so(
    tmp_path, stack, monkeypatch, capsys, suffix
):
    config = tiny(epochs=[1, 4])
    train(config, stack, tmp_path / "whole", device="cpu", threads=1)
    train_until(9, monkeypatch, config, stack, tmp_path / "cut", every=0.0)
    path = newest(tmp_path / "cut").with_suffix(suffix)
    assert path.stem == "epoch_0002_batch_0002"
    path.write_bytes(path.read_bytes()[:100])
    train(config, stack, tmp_path / "cut", device="cpu", threads=1)
    said = capsys.readouterr().err
    assert f"epoch_0002_batch_0002{suffix} is" in said
    assert "going on after epoch 2 and 1 batches" in said
    assert result(tmp_path / "cut") == result(tmp_path / "whole")


def test_a_lost_or_cut_log_is_restored_from_the_checkpoint(tmp_path, stack, monkeypatch):
    config = tiny(epochs=[1, 4])
    train(config, stack, tmp_path / "whole", device="cpu", threads=1)
    expected = result(tmp_path / "whole")
    for harm in (
        lambda path: path.unlink(),
        lambda path: path.write_bytes(path.read_bytes()[:50]),
        lambda path: path.write_bytes(b"\0" * 100),  # as some file systems leave it
    ):
        harm(tmp_path / "whole" / "log.jsonl")
        train(config, stack, tmp_path / "whole", device="cpu", threads=1)
        assert result(tmp_path / "whole") == expected


def test_what_a_kill_leaves_half_written_is_removed(tmp_path, stack):
    run = tmp_path / "run"
    train(tiny(), stack, run, device="cpu", threads=1)
    before = {path.name for path in run.rglob("*")}
    for place in (run, run / "checkpoints", run / "samples"):
        (place / ".partial-abc.safetensors").write_bytes(b"half")
    (run / "checkpoints" / "epoch_0004.safetensors").write_bytes(b"without its facts")
    train(tiny(), stack, run, device="cpu", threads=1)
    assert {path.name for path in run.rglob("*")} == before


HARMS = {
    "deleted": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "noise": lambda path: path.write_bytes(bytes(range(256)) * 4),
    "folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("harm", ["deleted", "empty", "cut", "noise"])
def test_a_damaged_sample_grid_is_made_again_or_missed_in_words(tmp_path, stack, capsys, harm):
    run = tmp_path / "run"
    train(tiny(), stack, run, device="cpu", threads=1)
    before = result(run)
    for epoch, said in (
        (3, "made again from the checkpoint of epoch 3"),
        (2, "No checkpoint of epoch 2 is kept"),
    ):
        name = f"samples/epoch_{epoch:04d}.png"
        HARMS[harm](run / name)
        train(tiny(), stack, run, device="cpu", threads=1)
        assert f"{run / name} is missing or damaged" in (told := capsys.readouterr().err)
        assert said in told
        changed = dict(before.items() ^ result(run).items())
        assert set(changed) == ({name} if epoch == 2 else set())


@pytest.mark.parametrize("line", [b"{}", b"[1]", b"{" * 9999, b"\xff", b'{"epoch": "1"}', b"1"])
def test_damaged_lines_of_the_speeds_are_forgotten(tmp_path, stack, line):
    run = tmp_path / "run"
    train(tiny(), stack, run, device="cpu", threads=1)
    speed = run / "speed.jsonl"
    whole = speed.read_bytes()
    speed.write_bytes(line + b"\n" + whole)
    train(tiny(), stack, run, device="cpu", threads=1)
    assert speed.read_bytes() == whole


def test_any_damage_to_a_file_of_a_run_is_mended_or_refused_in_words(tmp_path, stack):
    whole, run = tmp_path / "whole", tmp_path / "run"
    train(tiny(), stack, whole, device="cpu", threads=1)
    lost = "samples/epoch_0002.png"  # no checkpoint is kept of that epoch

    def kept(run):
        return {name: digest for name, digest in result(run).items() if name != lost}

    for name in sorted(str(path.relative_to(whole)) for path in whole.rglob("*.*")):
        for harm in HARMS.values():
            shutil.rmtree(run, ignore_errors=True)
            shutil.copytree(whole, run)
            harm(run / name)
            try:
                train(tiny(), stack, run, device="cpu", threads=1)
            except MiuaError as error:
                assert str(run) in str(error)
            else:
                assert kept(run) == kept(whole)


@pytest.mark.parametrize("facts", ["[1]", '{"sha256": ""}'])
def test_facts_that_are_none_are_a_damaged_checkpoint(tmp_path, stack, facts):
    run = tmp_path / "run"
    train(tiny(), stack, run, device="cpu", threads=1)
    expected = result(run)
    (run / "checkpoints" / "epoch_0003.json").write_text(facts)
    train(tiny(), stack, run, device="cpu", threads=1)
    assert result(run) == expected


def test_a_checkpoint_of_another_training_is_refused_with_the_difference(tmp_path, stack):
    train(tiny(), stack, tmp_path / "run", device="cpu", threads=1)
    train(tiny(feature_maps=8, seed=1), stack, tmp_path / "other", device="cpu", threads=1)
    for suffix in (".safetensors", ".json"):
        name = f"checkpoints/epoch_0003{suffix}"
        (tmp_path / "run" / name).write_bytes((tmp_path / "other" / name).read_bytes())
    told = r"epoch_0003.safetensors is of another training \(feature_maps: 8 there, 4 asked; seed"
    with pytest.raises(MiuaError, match=told):
        train(tiny(), stack, tmp_path / "run", device="cpu", threads=1)
    with pytest.raises(MiuaError, match=told):
        generate(tmp_path / "run", 3, tmp_path / "set", images=2, device="cpu")


def test_a_checkpoint_of_an_unknown_version_is_refused(tmp_path, stack):
    train(tiny(), stack, tmp_path / "run", device="cpu", threads=1)
    path = tmp_path / "run" / "checkpoints" / "epoch_0003.json"
    facts = json.loads(path.read_text())
    path.write_text(json.dumps({**facts, "config": {"colour": "green"}}))
    with pytest.raises(MiuaError, match="another version of miua"):
        train(tiny(), stack, tmp_path / "run", device="cpu", threads=1)
    assert path.exists()


def test_a_checkpoint_that_holds_code_is_not_run(tmp_path, stack):
    """A pickle in the place of the tensors, with the hash that it would need."""
    import hashlib

    run = tmp_path / "run"
    train(tiny(), stack, run, device="cpu", threads=1)
    expected = result(run)
    path, mark = newest(run), tmp_path / "was run"

    class Harmful:
        def __reduce__(self):
            return mark.write_text, ("harm",)

    torch.save(Harmful(), path)
    facts = json.loads(path.with_suffix(".json").read_text())
    facts["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_suffix(".json").write_text(json.dumps(facts))
    train(tiny(), stack, run, device="cpu", threads=1)
    assert not mark.exists()
    assert result(run) == expected


def test_a_run_is_extended_and_kept_at_other_epochs_too(tmp_path, stack):
    everything = [1, 2, 3, 5]
    train(tiny(epochs=everything), stack, tmp_path / "at once", device="cpu", threads=1)
    for epochs in ([1, 3], [3, 5], [2, 3]):
        train(tiny(epochs=epochs), stack, tmp_path / "steps", device="cpu", threads=1)
    assert saved_epochs(tmp_path / "steps") == everything
    for epoch in everything:
        assert weights(tmp_path / "steps", epoch) == weights(tmp_path / "at once", epoch)
    assert log(tmp_path / "steps") == log(tmp_path / "at once")
    record = json.loads((tmp_path / "steps" / "provenance.json").read_text())
    assert [start["after_epoch"] for start in record["resumed"]] == [3, 1]
    assert record["settings"]["epochs"] == everything


def test_an_extension_that_is_interrupted_is_not_taken_for_finished(tmp_path, stack, monkeypatch):
    train(tiny(epochs=[2, 4, 6]), stack, tmp_path / "at once", device="cpu", threads=1)
    train(tiny(epochs=[2, 6]), stack, tmp_path / "run", device="cpu", threads=1)
    train_until(8, monkeypatch, tiny(epochs=[2, 4, 6]), stack, tmp_path / "run")  # in epoch 5
    train(tiny(epochs=[2, 4, 6]), stack, tmp_path / "run", device="cpu", threads=1)
    assert result(tmp_path / "run") == result(tmp_path / "at once")


def test_a_damaged_earlier_checkpoint_is_made_again(tmp_path, stack):
    train(tiny(), stack, tmp_path / "run", device="cpu", threads=1)
    expected = result(tmp_path / "run")
    (tmp_path / "run" / "checkpoints" / "epoch_0001.safetensors").write_bytes(b"")
    train(tiny(), stack, tmp_path / "run", device="cpu", threads=1)
    assert result(tmp_path / "run") == expected


def test_a_configuration_of_before_is_read_with_what_was_meant_then():
    """Settings that came later have the value that there was before there was a choice."""
    values = tiny().model_dump()
    del values["precision"]
    assert TrainingConfig.model_validate(values).precision == "float32"


WAYS = {
    "cut": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "other JSON": lambda path: path.write_text('[1, "2", null]\n'),
    "missing": lambda path: path.unlink(),
    "folder": lambda path: (path.unlink(), path.mkdir()),
}


def diverge_at(epoch, monkeypatch):
    """Let the generator's loss be no number in an epoch."""
    at, of_epoch, means = [], loop.Draws.of_epoch, EpochSums.means

    def noted(config, epoch, *rest):
        at.append(epoch)
        return of_epoch(config, epoch, *rest)

    def poisoned(sums, size):
        found = means(sums, size)
        return {**found, "generator_loss": math.nan} if at[-1] == epoch else found

    monkeypatch.setattr(loop.Draws, "of_epoch", noted)
    monkeypatch.setattr(EpochSums, "means", poisoned)


def contents(run):
    """All that a rerun has to end with; speeds are other ones, and the lock says nothing."""
    files = (path for path in run.rglob("*") if path.is_file())
    names = {"speed.jsonl", "provenance.json", ".lock"}
    return {path.relative_to(run): path.read_bytes() for path in files if path.name not in names}


def test_whatever_happens_to_a_training_that_diverged_it_ends_right_or_in_words(
    tmp_path, stack, monkeypatch
):
    diverge_at(4, monkeypatch)
    config = tiny(epochs=[1, 2, 6])
    whole, run = tmp_path / "whole", tmp_path / "run"
    with pytest.raises(loop.DivergedError):
        train(config, stack[:4], whole, device="cpu", threads=1)
    expected, outcomes = contents(whole), {"right": 0, "in words": 0}
    for name in sorted(expected.keys() | {Path("speed.jsonl"), Path("provenance.json")}):
        for way, harm in WAYS.items():
            shutil.rmtree(run, ignore_errors=True)
            shutil.copytree(whole, run)
            harm(run / name)
            try:
                train(config, stack[:4], run, device="cpu", threads=1)
            except loop.DivergedError:
                if name.name != "speed.jsonl":
                    assert contents(run) == expected, (name, way)
                    assert damage(run, config) == "", (name, way)
                outcomes["right"] += 1
            except MiuaError as error:
                assert str(run) in str(error), (name, way)
                outcomes["in words"] += 1
    assert outcomes["right"] > outcomes["in words"] > 0


def test_a_lost_picture_of_a_training_that_diverged_is_told(tmp_path, stack, monkeypatch, capsys):
    diverge_at(8, monkeypatch)
    config, run = tiny(epochs=[2, 6, 9]), tmp_path / "run"
    for _ in range(2):
        with pytest.raises(loop.DivergedError, match="not finite at epoch 8"):
            train(config, stack, run, device="cpu", threads=1)
        (run / "samples" / "epoch_0001.png").unlink(missing_ok=True)
        (run / "samples" / "epoch_0006.png").write_bytes(b"noise")
    assert "epoch_0001.png is missing or damaged. No checkpoint of" in capsys.readouterr().err
    with pytest.raises(loop.DivergedError):
        train(config, stack, run, device="cpu", threads=1)
    assert damaged_sample_grids(run, config, 7) == [1]
