"""A forecast counts what is left, from what was measured here, and says what does not fit."""

import dataclasses
import io
import json
from pathlib import Path

import pytest
import torch
import yaml
from rich.console import Console

import miua.forecast.measure
from miua.checkpoint import Position, save_checkpoint
from miua.config import TrainingConfig, read_config
from miua.forecast.machine import earlier_run, memory_of_machine, peak_memory
from miua.forecast.measure import checkpoint_bytes
from miua.forecast.predict import LATE, forecast, print_forecast, warnings_of
from miua.forecast.predict import STEPS as ROWS
from miua.forecast.processes import TrialFailedError, run_together
from miua.forecast.result import Totals
from miua.forecast.schedule import Load, most_memory, wall_clock
from miua.forecast.table import about, amount
from miua.forecast.work import Left, jobs_of, training_left
from miua.study.plan import Profile, make_plan, read_experiments
from miua.study.steps import STEPS
from miua.training.adversaries import Adversaries
from miua.training.draws import Draws
from miua.training.steps import EpochSums, train_batch

STUDY = Path(__file__).parents[1] / "experiments"
PROFILES = sorted(path.stem for path in (STUDY / "profiles").glob("*.yaml"))
TINY = {
    "profile": "tiny",
    "description": "as small as it gets",
    "scientific": False,
    "banner": "no result",
    "data": {"source": "phantom", "images": 8},
    "image_size": 32,
    "reference_images": 6,
    "synthetic_images": 6,
    "feature_maps": 4,
    "latent_size": 4,
    "batch_size": 4,
    "experiments": {
        "training-size": {"training_sizes": [4, 8], "epochs": [1, 3]},
        "noise-floor": {"images": 3, "repeats": 2},
        "sensitivity": {"images": 3, "repeats": 2},
    },
}


def plan_of(name):
    profile = read_config(STUDY / "profiles" / f"{name}.yaml", Profile)
    return make_plan(profile, read_experiments(STUDY))


def tiny_plan():
    return make_plan(Profile.model_validate(TINY), read_experiments(STUDY))


def make(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def make_everything(folder, plan):
    for job in jobs_of(plan, folder, 1):
        make(folder, *job.outputs)
    for run, config in plan.runs.items():
        make(folder, *(f"runs/{run}/checkpoints/epoch_{epoch:04d}.json" for epoch in config.epochs))


def counted(jobs):
    counts = {}
    for job in jobs:
        counts[job.rule] = counts.get(job.rule, 0) + 1
    return counts


def left_of(folder, plan, **options):
    return [job for job in jobs_of(plan, folder, 2, **options) if not job.done]


def test_the_size_of_a_checkpoint_is_that_of_one_that_was_written(tmp_path):
    config = TrainingConfig(image_size=32, feature_maps=8, latent_size=7, training_size=4)
    device = torch.device("cpu")
    networks = Adversaries.create(config, device)
    draws = Draws.of_epoch(config, 1, 4, device)
    images = torch.zeros((4, 32, 32), dtype=torch.uint8)
    train_batch(networks, images, draws, config, EpochSums(device))
    save_checkpoint(tmp_path, Position(1), networks.tensors(), {})
    (written,) = (tmp_path / "checkpoints").glob("*.safetensors")
    with written.open("rb") as file:
        header = 8 + int.from_bytes(file.read(8), "little")
    assert checkpoint_bytes(config) == written.stat().st_size - header


@pytest.mark.parametrize("name", PROFILES)
def test_jobs_are_those_of_the_plan(tmp_path, name):
    plan = plan_of(name)
    counts = counted(jobs_of(plan, tmp_path / "none", 2))
    sets = len({cell.set for cell in plan.cells})
    ways = len(plan.preparations())
    assert counts["train"] == len(plan.runs)
    assert counts["generate"] == counts["evaluate"] == sets
    assert counts["real_images"] == counts["reference"] == ways
    assert counts["experiment"] == len({cell.experiment for cell in plan.cells})
    assert counts.get("phantoms", 0) == (plan.profile.data.source == "phantom")


def test_every_rule_of_the_workflow_is_in_the_forecast(tmp_path):
    rules = {step.name for step in STEPS}
    # As where readers judged the sets; else that rule makes nothing.
    assert "readers" not in counted(jobs_of(plan_of("smoke"), tmp_path, 2))
    (tmp_path / "readers").mkdir()
    found = counted(jobs_of(plan_of("smoke"), tmp_path, 2))
    assert set(found) == rules
    assert {rule for rules in ROWS.values() for rule in rules} == set(found)


def test_an_experiment_alone_needs_its_own_trainings_only(tmp_path):
    plan = plan_of("smoke")
    jobs = jobs_of(plan, tmp_path, 2, experiment="seeds")
    runs = {cell.run for cell in plan.cells if cell.experiment == "seeds"}
    assert {job.run for job in jobs if job.rule == "train"} == runs
    assert counted(jobs)["experiment"] == 1
    assert not {"claims", "figures", "paper", "report"} & set(counted(jobs))
    assert set(counted(jobs_of(plan, tmp_path, 2, experiment="clinician"))) == {"clinician"}
    floor = counted(jobs_of(plan, tmp_path, 2, experiment="noise-floor"))
    assert floor == {"phantoms": 1, "noise_floor": 1}


def test_what_is_done_is_not_counted(tmp_path):
    plan = tiny_plan()
    make_everything(tmp_path, plan)
    assert left_of(tmp_path, plan) == []
    (tmp_path / "report.html").unlink()
    assert [job.rule for job in left_of(tmp_path, plan)] == ["report"]


def test_what_follows_from_something_left_is_left_too(tmp_path):
    plan = tiny_plan()
    make_everything(tmp_path, plan)
    (tmp_path / "metrics/n0004_e0001.csv").unlink()
    left = counted(left_of(tmp_path, plan))
    assert left["evaluate"] == left["experiment"] == left["claims"] == left["report"] == 1
    assert "train" not in left
    assert "noise_floor" not in left


def test_outputs_that_the_workflow_makes_anew_are_counted(tmp_path):
    plan = tiny_plan()
    make_everything(tmp_path, plan)
    left = counted(left_of(tmp_path, plan, remade={"claims.json"}))
    assert left == {"claims": 1, "figures": 1, "paper": 1, "report": 1}


def test_a_training_counts_as_done_only_with_all_its_epochs(tmp_path):
    plan = tiny_plan()
    make_everything(tmp_path, plan)
    (tmp_path / "runs/n0008/checkpoints/epoch_0003.json").unlink()
    left = [job for job in left_of(tmp_path, plan) if job.rule == "train"]
    assert [job.run for job in left] == ["n0008"]
    (tmp_path / "runs/n0008/diverged.json").write_text('{"epoch": 2, "reason": "why"}')
    assert left_of(tmp_path, plan) == []


def test_an_interrupted_training_counts_what_is_left(tmp_path):
    config = TrainingConfig(training_size=24, batch_size=10, epochs=[4, 12, 40])
    assert training_left(tmp_path, config) == Left(40 * 24, 3, 8)
    make(tmp_path, "checkpoints/epoch_0004.json")
    assert training_left(tmp_path, config) == Left(36 * 24, 2, 5)
    make(tmp_path, "checkpoints/epoch_0009_batch_0002.json")
    assert training_left(tmp_path, config) == Left(31 * 24 - 20, 2, 4)
    make(tmp_path, "checkpoints/epoch_0040.json")  # ahead of a missing one: made again
    assert training_left(tmp_path, config).images == 31 * 24 - 20
    make(tmp_path, "checkpoints/epoch_0012.json")
    assert training_left(tmp_path, config) == Left(0, 0, 0)


def loads(*seconds, **options):
    return [Load(str(number), each, **options) for number, each in enumerate(seconds)]


def test_the_wall_clock_is_that_of_a_list_schedule_the_longest_first():
    assert wall_clock(loads(3, 3, 3, 4, 5), 1) == 18
    assert wall_clock(loads(3, 3, 3, 4, 5), 2) == 10  # 5 + 3 and 4 + 3 + 3
    assert wall_clock(loads(3, 3, 3, 4, 5), 5) == 5
    assert wall_clock([], 2) == 0


def test_jobs_with_several_threads_wait_for_as_many_cores():
    assert wall_clock(loads(2, 3, threads=2), 2) == 5
    assert wall_clock(loads(2, 3, threads=2), 4) == 3
    assert wall_clock(loads(2, threads=16), 2) == 2


def test_jobs_wait_for_what_they_need():
    chain = [Load("a", 2), Load("b", 3, after=("a",)), Load("c", 4), Load("d", 1, after=("x",))]
    assert wall_clock(chain, 2) == 5
    assert wall_clock(chain, 1) == 10
    with pytest.raises(ValueError, match="wait for each other: a, b"):
        wall_clock([Load("a", 1, after=("b",)), Load("b", 1, after=("a",))], 1)


def test_priority_goes_before_length():
    late_long_one = [Load("a", 2, priority=1), Load("b", 2, priority=1), Load("c", 6)]
    assert wall_clock(late_long_one, 2) == 8


def test_memory_is_that_of_the_largest_jobs_that_run_at_once():
    jobs = [Load("a", 1, memory=5), Load("b", 1, memory=3), Load("c", 1, 2, memory=4)]
    assert most_memory(jobs, 1) == 5
    assert most_memory(jobs, 2) == 8
    assert most_memory(jobs, 4) == 12


TOTALS = Totals(
    in_turn=1,
    wall_clock=1,
    memory=4e9,
    gpu_memory=0,
    disk=3e9,
    machine_memory=8e9,
    free_memory=6e9,
    machine_gpu_memory=0,
    free_disk=5e9,
)


def test_what_does_not_fit_is_told():
    assert warnings_of(TOTALS) == []
    (disk,) = warnings_of(dataclasses.replace(TOTALS, free_disk=2e9))
    assert disk.startswith("The disk is too small: 3.0 GB are needed, 2.0 GB are free.")
    (memory,) = warnings_of(dataclasses.replace(TOTALS, free_memory=1e9))
    assert "4.0 GB are needed at most, 1.0 GB are free. Use fewer --cores" in memory
    (gpu,) = warnings_of(dataclasses.replace(TOTALS, gpu_memory=9e9, machine_gpu_memory=8e9))
    assert gpu.startswith("The GPU's memory may not suffice")


def record(folder, rule, start, end):
    place = folder / ".snakemake" / "metadata"
    place.mkdir(parents=True, exist_ok=True)
    facts = {"rule": rule, "starttime": start, "endtime": end}
    (place / f"{rule}{start}").write_text(json.dumps(facts))


def test_late_steps_take_as_long_as_in_a_finished_run(tmp_path):
    assert earlier_run(tmp_path / "cpu", LATE) is None
    for rule in LATE:
        record(tmp_path / "smoke", rule, 10.0, 12.0)
    record(tmp_path / "smoke", "experiment", 20.0, 24.0)
    assert earlier_run(tmp_path / "cpu", LATE) is None  # it did not come to its end
    make(tmp_path / "smoke", "report.html")
    (tmp_path / "smoke/report.html").write_text("12345")
    found = earlier_run(tmp_path / "cpu", LATE)
    assert found.seconds["paper"] == 2
    assert found.seconds["experiment"] == 3  # the mean of its jobs
    assert found.bytes == 5


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "< 1 s"), (42.4, "42 s"), (600, "10 min"), (12_000, "3 h 20 min"), (4e5, "111 h")],
)
def test_times_have_the_digits_of_a_prediction(seconds, words):
    assert about(seconds) == words


def test_sizes_are_in_powers_of_1000():
    assert [amount(size) for size in (None, 0, 2e6, 3.21e9)] == ["-", "< 1 MB", "2 MB", "3.2 GB"]


def test_this_machine_has_memory():
    whole, free = memory_of_machine()
    assert 0 < free <= whole
    assert 1e6 < peak_memory() < whole


def wait_and_double(together, number):
    together()
    if number < 0:
        raise ValueError("negative")
    return 2 * number


def test_trials_run_at_once_and_say_why_they_fail():
    assert run_together(wait_and_double, [(1,), (2,)], torch=True) == [2, 4]
    with pytest.raises(TrialFailedError, match="ValueError: negative"):
        run_together(wait_and_double, [(1,), (-2,)], torch=True)


def printed(found, width=80):
    text = io.StringIO()
    print_forecast(found, Console(file=text, width=width, highlight=False))
    return text.getvalue()


def test_a_forecast_measures_every_step_that_it_can(tmp_path, capsys):
    plan = tiny_plan()
    folder = tmp_path / "results" / "tiny"
    found = forecast(plan, folder, 1)
    assert not folder.exists()
    unknown = ["tables, claims", "figures", "paper, report"]
    assert found.unpredicted == unknown
    for step in found.steps:
        if step.name not in unknown:
            assert 0 < step.least <= step.most <= step.in_turn
            assert step.memory > 1e7
    (sizes,) = found.trainings
    assert (sizes.jobs, sizes.left, sizes.images) == (2, 2, (12, 24))
    each = checkpoint_bytes(plan.runs["n0004"])
    assert sizes.disk == 4 * each
    assert found.totals.disk > 6 * each  # and two more while it runs
    assert found.totals.in_turn == pytest.approx(found.totals.wall_clock)  # on one core
    assert "Measuring: training 32 x 32 pixels" in capsys.readouterr().err
    text = printed(found)
    assert max(map(len, text.splitlines())) <= 80
    assert "Time    at least" in text
    assert "not predicted, as there is no finished" in text


def test_a_forecast_of_what_is_done_measures_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(miua.forecast.measure, "run_together", None)
    plan = tiny_plan()
    make_everything(tmp_path / "tiny", plan)
    found = forecast(plan, tmp_path / "tiny", 2)
    assert all(step.left == 0 for step in found.steps)
    assert (found.totals.wall_clock, found.totals.disk, found.totals.memory) == (0, 0, 0)
    assert "Everything is done already." in printed(found)


def test_what_cannot_be_measured_is_told_and_not_invented(tmp_path, monkeypatch):
    def failing(trial, arguments, *, torch):
        raise TrialFailedError("no luck")

    monkeypatch.setattr(miua.forecast.measure, "run_together", failing)
    found = forecast(tiny_plan(), tmp_path / "tiny", 2)
    assert found.unpredicted == list(ROWS)
    assert any("Training of 32 x 32" in note and "no luck" in note for note in found.notes)
    text = printed(found)
    assert "not predicted" in text


def test_the_profile_of_these_tests_is_a_real_one():
    assert Profile.model_validate(yaml.safe_load(yaml.safe_dump(TINY))).profile == "tiny"
