"""Arms with trainings of several seeds, in tables, figures and values."""

import pytest

from miua.report import printed_tables as printed
from miua.report.chart_figures import draw_arms, draw_equal_updates, draw_stability
from miua.report.study_tables import computed, last_sets, trainings_of
from miua.report.values import study_values
from miua.study.expected import PLACE, numbers, results_tables
from miua.study.store import Results, read_experiment
from tests.drawn_results import STUDY

ARMS = ["none, seed 0", "none, seed 1", "flip", "rotation", "both, seed 0", "both, seed 1"]
RUNS = ["augmentation_none_seed-0", "augmentation_none_seed-1", "augmentation_flip"]


@pytest.fixture
def results(several):
    return Results.open(several)


def test_a_training_is_called_by_its_arm_and_where_there_are_several_by_its_seed(results):
    called = trainings_of(read_experiment(results, "augmentation"))
    assert [*called.values()] == [*ARMS, "both-grey-corners"]
    assert [run for _, run in called][:3] == RUNS
    assert called["both", "n0300_seed-1"] == "both, seed 1"


def test_tables_have_a_row_for_each_training(results):
    tables = {t.experiment: t for t in printed.experiment_tables(results)}
    table = tables["augmentation"]
    assert [row[0] for row in table.rows][:6] == ARMS
    assert list(table.runs)[:3] == RUNS
    psnr = computed(last_sets(read_experiment(results, "augmentation")), "psnr")
    shown = psnr.set_index("run")["value"].map("{:.2f}".format)
    column = table.head.index("PSNR (dB)")
    assert [row[column] for row in table.rows] == [shown[run] for run in table.runs]
    (stability,) = (t for t in printed.stability_tables(results) if t.experiment == "augmentation")
    assert [row[0] for row in stability.rows] == [row[0] for row in table.rows]
    assert list(stability.runs) == list(table.runs)
    assert len({tuple(row[1:]) for row in stability.rows[:2]}) == 2  # not one run twice


def test_figures_mark_each_training(results):
    figure = draw_arms(results, "augmentation")
    table = last_sets(read_experiment(results, "augmentation"))
    panel = next(a for a in figure.axes if a.get_ylabel().startswith("PSNR"))
    marks = [sorted(line.get_ydata()) for line in panel.lines if line.get_marker() == "o"]
    psnr = computed(table, "psnr")
    arms = dict.fromkeys(psnr["arm"])
    assert marks == [sorted(psnr.loc[psnr["arm"] == arm, "value"]) for arm in arms]
    assert [len(each) for each in marks] == [2, 1, 1, 2, 1]
    titles = [axes.get_title() for axes in draw_stability(results).axes]
    assert "128, seed 0" in titles
    assert "128, seed 1" in titles


def test_a_line_over_sizes_goes_through_the_mean_of_trainings(results):
    table = read_experiment(results, "training-size")
    updates = computed(last_sets(table[table["arm"] == "equal updates"]), "psnr")
    means = updates.groupby("training_size")["value"].mean()
    assert len(updates) == len(means) + 1
    panel = next(a for a in draw_equal_updates(results).axes if a.get_title().startswith("PSNR"))
    lines = [line for line in panel.lines if line.get_linestyle() != "None"]
    assert list(lines[1].get_ydata()) == list(means)


def test_values_are_traced_to_each_training(results):
    found = {value.id: value for value in study_values(results, STUDY)[0]}
    one, other = (found[f"arm-augmentation-none-seed-{seed}-psnr"] for seed in (0, 1))
    assert [value.row["arm"] for value in (one, other)] == ["none", "none"]
    assert one.row["set"] == "augmentation_none_seed-0_e0020"
    assert other.row["set"] == "augmentation_none_seed-1_e0020"
    assert "arm-augmentation-flip-psnr" in found


def test_expected_numbers_tell_trainings_of_an_arm_apart_whatever_the_seeds(results):
    tables, plan = results_tables(results), results.plan
    kept = numbers(tables, plan, plan)
    keys = set(kept["key"])
    assert "augmentation; none, seed 1; 300 images; epoch 20; psnr" in keys
    assert "augmentation; none, seed 0; 300 images; 20 epochs" in keys
    assert "augmentation; flip; 300 images; epoch 20; psnr" in keys
    assert "training-size; equal updates, seed 1; 100 images; epoch 3000; psnr" in keys
    assert "seeds; seed-1; 300 images; epoch 20; psnr" in keys

    def moved(table):
        arms = {f"seed-{seed}": f"seed-{seed + 1000}" for seed in range(3)}
        table = table.assign(arm=table["arm"].replace(arms)) if "arm" in table else table
        later = lambda column: (column.astype(int) + 1000).astype(str)  # noqa: E731
        return table.assign(seed=later(table["seed"])) if "seed" in table else table

    again = {name: moved(table) for name, table in tables.items()}
    found = numbers(again, plan.with_seeds_moved(1000), plan)
    assert found[[*PLACE, "value"]].equals(kept[[*PLACE, "value"]])
