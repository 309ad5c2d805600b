"""The manifest lists what is there, and says with what and by whom."""

import pytest
from typer.testing import CliRunner

from miua.cli import app
from miua.errors import MiuaError
from miua.files import read_json, sha256_file
from miua.study.manifest import MANIFEST, read_contents, write_manifest


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
