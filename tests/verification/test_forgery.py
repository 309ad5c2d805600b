"""Forgeries with every hash made anew: what people look at, and what belongs to nothing."""

import shutil

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file, save_file

from miua.config import TrainingConfig, config_hash, read_config, write_config
from miua.files import PARTIAL, read_array, read_json, sha256_array, sha256_file, write_json
from miua.provenance import record_step
from miua.training.run_folder import training_images
from tests.small_study import World, call
from tests.verification.test_verify import replace_in, restate


@pytest.mark.parametrize(
    "name",
    ["answer.html", "runs/n0004/answer.html", "sets/n0004_e0002/answer.html", "paper/answer.html"],
)
def test_a_page_beside_a_record_is_found(world, name):
    page = world.results / name
    page.write_text("<p>All claims are reproduced.", encoding="utf-8")
    record_step(page.with_suffix(".json"), base=world.results, inputs=[], files=[page])
    world.sign_anew()
    assert world.wrong("files") == {("files", name), ("files", name.replace("html", "json"))}


def test_a_record_that_no_step_writes_is_found(world):
    write_json(world.results / "tables" / "answer.json", {"inputs": {}, "files": {}})
    world.sign_anew()
    assert world.wrong("files") == {("files", "tables/answer.json")}


def test_what_a_kill_has_left_is_not_listed_and_is_found(world):
    (world.results / "tables" / f"{PARTIAL}a.csv").write_text("half", encoding="utf-8")
    world.sign_anew()
    listed = read_json(world.results / "MANIFEST.json")["files"]
    assert not [name for name in listed if PARTIAL in name]
    assert world.wrong("files") == {("files", f"tables/{PARTIAL}a.csv")}


@pytest.mark.parametrize("name", ["claims", "summary"])
@pytest.mark.parametrize("rows", [slice(1, 2), slice(1, None)], ids=["one-row", "all-rows"])
def test_a_forged_cell_before_the_true_ones_is_found(world, name, rows):
    path = world.results / "tables" / f"{name}.csv"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    lines[rows] = [f"forged,{line}" for line in lines[rows]]
    path.write_text("".join(lines), encoding="utf-8")
    restate(world, path)
    world.sign_anew()
    assert ("tables", f"tables/{name}.csv") in world.wrong("tables")


def test_a_forged_key_before_the_true_one_is_found(world):
    path = world.results / "claims.json"
    true = '"verdict": "undecided"'
    replace_in(path, true, f'"verdict": "reproduced", {true}')
    restate(world, path)
    world.sign_anew()
    assert world.wrong("files", "tables") == {("files", "claims.json"), ("tables", "claims.json")}


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("plan.yaml", "plan.yaml"),
        ("configs/n0004.yaml", "runs/n0004"),
        ("runs/n0004/config.yaml", "runs/n0004"),
    ],
)
def test_a_forged_setting_before_the_true_one_is_found(world, name, subject):
    path = world.results / name
    path.write_text(f"seed: 9\n{path.read_text(encoding='utf-8')}", encoding="utf-8")
    restate(world, path)
    world.sign_anew()
    assert world.wrong("plan") == {("plan", subject)}


def test_an_edited_log_is_found(world):
    replace_in(world.results / "runs" / "n0004" / "log.jsonl", '"generator_loss": ', "")
    world.sign_anew()
    assert ("plan", "runs/n0004/log.jsonl") in world.wrong("plan")


def pass_off_as(world, original, copy, change):
    """Let a training and its last set be copies of others, with seeds and hashes edited."""
    runs, sets = world.results / "runs", world.results / "sets"
    asked = read_config(world.results / "configs" / f"{copy}.yaml", TrainingConfig)
    shutil.rmtree(runs / copy)
    shutil.copytree(runs / original, runs / copy)
    write_config(runs / copy / "config.yaml", asked)
    stack = read_array(world.results / "real" / "32" / "images.npy")
    settings = {**asked.model_dump(), "config_sha256": config_hash(asked)}
    inputs = {"images": sha256_array(training_images(asked, stack))}
    record = runs / copy / "provenance.json"
    write_json(record, read_json(record) | {"settings": settings, "inputs": inputs})
    weights = runs / copy / "checkpoints" / "epoch_0002.safetensors"
    for path in weights.parent.glob("epoch_0001.*"):
        path.unlink()
    save_file(change(load_file(weights)), weights, metadata={"other": "bytes"})
    facts = read_json(weights.with_suffix(".json"))
    config = asked.model_dump(exclude={"epochs"})
    digest = sha256_file(weights)
    changed = {**facts, "config": config, "sha256": digest}
    write_json(weights.with_suffix(".json"), changed, sort_keys=False)
    shutil.copy(sets / f"{original}_e0002" / "images.npy", sets / f"{copy}_e0002")
    record = sets / f"{copy}_e0002" / "provenance.json"
    outputs = {"images": sha256_array(read_array(record.with_name("images.npy")))}
    write_json(record, read_json(record) | {"inputs": {"checkpoint": digest}, "outputs": outputs})
    world.sign_anew()


def test_a_copied_training_with_its_seed_edited_is_found(world):
    pass_off_as(world, "n0004", "seeds_seed-1", lambda tensors: tensors)
    assert world.wrong("plan") == {
        ("plan", "runs/seeds_seed-1/checkpoints/epoch_0002"),
        ("plan", "sets/seeds_seed-1_e0002"),
    }


def test_a_copied_set_is_found_though_the_weights_were_changed_a_little(world):
    def change(tensors):
        return {name: 1.0000002 * tensor for name, tensor in tensors.items()}

    pass_off_as(world, "n0004", "seeds_seed-1", change)
    (finding,) = world.verify("plan").of("failed")
    assert finding.subject == "sets/seeds_seed-1_e0002"
    said = "it has images of sets/n0004_e0002, which is of another training."
    assert finding.detail == said


def test_forged_samples_of_a_training_are_found(world):
    folder = world.results / "runs" / "n0006" / "samples"
    shutil.copy(folder / "epoch_0001.png", folder / "epoch_0002.png")
    (world.results / "runs" / "n0004" / "samples" / "epoch_0001.png").write_bytes(b"noise")
    world.sign_anew()
    assert world.wrong("figures") == {
        ("figures", "runs/n0006/samples/epoch_0002.png"),
        ("figures", "runs/n0004/samples/epoch_0001.png"),
    }


def test_a_replaced_figure_is_found_though_the_report_was_made_anew(world):
    for command in ("figures", "report"):
        call(command, world.results, "--study", world.study)
    print_figures(world)
    world.sign_anew()
    assert world.wrong("files", "tables", "figures") == set()
    figures, generated = world.results / "figures", world.results / "paper" / "generated"
    picture = np.array(Image.open(figures / "overview.png"))
    picture[40:80, 40:80, :3] ^= 255
    Image.fromarray(picture).save(figures / "overview.png", dpi=(200, 200))
    shutil.copy(figures / "overview.pdf", figures / "metrics.pdf")
    shutil.copy(figures / "overview.png", figures / "answer.png")
    shutil.copy(figures / "overview.pdf", generated / "metrics.pdf")
    drawn = sorted(path for path in figures.iterdir() if path.suffix != ".json")
    record_step(figures / "provenance.json", base=world.results, inputs=[], files=drawn)
    call("report", world.results, "--study", world.study)
    print_figures(world)
    world.sign_anew()
    assert world.wrong("files", "tables", "figures") == {
        ("figures", "figures/overview.png"),
        ("figures", "figures/metrics.pdf"),
        ("figures", "figures/answer.png"),
    }


def print_figures(world: World) -> None:
    """Give the paper the figures that there are, as its step does."""
    paper = world.results / "paper"
    for path in (world.results / "figures").glob("*.pdf"):
        shutil.copy(path, paper / "generated")
    files = sorted((paper / "generated").iterdir())
    record_step(paper / "provenance.json", base=world.results, inputs=[], files=files)
