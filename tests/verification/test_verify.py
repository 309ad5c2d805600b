"""What was tampered with is found and named, also where the manifest was made anew."""

import json
import shutil

import numpy as np
import pytest
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from miua.analysis.real_images import measure_images
from miua.cli import app
from miua.cli.verifying import print_verification
from miua.conformance import THREADS, read_cases
from miua.errors import MiuaError
from miua.files import read_json, sha256_array, sha256_file, write_json
from miua.study.check import verify
from miua.study.finding import Finding, Verification
from miua.study.manifest import MANIFEST, write_manifest
from tests.verification.kept_results import STUDY

SET = "n0004_e0002"
anew = pytest.mark.parametrize("anew", [False, True], ids=["old-manifest", "manifest-made-anew"])


def replace_in(path, before, after):
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8")


def restate(world, *paths):
    """Put the files' present SHA-256 wherever a record of the folder names them."""
    for record in world.results.rglob("*.json"):
        content = read_json(record)
        if isinstance(content, dict) and isinstance(content.get("files"), dict):
            for path in paths:
                for name in content["files"]:
                    if (record.parent / name).resolve() == path.resolve():
                        content["files"][name] = sha256_file(path)
            write_json(record, content)


def test_untouched_results_pass_every_check(made, monkeypatch):
    few = read_cases()[::20]  # others check them all
    monkeypatch.setattr("miua.conformance.read_cases", lambda: few)
    verification = made.verify()
    assert verification.of("failed", "outside") == ()
    checks = ("files", "plan", "images", "metrics", "tables", "figures", "kernels", "expected")
    assert verification.checks == checks
    assert all(verification.counts(check).get("passed") for check in checks[:-1])
    unchecked = [finding.subject for finding in verification.of("not checked")]
    assert unchecked[:2] == ["report.html", "figures/.done"]


def tamper_with_image(world):
    path = world.results / "sets" / SET / "images.npy"
    images = np.load(path)
    images[3, 10:14, 10:14] ^= 255
    np.save(path, images)
    record = path.with_name("provenance.json")
    write_json(record, read_json(record) | {"outputs": {"images": sha256_array(images)}})


@anew
def test_a_tampered_image_is_found(world, anew):
    tamper_with_image(world)
    if anew:
        world.sign_anew()
    wrong = world.wrong("files", "images", "metrics")
    assert ("images", f"sets/{SET}") in wrong
    assert ("metrics", f"metrics/{SET}.csv") in wrong
    assert (("files", f"sets/{SET}/images.npy") in wrong) != anew


def test_which_image_was_tampered_with_is_said(world):
    tamper_with_image(world)
    (finding,) = [f for f in world.verify("images").of("failed") if f.check == "images"]
    assert "1 of 6 images (number 3, from 0)" in finding.detail
    assert "allowed: 0 grey levels" in finding.detail


@anew
def test_an_edited_table_is_found(world, anew):
    path = world.results / "tables" / "training-size.csv"
    rows = path.read_text(encoding="utf-8").splitlines()
    line = next(i for i, row in enumerate(rows) if ",psnr," in row)
    value = rows[line].split(",psnr,")[1].split(",")[0]
    rows[line] = rows[line].replace(f",psnr,{value}", f",psnr,{float(value) + 0.01}")
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    if anew:
        restate(world, path)
        world.sign_anew()
    wrong = world.wrong("files", "tables")
    assert ("tables", "tables/training-size.csv") in wrong
    assert (("files", "tables/training-size.csv") in wrong) != anew


@anew
def test_edited_metrics_are_found(world, anew):
    path = world.results / "metrics" / f"{SET}.csv"
    replace_in(path, "lbpv_008_difference,", "lbpv_008_difference,1")
    if anew:
        restate(world, path)
        world.sign_anew()
    wrong = world.wrong("metrics", "tables")
    assert ("metrics", f"metrics/{SET}.csv") in wrong
    assert ("tables", "tables/training-size.csv") in wrong


@anew
def test_an_edited_table_of_real_images_is_found(world, anew):
    path = world.results / "tables" / "noise-floor-summary.csv"
    replace_in(path, "3,psnr,39,", "3,psnr,38,")
    if anew:
        restate(world, path)
        world.sign_anew()
    assert ("metrics", "tables/noise-floor-summary.csv") in world.wrong("metrics")


@anew
@pytest.mark.parametrize(
    ("name", "before"), [("unseen", "mutual_information,"), ("unseen-copies", "n0004_e0002,4,")]
)
def test_an_edited_table_of_unseen_images_is_found(world, anew, name, before):
    path = world.results / "tables" / f"{name}.csv"
    replace_in(path, before, f"{before}1")
    if anew:
        restate(world, path)
        world.sign_anew()
    assert ("metrics", f"tables/{name}.csv") in world.wrong("metrics")


def test_other_unseen_images_are_found_though_every_hash_was_made_anew(world):
    path = world.results / "unseen" / "32" / "images.npy"
    images = np.load(path)[::-1].copy()
    np.save(path, images)
    record = path.with_name("provenance.json")
    write_json(record, read_json(record) | {"outputs": {"images": sha256_array(images)}})
    (world.results / "unseen" / "33").mkdir()
    (world.results / "unseen" / "33" / "images.npy").write_bytes(path.read_bytes())
    world.sign_anew()
    wrong = world.wrong("files", "images")
    assert ("images", "unseen/32") in wrong
    assert ("files", "unseen/33/images.npy") in wrong


def swap_checkpoints(world, *, restated):
    """The weights of another training, with the facts that belong to them if `restated`."""
    checkpoints = world.results / "runs" / "n0004" / "checkpoints"
    target = checkpoints / "epoch_0002.safetensors"
    shutil.copyfile(
        world.results / "runs" / "n0006" / "checkpoints" / "epoch_0002.safetensors", target
    )
    if restated:
        facts = target.with_suffix(".json")
        digest = sha256_file(target)
        write_json(facts, read_json(facts) | {"sha256": digest}, sort_keys=False)
        record = world.results / "sets" / SET / "provenance.json"
        write_json(record, read_json(record) | {"inputs": {"checkpoint": digest}})


def test_a_swapped_checkpoint_is_found(world):
    swap_checkpoints(world, restated=False)
    wrong = world.wrong("files", "plan")
    assert ("files", "runs/n0004/checkpoints/epoch_0002.safetensors") in wrong
    assert ("plan", "runs/n0004/checkpoints/epoch_0002") in wrong


def test_a_swapped_checkpoint_is_found_though_every_hash_was_made_anew(world):
    swap_checkpoints(world, restated=True)
    world.sign_anew()
    assert world.wrong("files", "plan", "images") == {
        ("images", f"sets/{SET}"),
        ("plan", "runs/n0006/checkpoints/epoch_0002"),  # whose weights they are
    }


def test_edited_weights_are_found_though_every_hash_was_made_anew(world):
    swap_checkpoints(world, restated=False)
    path = world.results / "runs" / "n0004" / "checkpoints" / "epoch_0002.safetensors"
    tensors = load_file(path)
    save_file({name: 1.1 * tensor for name, tensor in tensors.items()}, path)
    world.sign_anew()
    wrong = world.wrong("plan", "images")
    assert ("plan", "runs/n0004/checkpoints/epoch_0002") in wrong
    assert ("images", f"sets/{SET}") in wrong


@anew
def test_a_wrong_seed_of_a_training_is_found(world, anew):
    replace_in(world.results / "runs" / "n0006" / "config.yaml", "seed: 0", "seed: 7")
    if anew:
        world.sign_anew()
    found = world.verify("plan").of("failed")
    (finding,) = [f for f in found if (f.check, f.subject) == ("plan", "runs/n0006")]
    assert "seed: 7 there, 0 asked" in finding.detail


@anew
def test_a_wrong_seed_of_a_set_is_found(world, anew):
    options = ["--epoch", "2", "--images", "6", "--seed", "5", "--out"]
    run, out = world.results / "runs" / "n0004", world.results / "sets" / SET
    done = CliRunner().invoke(app, ["generate", "--run", str(run), *options, str(out)])
    assert done.exit_code == 0
    if anew:
        world.sign_anew()
    found = world.verify("plan", "images").of("failed")
    subjects = {(f.check, f.subject): f.detail for f in found}
    assert "seed is 5, the study says 0" in subjects["plan", f"sets/{SET}"]
    assert ("images", f"sets/{SET}") in subjects


def test_a_wrong_seed_in_the_plan_is_found_though_all_hashes_were_made_anew(world):
    path = world.results / "plan.yaml"
    path.write_text(path.read_text().replace("\nseed: 0", "\nseed: 3"), encoding="utf-8")
    restate(world, path)
    world.sign_anew()
    found = {(f.check, f.subject): f.detail for f in world.verify("plan").of("failed")}
    assert "seed is 3, the study says 0" in found["plan", "plan.yaml"]


def test_other_phantoms_are_found(world):
    path = next((world.results / "data" / "training_set").glob("*_HC.png"))
    others = sorted((world.results / "data" / "training_set").glob("*HC.png"))
    shutil.copyfile(others[-1], path)
    world.sign_anew()
    wrong = world.wrong("images")
    assert ("images", f"data/training_set/{path.name}") in wrong
    assert ("images", "real/32") in wrong


def test_another_reference_is_found(world):
    path = world.results / "reference" / "32" / "images.npy"
    np.save(path, np.load(path)[::-1].copy())
    world.sign_anew()
    assert ("images", "reference/32") in world.wrong("images")


def test_files_that_were_deleted_and_added_are_named(world):
    (world.results / "tables" / "summary.csv").unlink()
    (world.results / "tables" / "other.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    found = [
        (f.subject, f.detail) for f in world.verify("files").of("failed") if f.check == "files"
    ]
    said = {subject: " ".join(d for s, d in found if s == subject) for subject, _ in found}
    assert "It is missing: the manifest lists it" in said["tables/summary.csv"]
    assert "analysis.json says that it was made" in said["tables/summary.csv"]
    assert "It was added" in said["tables/other.csv"]
    assert "No provenance says what made it" in said["tables/other.csv"]


def test_a_file_that_is_not_what_a_step_made_is_found_though_the_manifest_was_made_anew(world):
    replace_in(world.results / "tables" / "summary.csv", "psnr", "psnr2")
    world.sign_anew()
    (finding,) = world.verify("files").of("failed")
    assert finding.subject == "tables/summary.csv"
    assert "analysis.json has another SHA-256" in finding.detail


@pytest.mark.parametrize(
    ("check", "place"), [("metrics", "metrics/reference.npy"), ("tables", "tables/lbpv.npy")]
)
def test_an_edited_vector_is_found_though_every_hash_was_made_anew(world, check, place):
    path = world.results / place
    vectors = np.load(path)
    vectors[..., 8] = np.nextafter(vectors[..., 8], np.inf)
    np.save(path, vectors)
    restate(world, path)
    world.sign_anew()
    assert world.wrong("files", check) == {(check, place)}


@anew
def test_an_edited_verdict_is_found(world, anew):
    path = world.results / "claims.json"
    replace_in(path, '"verdict": "undecided"', '"verdict": "reproduced"')
    if anew:
        restate(world, path)
        world.sign_anew()
    found = [f for f in world.verify("tables").of("failed") if f.check == "tables"]
    assert [f.subject for f in found] == ["claims.json"]
    assert "made again it is 'undecided'" in found[0].detail


@anew
def test_an_edited_number_of_the_paper_is_found(world, anew):
    path = world.results / "paper" / "generated" / "numbers.tex"
    replace_in(path, "{2022}", "{2021}") if "{2022}" in path.read_text() else replace_in(
        path, "{0.", "{9."
    )
    if anew:
        restate(world, path)
        world.sign_anew()
    assert ("tables", "paper/generated/numbers.tex") in world.wrong("tables")


def test_a_link_in_place_of_a_file_is_refused(world):
    path = world.results / "tables" / "claims.csv"
    kept = world.folder / "claims.csv"
    path.rename(kept)
    path.symlink_to(kept)
    world.sign_anew()
    assert ("files", "tables/claims.csv") in world.wrong("files")


def test_without_a_manifest_the_remedy_is_said_and_the_rest_checked(world):
    (world.results / MANIFEST).unlink()
    verification = world.verify("files", "tables")
    (finding,) = verification.of("failed")
    assert finding.check == "files"
    assert f"miua manifest {world.results}" in finding.detail
    assert verification.counts("tables")["passed"]


@pytest.mark.parametrize("text", ["{", "[]", '{"schema": 1, "files": {"plan.yaml": 3}}'])
def test_a_damaged_manifest_is_a_finding(world, text):
    (world.results / MANIFEST).write_text(text, encoding="utf-8")
    assert world.wrong("files") == {("files", MANIFEST)}


def test_damaged_records_are_findings_and_no_crash(world):
    (world.results / "sets" / SET / "provenance.json").write_text("[1]", encoding="utf-8")
    (world.results / "runs" / "n0006" / "config.yaml").write_text("seed: !!x", encoding="utf-8")
    (world.results / "metrics" / "n0006_e0001.npy").write_bytes(b"\x93NUMPY broken")
    world.sign_anew()
    wrong = world.wrong("files", "plan", "metrics")
    assert ("plan", f"sets/{SET}") in wrong
    assert ("plan", "runs/n0006") in wrong
    assert ("metrics", "metrics/n0006_e0001.npy") in wrong


def test_an_experiment_that_was_not_run_is_not_checked(world):
    for place in ("tables/seeds.csv", "tables/seeds-stability.csv", "tables/seeds.json"):
        (world.results / place).unlink()
    for run in ("runs/n0004_seed-1", "sets/n0004_seed-1_e0002"):
        shutil.rmtree(world.results / run)
    world.sign_anew()
    open_ones = {(f.check, f.subject) for f in world.verify("plan").of("not checked")}
    assert ("plan", "seeds") in open_ones


def test_real_images_are_measured_once_for_all_that_is_asked_of_them(made, monkeypatch):
    measured = []

    def measure(*words):
        measured.append(words)
        return measure_images(*words)

    monkeypatch.setattr("miua.study.remake.real_images.measure_images", measure)
    assert made.verify("metrics").of("failed") == ()
    assert len(measured) == 1


def test_kernels_that_compute_something_else_are_found(made, monkeypatch):
    monkeypatch.setattr("miua.conformance.failures", lambda cases, *rest: cases[:1])
    found = made.verify("kernels").findings
    assert {finding.verdict for finding in found} == {"failed"}
    assert {finding.subject for finding in found} >= {f"baseline, {n} threads" for n in THREADS}


def test_what_cannot_be_begun_is_one_message(made, tmp_path):
    with pytest.raises(MiuaError, match="There is no folder"):
        verify(tmp_path / "nowhere", made.study)
    with pytest.raises(MiuaError, match="no results folder"):
        verify(tmp_path, made.study)
    with pytest.raises(MiuaError, match="holds no profiles"):
        verify(made.results, tmp_path)
    with pytest.raises(MiuaError, match="no folder of expected results"):
        verify(made.results, made.study, tmp_path)
    with pytest.raises(MiuaError, match=r"(?s)another plan than .*profile: cpu expected"):
        verify(made.results, made.study, STUDY / "expected" / "cpu")
    with pytest.raises(MiuaError, match=r"Unknown check colour\. There are files, plan"):
        verify(made.results, made.study, only=["colour"])


def test_the_command_prints_a_verdict_writes_json_and_exits_by_it(world, tmp_path):
    (world.results / "tables" / "summary.csv").unlink()
    out = tmp_path / "found.json"
    words = ["verify", str(world.results), "--study", str(world.study), "--only", "files"]
    words += ["--json", str(out)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 1
    assert "failed  files: tables/summary.csv: It is missing" in done.stdout
    assert "Do not trust these results" in done.stdout
    document = json.loads(out.read_text(encoding="utf-8"))
    assert document["ok"] is False
    assert {"check", "subject", "verdict", "detail"} <= set(document["findings"][0])


def test_the_table_has_a_line_a_check_and_long_lists_are_cut(capsys):
    many = tuple(Finding("expected", f"number {i}", "undecided", "[b]few[/b]") for i in range(30))
    print_verification(Verification((Finding("files", "a", "passed"), *many)))
    said = capsys.readouterr().out
    assert said.splitlines()[0].split() == ["check", "passed", "undecided"]
    assert said.count("[b]few[/b]") == 20
    assert "... and 10 more undecided" in said
    assert "Nothing is wrong in 31 findings. 30 findings are open" in said


def test_manifest_is_kept_as_long_as_nothing_changes(world):
    path = world.results / MANIFEST
    write_manifest(world.results, "A Person <a@example.org>")
    before = path.read_bytes()
    assert write_manifest(world.results) == path
    assert path.read_bytes() == before
    assert read_json(path)["signed_off_by"] == "A Person <a@example.org>"
    (world.results / "tables" / "summary.csv").write_text("changed\n", encoding="utf-8")
    write_manifest(world.results)
    assert read_json(path)["signed_off_by"] == "not signed off"


def test_a_table_that_nothing_makes_is_found(world):
    (world.results / "tables" / "invented.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    world.sign_anew()
    found = [f for f in world.verify("tables").of("failed") if f.check == "tables"]
    assert [f.subject for f in found] == ["tables/invented.csv"]


def test_a_report_of_an_earlier_version_does_not_pass(world):
    page = world.results / "report" / "index.html"
    page.parent.mkdir()
    page.write_text("<p>4 claims reproduced", encoding="utf-8")
    assert ("tables", "report/index.html") in world.wrong("tables")
