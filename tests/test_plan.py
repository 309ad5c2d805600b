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
        runs = {c.run: c.seed for c in plan.cells if (c.experiment, c.arm) == (experiment, arm)}
        (run,) = (run for run, seed in runs.items() if seed == plan.profile.seed)
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


def arms_plan(**scale):
    """The plan of a grid and of an experiment with the arms both, none and few-updates."""
    none = {"settings": {"augmentation": {"flip": False}}}
    arms = {"both": {}, "none": none, "few-updates": {"updates_of": "none"}}
    grid = {**GRID, "equal_updates": 8, "seeds_at_equal_updates": {40: [0, 3]}}
    scales = {
        "training-size": grid,
        "augmentation": {"training_size": 20, "epochs": [3], **scale},
        "seeds": {"training_size": 20, "epochs": [4], "seeds": [0, 1]},
    }
    known = {name: experiment(name) for name in scales}
    known["augmentation"] = experiment("augmentation", **arms)
    return make_plan(profile(experiments=scales), known)


def of_experiment(plan, name):
    return [(c.arm, c.run, c.epoch, c.seed) for c in plan.cells if c.experiment == name]


def test_an_arm_has_a_training_for_each_of_its_seeds():
    plan = arms_plan(seeds={"both": [0, 1], "none": [0, 2]})
    assert of_experiment(plan, "augmentation") == [
        ("both", "n0020", 3, 0),
        ("both", "n0020_seed-1", 3, 1),
        ("none", "augmentation_none_seed-0", 3, 0),
        ("none", "augmentation_none_seed-2", 3, 2),
        ("few-updates", "n0020", 3, 0),
    ]
    # Trained once for two experiments, and kept at the epochs of both.
    assert of_experiment(plan, "seeds")[1] == ("seed-1", "n0020_seed-1", 4, 1)
    assert plan.runs["n0020_seed-1"].epochs == [3, 4]
    assert plan.runs["augmentation_none_seed-2"].seed == 2


def test_one_list_of_seeds_is_for_all_arms():
    found = of_experiment(arms_plan(seeds=[0, 1], arms=["none", "few-updates"]), "augmentation")
    assert [(arm, seed) for arm, _, _, seed in found] == [
        ("none", 0), ("none", 1), ("few-updates", 0), ("few-updates", 1),
    ]  # fmt: skip


def test_sizes_have_their_own_seeds_at_equal_updates():
    found = [
        each for each in of_experiment(arms_plan(), "training-size") if each[0] == EQUAL_UPDATES
    ]
    assert [each[1:] for each in found] == [
        ("n0020", 4, 0), ("n0040", 2, 0), ("n0040_seed-3", 2, 3),
    ]  # fmt: skip


def test_all_seeds_move_alike_and_shared_trainings_stay_shared():
    plan = arms_plan(seeds={"both": [0, 1], "none": [0, 2]})
    assert sorted(set(plan.profile.seeds)) == [0, 1, 2, 3]
    moved = plan.profile.with_seeds_moved(1000)
    assert sorted(set(moved.seeds)) == [1000, 1001, 1002, 1003]
    assert moved.experiments["augmentation"].seeds == {"both": [1000, 1001], "none": [1000, 1002]}
    assert moved.grid.seeds_at_equal_updates == {40: [1000, 1003]}
    assert moved.with_seeds_moved(-1000) == plan.profile
    text = yaml.safe_dump(moved.model_dump())
    assert Profile.model_validate(yaml.safe_load(text)) == moved


@pytest.mark.parametrize(
    ("scale", "said"),
    [
        ({"arms": ["both", "blur"]}, "augmentation a scale for 'blur', which is none of its arms"),
        ({"seeds": {"blur": [0]}}, "none of its arms. They are both, none, few-updates"),
        ({"arms": ["both"], "seeds": {"none": [0]}}, "none of its arms. They are both"),
    ],
)
def test_a_scale_for_an_arm_that_is_not_trained_is_refused(scale, said):
    with pytest.raises(MiuaError, match=said):
        arms_plan(**scale)


# The long trainings at the published scale go by these names; seed 0 is the profile's.
def test_the_published_scale_names_its_trainings_by_size_arm_and_seed():
    found = read_config(STUDY / "profiles" / "paper.yaml", Profile)
    plan = make_plan(found, read_experiments(STUDY))
    sizes = [f"n{size:04d}" for size in (100, 300, 500, 800, 999)]
    again = [f"n{size:04d}_seed-{seed}" for size in (100, 300, 999) for seed in (1, 2)]
    arms = ("none", "flip", "rotation")
    factors = [f"augmentation_{arm}_seed-{seed}" for arm in arms for seed in (0, 1, 2)]
    rates = [f"learning-rate_{arm}" for arm in ("rate-times-10", "rate-by-10", "batch-64")]
    rates += [f"learning-rate_notebook-{side}" for side in (128, 256)]
    others = ["augmentation_both-grey-corners_seed-0", "image-size_128", "image-size_256"]
    assert sorted(plan.runs) == sorted([*sizes, *again, *factors, *rates, *others])
    updates = [cell for cell in plan.cells if cell.arm == EQUAL_UPDATES]
    assert {cell.updates for cell in updates} == {30000}
    seeds = {size: [c.seed for c in updates if c.training_size == size] for size in (100, 300, 999)}
    assert seeds == {100: [0, 1, 2], 300: [0], 999: [0, 1, 2]}
    both = [c.run for c in plan.cells if (c.experiment, c.arm) == ("augmentation", "both")]
    assert both == ["n0300", "n0300_seed-1", "n0300_seed-2"]
    assert plan.runs["n0100_seed-1"].epochs == [3000]
    assert found.threads_per_training == 1


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
        ({"training-size": {**GRID, "seeds_at_equal_updates": {20: [1]}}}, "20 is none of the"),
        (
            {"training-size": {**GRID, "equal_updates": 8, "seeds_at_equal_updates": {30: [1]}}},
            "30 is none of the training sizes at equal updates",
        ),
        (
            {"training-size": GRID, "seeds": {"training_size": 9, "epochs": [1], "seeds": [3, 3]}},
            "names a seed twice",
        ),
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
