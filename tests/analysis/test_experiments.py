"""The table of one experiment, and the signs of instability in its runs."""

import json

import numpy as np
import pandas as pd
import pytest

from miua.analysis.tables import analyse, collect, saturated_share
from miua.config import write_config
from miua.errors import MiuaError
from miua.files import write_array, write_json, write_text
from miua.study.plan import Experiment, Profile, cells_csv, make_plan
from miua.study.store import SET_COLUMNS, Results, read_cells, read_experiment
from miua.training.signs import BURN_IN_UPDATES

EPOCHS = [2, 4]


def write_run(run, accuracy=0.7, epochs=EPOCHS[-1], loss=1.0, events=(), updates=BURN_IN_UPDATES):
    """A log of `epochs` epochs with so many updates each, whose accuracy on both kinds of images is
    `accuracy`; only the first epoch is within the burn-in, if not said otherwise."""
    lines = [
        {
            "epoch": epoch,
            "updates": epoch * updates,
            "generator_loss": loss,
            "discriminator_loss": loss,
            "accuracy_real": accuracy,
            "accuracy_synthetic": accuracy,
            "events": list(events),
        }
        for epoch in range(1, epochs + 1)
    ]
    write_text(run / "log.jsonl", "".join(json.dumps(line) + "\n" for line in lines))


def write_metrics(folder, name, diversity=0.9):
    rows = []
    for metric, value in (("psnr", 14.0), ("diversity", diversity)):
        missing = value is None
        row = dict.fromkeys(SET_COLUMNS, "") | {"set": name, "metric": metric}
        row |= {"value": "" if missing else value, "n_reference": 5, "n_synthetic": 5}
        rows.append(row | {"status": "not computed: it diverged" if missing else "computed"})
    table = pd.DataFrame(rows, columns=list(SET_COLUMNS))
    (folder / "metrics").mkdir(exist_ok=True)
    table.to_csv(folder / "metrics" / f"{name}.csv", index=False)


@pytest.fixture
def results(tmp_path):
    """A grid of one size and an augmentation experiment with one more arm, all of it stable."""
    scales = {
        "training-size": {"training_sizes": [20], "epochs": EPOCHS},
        "augmentation": {"training_size": 20, "epochs": [4]},
    }
    profile = Profile.model_validate(
        {
            "profile": "x",
            "description": "",
            "scientific": False,
            "banner": "phantoms",
            "data": {"source": "phantom", "images": 40},
            "reference_images": 5,
            "synthetic_images": 5,
            "experiments": scales,
        }
    )
    none = {"settings": {"augmentation": {"flip": False}}}
    arms = {"training-size": {}, "augmentation": {"both": {}, "none": none}}
    experiments = {
        name: Experiment.model_validate({"name": name, "question": "?", "arms": arms})
        for name, arms in arms.items()
    }
    plan = make_plan(profile, experiments)
    write_config(tmp_path / "plan.yaml", profile)
    write_text(tmp_path / "sets.csv", cells_csv(plan.cells))
    for run in plan.runs:
        write_run(tmp_path / "runs" / run, epochs=9)
    for name in {cell.set for cell in plan.cells}:
        write_metrics(tmp_path, name)
        write_array(tmp_path / "metrics" / f"{name}.npy", np.zeros(256))
    return Results.open(tmp_path)


def signs(results, experiment="augmentation"):
    collect(results.folder, experiment)
    table = pd.read_csv(results.tables / f"{experiment}-stability.csv", keep_default_na=False)
    return table.set_index("arm")


def test_an_experiment_has_a_row_for_each_of_its_sets_and_metrics(results):
    collect(results.folder, "augmentation")
    table = read_experiment(results, "augmentation")
    assert list(zip(table["arm"], table["set"], table["metric"], strict=True)) == [
        (arm, name, metric)
        for arm, name in (("both", "n0020_e0004"), ("none", "augmentation_none_e0004"))
        for metric in ("psnr", "diversity")
    ]
    assert set(table["value"]) == {14.0, 0.9}
    assert (table["updates"] == 8).all()


def test_an_experiment_that_was_not_run_has_no_table(results):
    assert read_experiment(results, "augmentation") is None


def test_an_experiment_that_trains_nothing_is_refused_by_name(results):
    with pytest.raises(MiuaError, match=r"nothing for 'colour'\. It has: training-size, augm"):
        collect(results.folder, "colour")


def test_a_missing_set_is_named(results):
    (results.folder / "metrics" / "augmentation_none_e0004.csv").unlink()
    with pytest.raises(MiuaError, match="Evaluate the set augmentation_none_e0004 first"):
        collect(results.folder, "augmentation")


def test_a_folder_without_its_list_of_sets_says_who_writes_it(results):
    (results.folder / "sets.csv").unlink()
    with pytest.raises(MiuaError, match=r"sets\.csv is missing. `miua reproduce` writes it"):
        read_cells(results)


def test_a_calm_training_shows_no_sign(results):
    found = signs(results)
    assert list(found["stable"]) == ["yes", "yes"]
    assert list(found["signs"]) == ["", ""]
    assert found.loc["both", "epochs"] == 4  # though the run was trained further


def test_a_saturated_discriminator_is_a_sign_only_on_both_kinds(results):
    write_run(results.folder / "runs" / "augmentation_none", accuracy=0.995)
    assert signs(results).loc["none", "signs"] == "saturated discriminator"
    assert saturated_share(accuracies([1.0] * 4, [0.5] * 4)) == 0


def accuracies(real, synthetic, updates=BURN_IN_UPDATES):
    """A log with so many updates an epoch."""
    counted = [updates * (epoch + 1) for epoch in range(len(real))]
    return pd.DataFrame(
        {"updates": counted, "accuracy_real": real, "accuracy_synthetic": synthetic}
    )


def test_saturation_counts_in_the_last_half_alone_and_after_the_burn_in():
    accuracy = [1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 1.0, 0.5]
    assert saturated_share(accuracies(accuracy, accuracy)) == 1 / 4
    # Of the last half only the last two epochs are after the burn-in.
    assert saturated_share(accuracies(accuracy, accuracy, BURN_IN_UPDATES / 6)) == 1 / 2
    # None is: told of all, and no sign.
    assert saturated_share(accuracies(accuracy, accuracy, 3)) == 1 / 4


@pytest.mark.parametrize(("updates", "stable"), [(3, "too short"), (250, "too short"), (251, "no")])
def test_an_untrained_network_is_not_called_unstable(results, updates, stable):
    # Twelve updates at 64, 128 and 256 pixels: the discriminator is right on everything, and the
    # samples are all alike. Up to the end of the burn-in that is no sign.
    run = results.folder / "runs" / "augmentation_none"
    write_run(run, accuracy=1.0, updates=updates, events=["saturated discriminator"])
    write_metrics(results.folder, "augmentation_none_e0004", diversity=0.005)
    found = signs(results).loc["none"]
    assert found["stable"] == stable
    shown = "saturated discriminator; collapsed samples" if stable == "no" else ""
    assert found["signs"] == shown
    assert found["saturated_share"] == 1
    assert found["events"] == "saturated discriminator in 4 of 4 epochs (1-4)"
    write_json(run / "diverged.json", {"epoch": 4, "reason": "a loss is not finite at epoch 4"})
    assert "non-finite loss" in signs(results).loc["none", "signs"]  # that is one at any length


def test_samples_much_more_alike_than_real_images_are_a_sign(results):
    write_metrics(results.folder, "augmentation_none_e0004", diversity=0.3)
    found = signs(results)
    assert found.loc["none", "signs"] == "collapsed samples"
    assert found.loc["both", "stable"] == "yes"


def test_a_training_that_diverged_is_a_sign_without_a_set(results):
    run = results.folder / "runs" / "augmentation_none"
    write_run(run, epochs=3, loss=None)
    write_json(run / "diverged.json", {"epoch": 3, "reason": "a loss is not finite at epoch 3"})
    write_metrics(results.folder, "augmentation_none_e0004", diversity=None)
    found = signs(results)
    assert found.loc["none", "signs"] == "non-finite loss"
    assert found.loc["none", "diverged_epoch"] == "3.0"


def test_a_divergence_after_the_experiments_last_epoch_is_none_of_its_signs(results):
    run = results.folder / "runs" / "augmentation_none"
    write_json(run / "diverged.json", {"epoch": 8, "reason": "a loss is not finite at epoch 8"})
    assert signs(results).loc["none", "stable"] == "yes"


def test_stability_of_all_experiments_is_joined(results):
    path = results.table_path("stability")
    assert path not in analyse(results.folder)
    collect(results.folder, "training-size")
    collect(results.folder, "augmentation")
    assert path in analyse(results.folder)
    experiments = list(pd.read_csv(path)["experiment"])
    assert experiments == ["training-size", "augmentation", "augmentation"]


def test_the_events_of_a_log_are_told_with_their_epochs(results):
    write_run(results.folder / "runs" / "n0020", epochs=9, events=["collapsed samples"])
    collect(results.folder, "training-size")
    (row,) = pd.read_csv(results.tables / "training-size-stability.csv").itertuples()
    assert row.events == "collapsed samples in 4 of 4 epochs (1-4)"  # as far as its sets go
