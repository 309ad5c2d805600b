"""Forgeries with every hash made anew: what people look at, and what belongs to nothing."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from miua.config import TrainingConfig, config_hash, read_config, write_config
from miua.files import (
    PARTIAL,
    read_array,
    read_json,
    sha256_array,
    sha256_file,
    write_array,
    write_json,
)
from miua.provenance import record_step
from miua.study.manifest import MANIFEST, named_files
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


def test_files_in_every_folder_are_found(world):
    folders = [path for path in [world.results, *world.results.rglob("*")] if path.is_dir()]
    added = set()
    for folder in folders:
        names = ("answer.html", ".answer.html", "Claims.csv", "CLAIMS.JSON", "new\nline.html")
        names += ("trailing .html", "epoch_0009.json", "epoch_0009.safetensors", "x.done")
        for name in names:
            (folder / name).write_text("All claims are reproduced.", encoding="utf-8")
        Path(os.fsdecode(os.fsencode(folder / "no-") + b"\xff")).write_text("text")
        (folder / "link.html").symlink_to("/etc/hostname")
        (folder / "link").symlink_to("/etc")
        (folder / "hard.html").hardlink_to(world.results / "plan.yaml")
        names += ("no-\udcff", "link.html", "link", "hard.html")
        record = folder / "answer.json"
        record_step(record, base=world.results, inputs=[], files=[folder / "answer.html"])
        added |= {str((folder / name).relative_to(world.results)) for name in (*names, record.name)}
    world.sign_anew()
    wrong = world.wrong("files", "images", "tables", "figures")
    # Without figures nothing of them is made again.
    of_figures = {name for name in added if name.startswith("figures/")}
    assert added - of_figures <= {subject for _, subject in wrong}


def all_records(world):
    return [path for path in world.results.rglob("*.json") if named_files(path) is not None] + [
        *world.results.rglob("provenance.json")
    ]


def test_a_record_that_says_more_than_records_do_is_found(world):
    records = all_records(world)
    for path in records:
        content = json.loads(path.read_text(encoding="utf-8"))
        write_json(path, content | {"answer": "all claims are reproduced"})
    world.sign_anew()
    names = {("files", path.relative_to(world.results).as_posix()) for path in records}
    assert len(names) > 20
    assert world.wrong("files") == names


@pytest.mark.parametrize(
    "change",
    [
        lambda text: b"\xef\xbb\xbf" + text,
        lambda text: text.replace(b"\n", b"\r\n"),
        lambda text: text + b"\n",
    ],
    ids=["mark", "line-ends", "line"],
)
def test_records_settings_and_logs_in_another_form_are_found(world, change):
    runs = world.results / "runs"
    forms = [*all_records(world), *runs.rglob("*.yaml"), *runs.rglob("epoch_*.json")]
    forms += [*world.results.glob("configs/*"), *runs.rglob("*.jsonl"), world.results / "sets.csv"]
    for path in forms:
        path.write_bytes(change(path.read_bytes()))
    world.sign_anew()
    wrong = {subject for _, subject in world.wrong("files", "plan")}
    for path in forms:
        name = path.relative_to(world.results)
        subject = "runs" / Path(name.stem) if name.parts[0] == "configs" else name
        subject = name.parent if name.name == "config.yaml" else subject
        assert subject.as_posix() in wrong


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"scientific": True}, "Its scientific is True; that of plan.yaml is False."),
        ({"profile": "paper"}, "Its profile is paper; that of plan.yaml is smoke."),
        ({"answer": "reproduced"}, "No manifest has answer."),
    ],
)
def test_a_manifest_that_says_something_else_is_found(world, change, said):
    path = world.results / MANIFEST
    write_json(path, read_json(path) | change)
    (finding,) = world.verify("files").of("failed")
    assert (finding.subject, finding.detail) == (MANIFEST, said)
    world.sign_anew()
    assert world.wrong("files") == set()


def test_text_in_a_lock_or_beside_speeds_is_found(world):
    run = world.results / "runs" / "n0004"
    (run / ".lock").write_text("all claims are reproduced")
    with (run / "speed.jsonl").open("a") as file:
        file.write('{"epoch": 2, "seconds": 0.1, "images_per_second": 9.5, "note": "reproduced"}\n')
    world.sign_anew()
    assert world.wrong("files", "plan") == {
        ("files", "runs/n0004/.lock"),
        ("plan", "runs/n0004/speed.jsonl"),
    }


def test_a_checkpoint_that_was_not_asked_for_is_found(world):
    folder = world.results / "runs" / "n0004" / "checkpoints"
    for ending in ("json", "safetensors"):
        shutil.copy(folder / f"epoch_0002.{ending}", folder / f"epoch_0003.{ending}")
    world.sign_anew()
    wrong = {subject.rsplit("/", 1)[-1] for _, subject in world.wrong("files")}
    assert wrong == {"epoch_0003.json", "epoch_0003.safetensors"}


def test_a_training_kept_at_more_epochs_than_asked_is_checked_like_any_other(world):
    run = world.results / "runs" / "n0004_seed-1"
    asked = read_config(run / "config.yaml", TrainingConfig)
    assert asked.epochs == [2]
    more = world.folder / "more.yaml"
    write_config(more, asked.model_copy(update={"epochs": [1, 2]}))
    images = world.results / "real" / "32" / "images.npy"
    call("train", "--config", more, "--images", images, "--out", run, "--threads", 1)
    world.sign_anew()
    assert world.wrong("files", "plan", "figures") == set()
    for ending in ("json", "safetensors"):
        other = world.results / "runs" / "n0006" / "checkpoints" / f"epoch_0001.{ending}"
        shutil.copy(other, run / "checkpoints" / f"epoch_0001.{ending}")
    world.sign_anew()
    assert ("plan", "runs/n0004_seed-1/checkpoints/epoch_0001") in world.wrong("plan")


def test_logs_of_checkpoints_that_do_not_agree_are_found(world):
    facts = world.results / "runs" / "n0004" / "checkpoints" / "epoch_0002.json"
    content = read_json(facts)
    for line in content["history"]:
        line["generator_loss"] = 0.5
    write_json(facts, content | {"answer": "reproduced"}, sort_keys=False)
    text = "".join(f"{json.dumps(line)}\n" for line in content["history"])
    (facts.parents[1] / "log.jsonl").write_text(text)
    world.sign_anew()
    found = {f.subject: f.detail for f in world.verify("plan").of("failed")}
    said = "It is not the log that the checkpoint of epoch 1 holds."
    assert found.pop("runs/n0004/log.jsonl") == said
    assert found == {"runs/n0004/checkpoints/epoch_0002": "no checkpoint has answer."}


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
    pass_off_as(world, "n0004", "n0004_seed-1", lambda tensors: tensors)
    assert world.wrong("plan") == {
        ("plan", "runs/n0004_seed-1/checkpoints/epoch_0002"),
        ("plan", "sets/n0004_seed-1_e0002"),
    }


def test_a_copied_set_is_found_though_the_weights_were_changed_a_little(world):
    def change(tensors):
        return {name: 1.0000002 * tensor for name, tensor in tensors.items()}

    pass_off_as(world, "n0004", "n0004_seed-1", change)
    weights, images = world.verify("plan").of("failed")
    assert weights.subject == "runs/n0004_seed-1/checkpoints/epoch_0002"
    assert images.subject == "sets/n0004_seed-1_e0002"
    said = "it has images of sets/n0004_e0002, which is of another training."
    assert images.detail == said


def test_a_copied_training_is_found_though_weights_and_images_were_changed_a_little(world):
    draws = torch.Generator().manual_seed(0)

    def change(tensors):
        def noisy(tensor):
            return tensor + tensor.std() * torch.randn(tensor.shape, generator=draws)

        return {n: noisy(t) if t.ndim > 1 else t for n, t in tensors.items()}

    pass_off_as(world, "n0004", "n0004_seed-1", change)
    stack = world.results / "sets" / "n0004_seed-1_e0002"
    images = read_array(stack / "images.npy") ^ 1
    write_array(stack / "images.npy", images)
    record = stack / "provenance.json"
    write_json(record, read_json(record) | {"outputs": {"images": sha256_array(images)}})
    world.sign_anew()
    (finding,) = world.verify("plan").of("failed")
    assert finding.subject == "runs/n0004_seed-1/checkpoints/epoch_0002"
    said = "its weights are those of runs/n0004/checkpoints/epoch_000"
    assert finding.detail.startswith(said)
    assert "changed a little (correlation 0.7" in finding.detail


def test_forged_samples_of_a_training_are_found(world):
    folder = world.results / "runs" / "n0006" / "samples"
    shutil.copy(folder / "epoch_0001.png", folder / "epoch_0002.png")
    (world.results / "runs" / "n0004" / "samples" / "epoch_0001.png").write_bytes(b"noise")
    world.sign_anew()
    assert world.wrong("figures") == {
        ("figures", "runs/n0006/samples/epoch_0002.png"),
        ("figures", "runs/n0004/samples/epoch_0001.png"),
    }


def test_a_replaced_figure_is_found_though_the_report_was_made_anew(world, monkeypatch):
    for command in ("figures", "report"):
        call(command, world.results, "--study", world.study)
    print_figures(world)
    world.sign_anew()
    figures, generated = world.results / "figures", world.results / "paper" / "generated"
    shutil.copytree(figures, kept := world.folder / "kept")
    assert world.wrong("files", "tables", "figures") == set()

    # Drawn again just now, with the same bytes: a third time would only take as long.
    def draw(results, study):
        shutil.copytree(kept, results / "figures", ignore=shutil.ignore_patterns("*.json"))

    monkeypatch.setattr("miua.study.remake.draw_figures", draw)
    picture = np.array(Image.open(figures / "overview.png"))
    picture[40:80, 40:80, :3] ^= 255
    Image.fromarray(picture).save(figures / "overview.png", dpi=(200, 200))
    shutil.copy(figures / "overview.pdf", figures / "metrics.pdf")
    shutil.copy(figures / "overview.png", figures / "answer.png")
    shutil.copy(figures / "overview.pdf", generated / "metrics.pdf")
    swapped = [figures / "stability.png", figures / "regression.png"]
    before = [path.read_bytes() for path in swapped]
    for path, content in zip(swapped, reversed(before), strict=True):
        path.write_bytes(content)
    drawn = sorted(path for path in figures.iterdir() if path.suffix != ".json")
    record_step(figures / "provenance.json", base=world.results, inputs=[], files=drawn)
    call("report", world.results, "--study", world.study)
    print_figures(world)
    world.sign_anew()
    names = "overview.png", "metrics.pdf", "answer.png", "stability.png", "regression.png"
    assert world.wrong("files", "tables", "figures") == {("figures", f"figures/{n}") for n in names}


def print_figures(world: World) -> None:
    """Give the paper the figures that there are, as its step does."""
    paper = world.results / "paper"
    for path in (world.results / "figures").glob("*.pdf"):
        shutil.copy(path, paper / "generated")
    files = sorted((paper / "generated").iterdir())
    record_step(paper / "provenance.json", base=world.results, inputs=[], files=files)
