"""The layout of a results folder and what stands for what in a study of another scale."""

import dataclasses

import pytest

from miua.errors import MiuaError
from miua.study.plan import Grid
from miua.study.store import Results, figure_two_set, poster_epochs, poster_sizes, read_log


def with_grid(results, training_sizes, epochs):
    grid = Grid(training_sizes=training_sizes, epochs=epochs)
    plan = results.plan.model_copy(update={"experiments": {"training-size": grid}})
    return dataclasses.replace(results, plan=plan)


def test_at_full_scale_the_published_sets_are_chosen(pristine):
    results = with_grid(Results.open(pristine), [100, 300, 500, 800, 999], [300, 500, 800, 1000])
    assert figure_two_set(results).set == "n0300_e0300"
    assert poster_sizes(results) == [300, 800]
    assert poster_epochs(results) == [500, 1000]
    assert len(results.sets) == 20
    assert results.sets[0].set == "n0100_e0300"


@pytest.mark.parametrize(
    ("sizes", "epochs", "figure_two", "poster"),
    [
        ([24, 72, 120, 192, 240], [6, 10, 16, 20], "n0072_e0006", ([72, 192], [10, 20])),
        ([30, 200], [5, 20], "n0030_e0005", ([30, 200], [5, 20])),
        ([30], [5], "n0030_e0005", ([30], [5])),
    ],
)
def test_scaled_grids_take_the_set_of_the_same_rank(pristine, sizes, epochs, figure_two, poster):
    results = with_grid(Results.open(pristine), sizes, epochs)
    assert figure_two_set(results).set == figure_two
    assert (poster_sizes(results), poster_epochs(results)) == poster


def test_a_missing_folder_or_plan_is_named(tmp_path, folder):
    with pytest.raises(MiuaError, match="nowhere is missing"):
        Results.open(tmp_path / "nowhere")
    (folder / "plan.yaml").unlink()
    with pytest.raises(MiuaError, match=r"plan\.yaml"):
        Results.open(folder)


def test_a_log_is_read_in_order_and_its_faults_are_named(folder):
    results = Results.open(folder)
    log = results.run("n0030") / "log.jsonl"
    lines = log.read_text(encoding="utf-8").splitlines()
    assert len(lines) > 20  # another experiment trained the run further than the grid asks
    log.write_text("\n".join(reversed(lines)), encoding="utf-8")
    assert read_log(results, 30)["epoch"].tolist() == list(range(1, 21))
    log.write_text(lines[0].replace("accuracy_real", "accuracy"), encoding="utf-8")
    with pytest.raises(MiuaError, match="lacks accuracy_real"):
        read_log(results, 30)
    log.write_text(lines[0][:-5], encoding="utf-8")
    with pytest.raises(MiuaError, match="not JSON"):
        read_log(results, 30)
    log.unlink()
    with pytest.raises(MiuaError, match=r"log\.jsonl is missing"):
        read_log(results, 30)
