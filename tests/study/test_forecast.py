"""A forecast counts what is left, from what was measured here, and says what does not fit."""

import dataclasses
import io
import json
from pathlib import Path

import pytest
from rich.console import Console

import miua.study.forecast as module
import miua.study.trials as trials
from miua.config import TrainingConfig
from miua.errors import MiuaError
from miua.study.forecast import (
    OF_ANY_SCALE,
    ROWS,
    Cost,
    Need,
    forecast,
    most_at_once,
    training_left,
    wall_clock,
)
from miua.study.forecast_text import about, amount, print_forecast, warnings_of
from miua.study.plan import Profile, make_plan, read_experiments
from miua.study.steps import BENCHMARKS, STEPS, Job, Study
from miua.study.trials import Measured, run_together

STUDY = Path(__file__).parents[2] / "experiments"
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


@pytest.fixture
def plan():
    return make_plan(Profile.model_validate(TINY), read_experiments(STUDY))


@pytest.fixture
def study(plan, tmp_path):
    folder = tmp_path / "results" / "tiny"
    places = {"study": STUDY, "paper": STUDY, "folder": folder}
    return Study(plan.profile, tuple(plan.cells), cores=2, **places)


@pytest.fixture
def tried(monkeypatch):
    """The trials, which measure nothing here."""
    training, linear = Measured(1, 0.1, 2e9, 3e9, 5e6), Measured(1, 0.5, 1e9, 1e9, 100)
    monkeypatch.setattr(module, "try_training", lambda *given: training)
    monkeypatch.setattr(module, "try_set", lambda *given: linear)
    monkeypatch.setattr(module, "try_metrics", lambda *given: linear)


def unpredicted(found):
    return [row.name for row in found.rows if not row.known]


def everything(study):
    return {output for job in study.jobs() for output in job.outputs}


def make(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def printed(found, width=80):
    text = io.StringIO()
    print_forecast(found, Console(file=text, width=width, highlight=False))
    return text.getvalue()


def row_of(found, name):
    return next(row for row in found.rows if row.name == name)


def test_every_step_has_its_row():
    rules = [rule for rules in ROWS.values() for rule in rules]
    assert sorted(rules) == sorted(step.name for step in STEPS)


def test_trainings_sets_and_metrics_are_measured_and_no_number_is_invented(study, plan, tried):
    found = forecast(study, plan, [], everything(study))
    assert not study.folder.exists()
    measured = {"trainings", "synthetic sets", "metrics of sets"}
    assert {*unpredicted(found)} == {row.name for row in found.rows} - measured
    trainings = row_of(found, "trainings")
    assert [cost.images for cost in trainings.costs] == [4 * 3, 8 * 3]
    assert [cost.seconds for cost in trainings.costs] == pytest.approx([2.2, 3.4])
    assert trainings.disk == 2 * 2 * 5e6  # two epochs of each are kept
    (sets,) = {cost.seconds for cost in row_of(found, "synthetic sets").costs}
    assert sets == 1 + 0.5 * 6
    (pairs,) = {cost.seconds for cost in row_of(found, "metrics of sets").costs}
    assert pairs == 1 + 0.5 * 6 * 6
    (sizes,) = found.trainings
    assert (sizes.name, sizes.jobs, len(sizes.left)) == ("training-size", 2, 2)
    text = printed(found)
    assert max(map(len, text.splitlines())) <= 80
    assert "Time    at least" in text
    assert "12-24" in text
    assert "there is no finished run" in text.replace("\n", " ")


def test_what_snakemake_would_not_make_is_done_and_costs_nothing(study, plan):
    found = forecast(study, plan, [], set())
    assert not any(row.left for row in found.rows)
    assert "Everything is done already." in printed(found)
    found = forecast(study, plan, [], {"report.html"})
    assert [row.name for row in found.rows if row.left] == ["paper, report"]


def test_an_experiment_alone_is_counted_alone(study, plan, tried):
    found = forecast(study, plan, ["tables/noise-floor.csv"], everything(study))
    assert [row.name for row in found.rows] == ["images", "noise floor"]


def test_a_trial_that_fails_is_told(study, plan, monkeypatch):
    def failing(*given):
        raise MiuaError("no luck.")

    monkeypatch.setattr(module, "try_training", failing)
    found = forecast(study, plan, [], everything(study))
    assert unpredicted(found) == [row.name for row in found.rows]
    assert any("Training of 32 x 32" in note and "no luck." in note for note in found.notes)


def record(folder, rule, seconds, mebibytes, job="job"):
    make(folder, f"{BENCHMARKS}/{rule}/{job}.tsv")
    text = f"s\th:m:s\tmax_rss\n{seconds}\t0:00:01\t{mebibytes}\n"
    (folder / BENCHMARKS / rule / f"{job}.tsv").write_text(text)


def test_other_steps_take_as_much_time_and_memory_as_in_a_finished_run_here(study, plan, tried):
    earlier = study.folder.parent / "smoke"
    for rule in (*OF_ANY_SCALE, "noise_floor"):
        record(earlier, rule, 2.0, 100.0)
    record(earlier, "experiment", 4.0, 300.0, "job_seeds")
    record(earlier, "figures", 2.0, "NA")  # too short for Snakemake to look at
    make(earlier, f"{BENCHMARKS}/claims/broken.tsv")
    assert "figures" in unpredicted(forecast(study, plan, [], everything(study)))  # not finished
    (earlier / "report.html").write_text("12345")
    found = forecast(study, plan, [], everything(study))
    (experiment,) = (job for job in study.jobs() if job.step.name == "experiment")
    cost = found.costs[experiment.name]
    assert (cost.seconds, cost.memory) == (3, 300 * 2**20)  # the mean of its jobs, and the largest
    assert row_of(found, "tables, claims").memory == 300 * 2**20
    assert row_of(found, "paper, report").disk == 5
    measured = ["unseen images", "noise floor", "sensitivity"]
    assert unpredicted(found) == ["images", *measured]  # of another scale
    text = printed(found)
    said = "Not predicted, and in none of these: images; unseen images; noise floor; sensitivity."
    assert said in " ".join(text.split())
    assert "Memory not predicted: figures." in text
    (earlier / "plan.yaml").write_text(json.dumps(plan.profile.model_dump()))
    found = forecast(study, plan, [], everything(study))
    assert row_of(found, "noise floor").memory == 100 * 2**20
    assert [row.name for row in found.rows if row.memory is None] == [
        "images",
        "unseen images",
        "sensitivity",
        "figures",
    ]


def test_memory_on_the_gpu_is_told_where_there_is_one(study, plan, tried, monkeypatch):
    assert "GPU  " not in printed(forecast(study, plan, [], everything(study)))
    monkeypatch.setattr(module, "gpu_memory", lambda: (5e9, 8e9))
    found = forecast(study, plan, [], everything(study))
    text = printed(found)
    assert "GPU     6.0 GB at most at once; it has 8.0 GB, 5.0 GB of it free" in text
    (row,) = (line for line in text.splitlines() if line.startswith("training-size"))
    assert row.split()[-2:] == ["3.0", "GB"]
    assert "The GPU's memory may not suffice: 6.0 GB are needed at most, 5.0 GB" in text


def test_memory_on_the_gpu_is_what_its_free_memory_falls_by(tmp_path, monkeypatch):
    at_first = iter([8e9])
    monkeypatch.setattr(trials, "gpu_memory", lambda: (next(at_first, 4e9), 9e9))
    use = "python3 -c 'sum(range(1_000_000))'"
    used = run_together([(use, tmp_path / name) for name in ("a", "b")])
    assert [usage.gpu for usage in used] == [2e9, 2e9]


def test_an_interrupted_training_counts_what_is_left(tmp_path):
    config = TrainingConfig(training_size=24, batch_size=10, epochs=[4, 12, 40])
    assert training_left(tmp_path, config) == 40 * 24
    make(tmp_path, "checkpoints/epoch_0004.json")
    assert training_left(tmp_path, config) == 36 * 24
    make(tmp_path, "checkpoints/epoch_0009_batch_0002.json")
    assert training_left(tmp_path, config) == 31 * 24 - 20
    make(tmp_path, "checkpoints/epoch_0040.json")  # ahead of a missing one: made again
    assert training_left(tmp_path, config) == 31 * 24 - 20
    make(tmp_path, "checkpoints/epoch_0012.json")
    assert training_left(tmp_path, config) == 0


def steps(**changes):
    return dataclasses.replace(STEPS[0], threads=1, priority=0, **changes)


def jobs_of(*seconds, **changes):
    jobs = [Job(steps(**changes), {}, (str(number),), ()) for number in range(len(seconds))]
    return jobs, {str(number): Cost(each, each) for number, each in enumerate(seconds)}


def on(study, cores):
    return dataclasses.replace(study, cores=cores)


def test_the_wall_clock_is_that_of_a_list_schedule_the_longest_first(study):
    five = jobs_of(3, 3, 3, 4, 5)
    assert wall_clock(on(study, 1), *five) == 18
    assert wall_clock(on(study, 2), *five) == 10  # 5 + 3 and 4 + 3 + 3
    assert wall_clock(on(study, 5), *five) == 5
    assert wall_clock(study, [], {}) == 0


def test_jobs_wait_for_cores_for_what_they_need_and_for_more_urgent_ones(study):
    jobs, costs = jobs_of(2, 3)
    wide = [dataclasses.replace(job, step=dataclasses.replace(job.step, threads=2)) for job in jobs]
    assert wall_clock(on(study, 2), wide, costs) == 5
    assert wall_clock(on(study, 4), wide, costs) == 3
    chain = [jobs[0], dataclasses.replace(jobs[1], inputs=("0", "of nobody"))]
    assert wall_clock(on(study, 2), chain, costs) == 5
    jobs, costs = jobs_of(2, 2, 6)
    first = dataclasses.replace(jobs[0].step, priority=1)
    urgent = [dataclasses.replace(job, step=first) for job in jobs[:2]]
    assert wall_clock(on(study, 2), [*urgent, jobs[2]], costs) == 8


def test_memory_is_that_of_the_largest_jobs_that_run_at_once(study):
    jobs, _ = jobs_of(5, 3, 4)
    jobs[2] = dataclasses.replace(jobs[2], step=dataclasses.replace(jobs[2].step, threads=2))
    sizes = list(zip(jobs, (5, 3, 4), strict=True))
    assert [most_at_once(on(study, cores), sizes) for cores in (1, 2, 4)] == [5, 8, 12]


def test_what_does_not_fit_is_told(study, plan):
    found = forecast(study, plan, [], set())
    fits = found._replace(disk=Need(5e9, 9e9, 5e9), memory=Need(6e9, 9e9, 6e9))
    assert warnings_of(fits) == []
    large = fits._replace(disk=Need(8e9, 9e9, 5e9), memory=Need(7e9, 9e9, 6e9))
    disk, memory = warnings_of(large)
    assert disk.startswith("The disk is too small: 8.0 GB are needed, 5.0 GB are free.")
    assert "7.0 GB are needed at most, 6.0 GB are free. Use fewer --cores" in memory


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "< 1 s"), (42.4, "42 s"), (600, "10 min"), (12_000, "3 h 20 min"), (4e5, "111 h")],
)
def test_times_have_the_digits_of_a_prediction(seconds, words):
    assert about(seconds) == words


def test_sizes_are_in_powers_of_1000():
    assert [amount(size) for size in (None, 0, 2e6, 3.21e9)] == ["-", "< 1 MB", "2 MB", "3.2 GB"]


def test_commands_that_run_together_are_measured_and_say_why_they_fail(tmp_path):
    use = "python3 -c 'import time; x = bytearray(range(250)) * 200_000; time.sleep(1)'"
    first, second = run_together([(use, tmp_path / "a"), (use, tmp_path / "b")])
    for usage in (first, second):
        assert usage.memory > 50e6
        assert 0 < usage.seconds < usage.seconds * usage.busy  # it slept
    with pytest.raises(MiuaError, match="no such thing"):
        run_together([("echo first; echo no such thing; exit 3", tmp_path / "c")])


def test_a_real_trial_is_made_by_the_steps_own_commands(study, plan, capsys, monkeypatch):
    """Of one kind of network: its training, its sets, its metrics; one after the other."""
    monkeypatch.setattr(trials, "PIXELS_OF_METRICS", 0)  # as few images as a trial may have
    study = dataclasses.replace(study, cores=1)
    found = forecast(study, plan, ["tables/training-size.csv"], everything(study))
    for name in ("trainings", "synthetic sets", "metrics of sets"):
        for cost in row_of(found, name).costs:
            assert cost.seconds > 0
            assert cost.memory > 1e7
            assert cost.disk > 0
    assert "Measuring: training 32 x 32 pixels" in capsys.readouterr().err
