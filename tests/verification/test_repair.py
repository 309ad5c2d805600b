"""What is damaged in a results folder goes before a reproduction, so that it is made again."""

import json

import pytest

from miua.study.belonging import record_of
from miua.study.plan import make_plan, read_experiments, read_profile
from miua.study.repair import remove_damaged
from miua.study.steps import Study


@pytest.fixture
def study(world):
    plan = make_plan(read_profile(world.study, "smoke"), read_experiments(world.study))
    places = {"study": world.study, "paper": world.study, "folder": world.results}
    return Study(plan.profile, tuple(plan.cells), **places)


def files(world):
    return {path.relative_to(world.results).as_posix() for path in world.results.rglob("*.*")}


def test_whole_results_stay_as_they_are(world, study):
    before = files(world)
    remove_damaged(study)
    assert files(world) == before


def test_each_step_has_a_record(world, study):
    made = [job for job in study.jobs() if (world.results / job.name).exists()]
    assert len(made) > 15
    for job in made:
        assert (world.results / record_of(job)).is_file() or job.step.name == "train", job.name


WAYS = {
    "empty": lambda path: path.write_bytes(b""),
    "noise": lambda path: path.write_bytes(bytes(range(256))),
    "missing": lambda path: path.unlink(),
    "folder": lambda path: (path.unlink(), path.mkdir()),
    "link": lambda path: (path.unlink(), path.symlink_to(path.parent / "absent")),
    "deep": lambda path: path.write_text("[" * 100_000),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("data/training_set/000_HC.png", "data/training_set_pixel_size_and_HC.csv"),
        ("real/32/images.npy", "real/32/images.npy"),
        ("real/32/names.json", "real/32/images.npy"),
        ("reference/32/provenance.json", "reference/32/images.npy"),
        ("sets/n0004_e0002/images.npy", "sets/n0004_e0002/provenance.json"),
        ("metrics/n0004_e0002.csv", "metrics/n0004_e0002.csv"),
        ("metrics/n0004_e0002.json", "metrics/n0004_e0002.csv"),
        ("tables/summary.csv", "tables/stability.csv"),
        ("claims.json", "tables/claims.csv"),
        ("tables/noise-floor.json", "tables/noise-floor.csv"),
    ],
)
def test_a_step_is_made_again_whose_file_is_damaged(world, study, capsys, way, name, output):
    before = files(world)
    WAYS[way](world.results / name)
    remove_damaged(study)
    gone = before - files(world)
    assert {name, output} <= gone
    (job,) = (job for job in study.jobs() if output in job.outputs)
    assert gone <= {name, *job.outputs}, "no other step is touched"
    assert f"{world.results / name} is missing, or not what was made" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["figures/.done", "runs/n0004.done"])
def test_a_mark_that_is_a_link_is_removed_and_leads_to_nothing(world, study, name):
    mark, elsewhere = world.results / name, world.results.parent / "elsewhere"
    mark.parent.mkdir(exist_ok=True)
    mark.unlink(missing_ok=True)
    mark.symlink_to(elsewhere)
    remove_damaged(study)
    assert not mark.is_symlink()
    assert not elsewhere.exists()


def test_a_record_that_names_nothing_is_made_again(world, study):
    record = world.results / "tables" / "claims.json"
    record.write_text(json.dumps({"files": 3}))
    remove_damaged(study)
    assert not record.exists()
    assert not (world.results / "claims.json").exists()
