"""The manifest lists what is there, and says with what and by whom."""

import pytest
from typer.testing import CliRunner

from miua.cli import app
from miua.errors import MiuaError
from miua.files import locked, read_json, sha256_file
from miua.study.manifest import MANIFEST, SIGNATURE, read_contents, write_manifest
from tests.small_study import call


def test_it_lists_every_file_but_its_own_and_the_tools(world):
    for name in (".lock", f"{MANIFEST}.sig"):
        (world.results / name).touch()
    (world.results / ".snakemake").mkdir()
    (world.results / ".snakemake" / "note").touch()
    write_manifest(world.results)
    listed = read_json(world.results / MANIFEST)["files"]
    there = {
        path.relative_to(world.results).as_posix()
        for path in world.results.rglob("*")
        if path.is_file()
    }
    assert set(listed) == there - {MANIFEST, f"{MANIFEST}.sig", ".lock", ".snakemake/note"}
    plan = world.results / "plan.yaml"
    assert listed["plan.yaml"] == {"size": plan.stat().st_size, "sha256": sha256_file(plan)}


def test_it_says_with_what_it_was_made(made):
    manifest = read_json(made.results / MANIFEST)
    assert manifest["profile"] == "smoke"
    assert manifest["scientific"] is False
    assert {"commit", "uncommitted_changes", "python", "platform"} <= set(manifest)
    assert {"torch", "numpy", "snakemake"} <= set(manifest["packages"])
    assert {"processor", "cores", "memory_bytes", "gpus"} <= set(manifest["hardware"])


def test_the_command_signs_off_and_prints_its_hash(world):
    name = "A Person <a@example.org>"
    done = CliRunner().invoke(app, ["manifest", str(world.results), "--signed-off-by", name])
    assert done.exit_code == 0
    first, second = done.stdout.splitlines()
    assert first.endswith(f"signed off by {name}")
    assert second == f"sha256 {sha256_file(world.results / MANIFEST)}"


def test_nobody_cannot_sign_off(world):
    before = (world.results / MANIFEST).read_bytes()
    with pytest.raises(MiuaError, match="Nobody signs off"):
        write_manifest(world.results, "  ")
    assert (world.results / MANIFEST).read_bytes() == before


def test_it_is_of_a_results_folder(tmp_path):
    with pytest.raises(MiuaError, match="no results folder"):
        write_manifest(tmp_path)
    assert not (tmp_path / MANIFEST).exists()


def test_links_are_not_followed(world):
    (world.results / "link").symlink_to(world.folder / "experiments")
    assert read_contents(world.results)["link"]["sha256"] == ""


def judge_claims_again(world):
    words = ["claims", str(world.results), "--study", str(world.study)]
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


def test_a_command_that_writes_renews_it_and_says_so(world):
    write_manifest(world.results, "A Person <a@example.org>")
    (world.results / SIGNATURE).touch()
    (world.results / "tables" / "claims.csv").unlink()
    said = judge_claims_again(world)
    assert f"{MANIFEST} now lists what was written. It was signed, and is no longer" in said
    assert read_json(world.results / MANIFEST)["signed_off_by"] == "not signed off"
    assert world.verify("files", "tables").of("failed") == ()


@pytest.mark.parametrize(
    "words",
    [["collect", "{}", "seeds"], ["clinician", "{}"], ["analyse", "{}"]],
    ids=lambda words: words[0],
)
def test_each_command_that_writes_says_that_the_sign_off_is_gone(world, words):
    study = [] if words[0] in ("collect", "analyse") else ["--study", str(world.study)]
    words = [word.format(world.results) for word in words]
    for place in ("tables/seeds.json", "tables/clinician.json", "tables/analysis.json"):
        (world.results / place).unlink()
    write_manifest(world.results, "A Person <a@example.org>")
    done = CliRunner().invoke(app, [*words, *study], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "It was signed, and is no longer: sign it again." in done.output
    assert read_json(world.results / MANIFEST)["signed_off_by"] == "not signed off"
    listed, there = read_json(world.results / MANIFEST)["files"], read_contents(world.results)
    assert listed == there


def test_what_others_changed_is_not_covered_up(world):
    path = world.results / "tables" / "summary.csv"
    path.write_bytes(path.read_bytes() + b"\n")
    (world.results / "configs" / "n0004.yaml").unlink()
    judge_claims_again(world)
    wrong = {subject for _, subject in world.wrong("files")}
    assert wrong == {"tables/summary.csv", "configs/n0004.yaml"}


def test_it_is_left_alone_while_a_reproduction_is_at_work(world):
    before = (world.results / MANIFEST).read_bytes()
    with locked(world.results / ".lock", "busy"):
        assert MANIFEST not in judge_claims_again(world)
    assert (world.results / MANIFEST).read_bytes() == before


def test_commands_that_only_look_leave_everything_as_it_is(world):
    def contents():
        return {path: path.read_bytes() for path in world.results.rglob("*") if path.is_file()}

    before = contents()
    call("trace", "--list", world.results)
    call("verify", world.results, "--study", world.study, "--only", "files,plan")
    real, made = world.results / "data" / "training_set", world.results / "sets" / "n0004_e0002"
    options = ("--metrics", "psnr", "--floor-splits", 0, "--quiet")
    call("evaluate", "--real", real, "--size", 32, "--synthetic", made, *options)
    assert contents() == before
