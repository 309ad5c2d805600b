"""Changes that hide behind what a record says, or behind what is missing."""

import json
import os

import numpy as np
import pytest
from typer.testing import CliRunner

from miua.cli import app
from miua.config import TrainingConfig, read_config
from miua.files import read_json, sha256_array, write_json
from miua.training.run_folder import divergence_reason

SET = "n0004_e0002"


def disguise_as_of_a_gpu(world, change):
    """Change the images, and let the records say that a GPU made them."""
    folder = world.results / "sets" / SET
    images = change(np.load(folder / "images.npy"))
    np.save(folder / "images.npy", images)
    record = read_json(folder / "provenance.json")
    outputs = {"images": sha256_array(images)}
    write_json(folder / "provenance.json", record | {"device": "cuda", "outputs": outputs})
    trained = world.results / "runs" / "n0004" / "provenance.json"
    write_json(trained, read_json(trained) | {"device": "cuda"})
    world.sign_anew()


def of_the_set(world):
    found = world.verify("images").findings
    return [finding for finding in found if finding.subject == f"sets/{SET}"]


def test_noise_that_a_gpu_could_have_made_is_never_passed(world):
    disguise_as_of_a_gpu(world, lambda images: np.clip(images, 0, 251) + np.uint8(4))
    (finding,) = of_the_set(world)
    assert finding.verdict == "undecided"
    assert "Only a machine of the kind that made it" in finding.detail


def test_more_than_a_gpu_could_have_made_is_wrong(world):
    disguise_as_of_a_gpu(world, lambda images: np.clip(images, 0, 250) + np.uint8(5))
    (finding,) = of_the_set(world)
    assert finding.verdict == "failed"


def test_a_set_of_another_device_than_its_training_is_told(world):
    record = world.results / "sets" / SET / "provenance.json"
    write_json(record, read_json(record) | {"device": "cuda"})
    (told,) = [f for f in world.verify("plan").of("undecided") if f.subject == f"sets/{SET}"]
    (made_again,) = of_the_set(world)
    assert "on cuda, but its training on cpu" in told.detail
    assert made_again.verdict == "passed", "the images are the same bit for bit, whatever it says"


def test_a_forged_summary_without_its_table_is_found(world):
    tables = world.results / "tables"
    (tables / "noise-floor.csv").unlink()
    world.sign_anew()
    assert ("metrics", "tables/noise-floor.csv") in world.wrong("metrics")
    assert "noise-floor" in {f.subject for f in world.verify("plan").of("not checked")}


def test_tables_without_what_they_are_made_of_are_found(world):
    for name in ("training-size.csv", "training-size-stability.csv", "claims.csv", "evidence.csv"):
        (world.results / "tables" / name).unlink()
    (world.results / "claims.json").unlink()
    world.sign_anew()
    assert ("tables", "tables/training-size.csv") in world.wrong("tables")


def claim_another_input(world, folder, name):
    """Let a record name another input than there was."""
    record = world.results / folder / "provenance.json"
    content = read_json(record)
    content["inputs"][name] = 64 * "0"
    write_json(record, content)
    world.sign_anew()


def test_other_training_images_than_the_studys_are_found(world):
    claim_another_input(world, "runs/n0004", "images")
    (finding,) = world.verify("plan").of("failed")
    assert finding.subject == "runs/n0004"
    assert finding.detail == "provenance.json: it was trained on other images than those in real/."


def test_another_checkpoint_than_a_set_was_made_of_is_found(world):
    claim_another_input(world, f"sets/{SET}", "checkpoint")
    (finding,) = world.verify("plan").of("failed")
    assert finding.subject == f"sets/{SET}"
    named = "runs/n0004/checkpoints/epoch_0002.json"
    assert finding.detail == f"it was made of another checkpoint than {named}."


@pytest.mark.parametrize("place", ["pipe", "tables/pipe", "metrics/reference.npy"])
def test_a_pipe_ends_the_verification_before_it_is_opened(world, place):
    path = world.results / place
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    (finding,) = world.verify().findings
    assert (finding.subject, finding.verdict) == (str(path), "failed")


def pretend_divergence(world):
    run = world.results / "runs" / "n0004"
    config = read_config(run / "config.yaml", TrainingConfig)
    write_json(run / "diverged.json", {"epoch": 2, "reason": divergence_reason(config, 2)})
    return run


def test_a_pretended_divergence_is_found(world):
    pretend_divergence(world)
    world.sign_anew()
    (finding,) = [f for f in world.verify("plan").of("failed") if "diverged" in f.subject]
    assert "log.jsonl ends at epoch 2 with losses" in finding.detail
    assert "checkpoints of later epochs: [2]" in finding.detail


def test_a_real_divergence_is_none_to_complain_of(world):
    run = pretend_divergence(world)
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    lines[-1]["generator_loss"] = None
    (run / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for path in (run / "checkpoints").glob("epoch_0002.*"):
        path.unlink()
    (finding,) = [f for f in world.verify("plan").findings if "diverged" in f.subject]
    assert finding.verdict == "passed"
    write_json(run / "diverged.json", {"epoch": 2, "reason": "all claims are reproduced"})
    (finding,) = [f for f in world.verify("plan").findings if "diverged" in f.subject]
    assert finding.detail == "its reason is another than that of such a training."


def command(world, *words):
    options = ("--study", str(world.study), "--only", "plan")
    return CliRunner().invoke(app, ["verify", str(world.results), *options, *map(str, words)])


def test_strict_fails_on_what_was_not_checked(world):
    assert command(world, "--strict").exit_code == 0
    for path in (world.results / "tables").glob("sensitivity*"):
        path.unlink()
    assert command(world).exit_code == 0
    done = command(world, "--strict")
    assert done.exit_code == 1
    assert "what was not checked, or left undecided, counts as wrong (1)" in done.output


def test_a_place_for_findings_that_cannot_be_is_refused_at_once(made, tmp_path):
    for place, said in ((tmp_path, "is a folder"), (made.results / "found.json", "stay as they")):
        done = command(made, "--json", place)
        assert said in str(done.exception)
        assert "plan" not in done.output
