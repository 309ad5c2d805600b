"""The plan: every experiment resolved to runs and sets, shared where the settings are equal."""

import csv
import io
from pathlib import Path

import pytest
import yaml

from miua.config import TrainingConfig, read_config
from miua.errors import MiuaError
from miua.study.plan import (
    EQUAL_EPOCHS,
    EQUAL_UPDATES,
    SCALES,
    Experiment,
    Profile,
    cells_csv,
    make_plan,
    preparation,
    read_experiments,
    updates_per_epoch,
)

STUDY = Path(__file__).parents[1] / "experiments"
PROFILES = sorted(path.stem for path in (STUDY / "profiles").glob("*.yaml"))
GRID = {"training_sizes": [20, 40], "epochs": [2, 4]}


def profile(**changes):
    values = {
        "profile": "x",
        "description": "",
        "scientific": False,
        "banner": "phantoms",
        "data": {"source": "phantom", "images": 40},
        "reference_images": 5,
        "synthetic_images": 5,
        "experiments": {"training-size": GRID},
    }
    return Profile.model_validate({**values, **changes})


def experiment(name, **arms):
    return Experiment.model_validate({"name": name, "question": "?", "arms": arms})


@pytest.fixture(params=PROFILES)
def plan(request):
    found = read_config(STUDY / "profiles" / f"{request.param}.yaml", Profile)
    return make_plan(found, read_experiments(STUDY))


def test_every_profile_runs_all_experiments_of_the_study(plan):
    assert set(plan.profile.experiments) == set(SCALES)
    assert set(SCALES) == set(read_experiments(STUDY)) - {"clinician"}
    trained = {cell.experiment for cell in plan.cells}
    assert trained == {"training-size", "augmentation", "learning-rate", "seeds", "image-size"}


def test_a_set_stands_for_one_run_and_epoch_which_the_run_keeps(plan):
    for cell in plan.cells:
        assert cell.set == f"{cell.run}_e{cell.epoch:04d}"
        config = plan.runs[cell.run]
        assert cell.epoch in config.epochs
        assert cell.training_size == config.training_size <= plan.profile.available_images
        assert cell.updates == cell.epoch * -(-config.training_size // config.batch_size)
    kept = {(cell.run, cell.epoch) for cell in plan.cells}
    assert kept == {(run, epoch) for run, config in plan.runs.items() for epoch in config.epochs}


def test_no_two_runs_are_the_same_training(plan):
    settings = [config.model_dump(exclude={"epochs"}) for config in plan.runs.values()]
    assert all(one not in settings[:place] for place, one in enumerate(settings))


def test_the_equal_updates_arm_has_equal_updates_at_every_size(plan):
    arm = [cell for cell in plan.cells if cell.arm == EQUAL_UPDATES]
    assert {cell.training_size for cell in arm} == set(plan.profile.grid.training_sizes)
    assert len({cell.updates for cell in arm}) == 1


def test_the_equal_epochs_arm_is_the_grid(plan):
    arm = [cell for cell in plan.cells if cell.arm == EQUAL_EPOCHS]
    grid = plan.profile.grid
    expected = [(size, epoch) for size in grid.training_sizes for epoch in grid.epochs]
    assert [(cell.training_size, cell.epoch) for cell in arm] == expected


def test_the_arms_of_the_study_are_what_its_sources_say(plan):
    def config(experiment, arm):
        (run,) = {c.run for c in plan.cells if (c.experiment, c.arm) == (experiment, arm)}
        return plan.runs[run]

    text = config("learning-rate", "text")
    assert text == config("augmentation", "both") == config("seeds", "seed-0")
    assert (text.learning_rate_generator, text.batch_size) == (2e-4, 10)
    notebook = config("learning-rate", "notebook-128")
    assert (notebook.learning_rate_generator, notebook.weight_decay) == (2e-3, 1e-2)
    assert (notebook.real_label, notebook.weight_deviation) == (0.9, 0.002)
    # The notebook's settings are compared, not another size of network.
    assert (notebook.image_size, notebook.feature_maps) == (text.image_size, text.feature_maps)
    cropped = config("learning-rate", "notebook-256")
    assert (preparation(cropped), cropped.augmentation.flip) == ("64_crop500", False)
    assert config("augmentation", "both-grey-corners").augmentation.corners == "grey"
    assert config("augmentation", "none").augmentation.rotation == 0
    assert config("augmentation", "flip").augmentation.flip
    assert not config("augmentation", "rotation").augmentation.flip
    for size in (64, 128, 256):
        assert config("image-size", str(size)).image_size == size


def test_batch_10_is_also_stopped_where_batch_64_ends(plan):
    updates = {c.arm: c.updates for c in plan.cells if c.experiment == "learning-rate"}
    an_epoch = updates_per_epoch(
        plan.runs["n" + f"{plan.profile.experiments['learning-rate'].training_size:04d}"]
    )
    assert abs(updates["updates-of-batch-64"] - updates["batch-64"]) <= an_epoch / 2
    assert updates["batch-64"] < updates["text"] / 3


def test_a_run_that_two_experiments_share_is_kept_at_the_epochs_of_both():
    scales = {"training-size": GRID, "augmentation": {"training_size": 20, "epochs": [3]}}
    plan = make_plan(
        profile(experiments=scales),
        {
            "training-size": experiment("training-size"),
            "augmentation": experiment(
                "augmentation", both={}, none={"settings": {"augmentation": {"flip": False}}}
            ),
        },
    )
    assert list(plan.runs) == ["n0020", "n0040", "augmentation_none"]
    assert plan.runs["n0020"].epochs == [2, 3, 4]
    assert [c.set for c in plan.cells if c.arm == "both"] == ["n0020_e0003"]


def test_equal_updates_that_are_no_whole_epochs_are_refused():
    grid = {**GRID, "equal_updates": 6}
    with pytest.raises(MiuaError, match="equal_updates 6 is no whole number of epochs for 40"):
        make_plan(
            profile(experiments={"training-size": grid}),
            {"training-size": experiment("training-size")},
        )


def test_an_arm_with_an_unknown_setting_is_refused_by_name():
    scales = {"training-size": GRID, "augmentation": {"training_size": 20, "epochs": [3]}}
    known = {
        "training-size": experiment("training-size"),
        "augmentation": experiment("augmentation", wrong={"settings": {"flop": 1}}),
    }
    with pytest.raises(MiuaError, match=r"augmentation: .*flop"):
        make_plan(profile(experiments=scales), known)


def test_a_scale_without_its_experiment_is_refused():
    with pytest.raises(MiuaError, match="gives a scale to training-size, but there is no such"):
        make_plan(profile(), {"seeds": experiment("seeds")})


@pytest.mark.parametrize(
    ("scales", "said"),
    [
        ({"colour": GRID}, "unknown colour. Known: training-size, augmentation"),
        ({"seeds": {"training_size": 20, "epochs": [1], "seeds": [0, 1]}}, "training-size is miss"),
        ({"training-size": {**GRID, "epochs": [4, 2]}}, "rising"),
        ({"training-size": {**GRID, "training_sizes": [0, 2]}}, "positive"),
        ({"training-size": {**GRID, "training_sizes": [41]}}, "40 at most"),
        ({"training-size": GRID, "noise-floor": {"images": 21, "repeats": 2}}, "two halves of 21"),
        ({"training-size": GRID, "seeds": {"training_size": 9, "epochs": [1]}}, "seeds"),
    ],
)
def test_an_impossible_scale_is_named(scales, said):
    with pytest.raises(ValueError, match=said):
        profile(experiments=scales)


def test_the_study_at_its_own_scale_asks_a_cluster_for_a_gpu_a_training():
    asked = {
        name: read_config(STUDY / "profiles" / f"{name}.yaml", Profile).gpus_per_training
        for name in PROFILES
    }
    assert asked == {"cpu": 0, "paper": 1, "smoke": 0}
    with pytest.raises(ValueError, match="gpus_per_training"):
        profile(gpus_per_training=2)


def test_an_arm_that_follows_no_arm_is_refused():
    with pytest.raises(ValueError, match="there is no arm 'other'"):
        experiment("learning-rate", text={"updates_of": "other"})


def test_a_profile_that_is_not_scientific_must_say_so():
    with pytest.raises(ValueError, match="needs a banner"):
        profile(banner="")
    with pytest.raises(ValueError, match="phantoms give no scientific result"):
        profile(scientific=True)


def test_an_experiment_has_its_files_name(tmp_path):
    text = yaml.safe_dump({"name": "seeds", "question": "?"})
    (tmp_path / "colour.yaml").write_text(text)
    with pytest.raises(MiuaError, match=r"colour\.yaml: its name is 'seeds', not 'colour'"):
        read_experiments(tmp_path)


def test_preparations_differ_where_the_images_do():
    assert preparation(TrainingConfig(image_size=64)) == "64"
    assert preparation(TrainingConfig(image_size=128, fit="crop")) == "128_crop"
    assert preparation(TrainingConfig.model_validate({"variant": "notebook-256"})) == "256_crop500"


def test_sets_csv_holds_every_cell(plan):
    rows = list(csv.DictReader(io.StringIO(cells_csv(plan.cells))))
    assert [row["set"] for row in rows] == [cell.set for cell in plan.cells]
    assert rows[0]["updates"] == str(plan.cells[0].updates)
