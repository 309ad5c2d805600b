"""The reference distribution: every number of every repeat, as the repeats' own tables say."""

import re
import shutil

import pandas as pd
import pytest

from miua.errors import MiuaError
from miua.files import read_json, sha256_file, write_json
from miua.study.expected import (
    COLUMNS,
    PLAN,
    REFERENCE,
    REPEATS,
    numbers,
    plan_differences,
    read_expected,
    results_tables,
    write_expected,
)
from miua.study.store import Results
from tests.verification.kept_results import SMOKE, edit_table, make_results

ORIGIN = {
    "commit": "abc",
    "uncommitted_changes": False,
    "python": "3.11.9",
    "platform": "Linux x86_64",
    "device": "cpu",
    "packages": {"numpy": "2.0"},
}


@pytest.fixture(scope="module")
def names():
    return list(read_expected(SMOKE).repeats.columns)


@pytest.fixture
def kept(tmp_path):
    return Results.open(make_results(tmp_path / "kept"))


def repeat_of(tmp_path, name):
    folder = make_results(tmp_path / name, name)
    write_json(folder / "runs" / "n0024" / "provenance.json", ORIGIN)
    return Results.open(folder)


@pytest.fixture
def expected(tmp_path):
    """A copy of what is expected of smoke, to damage."""
    return shutil.copytree(SMOKE, tmp_path / "expected")


def test_the_reference_on_file_is_made_of_its_repeats_tables(kept, names, tmp_path):
    out = tmp_path / "made"
    write_expected(kept, out, [repeat_of(tmp_path, name) for name in names])
    assert (out / REFERENCE).read_bytes() == (SMOKE / REFERENCE).read_bytes()
    again = read_expected(out)
    assert again.repeats.equals(read_expected(SMOKE).repeats)


def test_it_says_of_each_repeat_where_it_comes_from(kept, names, tmp_path):
    out = tmp_path / "made"
    repeat = repeat_of(tmp_path, names[0])
    write_expected(kept, out, [repeat])
    origin = read_json(out / REPEATS)[names[0]]
    assert origin["seed"] == repeat.plan.seed
    assert origin["commit"] == ["abc"]
    assert origin["packages"] == ["numpy 2.0"]
    assert origin["tables"]["evidence.csv"] == sha256_file(repeat.tables / "evidence.csv")


def test_the_repeats_on_file_have_seeds_of_their_own_and_one_plan(names):
    origins = read_json(SMOKE / REPEATS)
    assert list(origins) == sorted(names)
    assert len({origin["seed"] for origin in origins.values()}) == len(names)
    assert all(re.fullmatch("[0-9a-f]{40}", c) for each in origins.values() for c in each["commit"])


def test_the_arms_of_other_seeds_get_the_names_of_the_kept_run(kept, names, tmp_path):
    repeat = repeat_of(tmp_path, names[0])
    seeds = set(pd.read_csv(repeat.tables / "seeds.csv")["arm"])
    own = numbers(results_tables(repeat), repeat.plan, kept.plan)
    theirs = numbers(results_tables(kept), kept.plan, kept.plan)
    assert own[list(COLUMNS)].equals(theirs[list(COLUMNS)])
    assert not any(arm in key for arm in seeds for key in own["key"])


def test_a_repeat_of_another_plan_is_refused(kept, names, tmp_path):
    repeat = repeat_of(tmp_path, names[0])
    text = (repeat.folder / PLAN).read_text()
    (repeat.folder / PLAN).write_text(text.replace("batch_size: 10", "batch_size: 20"))
    with pytest.raises(MiuaError, match="another plan: batch_size: 10 expected, 20 here"):
        write_expected(kept, tmp_path / "made", [Results.open(repeat.folder)])
    assert not (tmp_path / "made").exists()


def test_the_same_seed_twice_is_no_repeat(kept, names, tmp_path):
    repeat = repeat_of(tmp_path, names[0])
    with pytest.raises(MiuaError, match=f"another repeat has its seed {repeat.plan.seed}"):
        write_expected(kept, tmp_path / "made", [repeat, repeat])
    with pytest.raises(MiuaError, match=f"another repeat has its seed {kept.plan.seed}"):
        write_expected(kept, tmp_path / "made", [kept])


def test_a_repeat_that_lacks_numbers_is_refused(kept, names, tmp_path):
    repeat = repeat_of(tmp_path, names[0])
    edit_table(repeat.folder, "augmentation", lambda rows: rows.iloc[1:])
    with pytest.raises(MiuaError, match="does not hold the numbers"):
        write_expected(kept, tmp_path / "made", [repeat])


def test_a_promise_that_a_repeat_breaks_is_told(kept, names, tmp_path):
    repeat = repeat_of(tmp_path, names[0])

    def change(rows):
        rows.loc[0, "pearson_r"] = "0.25"
        return rows

    edit_table(repeat.folder, "clinician", change)
    with pytest.raises(MiuaError, match=r"pearson_r is promised to be the same .* 0\.25 and"):
        write_expected(kept, tmp_path / "made", [repeat])


@pytest.mark.parametrize("seed_offset", [0, 7])
def test_plans_are_the_same_whatever_their_seeds(kept, seed_offset):
    assert plan_differences(kept.plan, kept.plan.with_seeds_moved(seed_offset)) == []


def test_one_seed_that_moved_alone_is_another_plan(kept):
    other = kept.plan.model_copy(update={"seed": kept.plan.seed + 1})
    problems = plan_differences(kept.plan, other)
    assert any(problem.startswith("experiments.seeds.seeds: [") for problem in problems)
    assert all("seeds" in problem.split(":")[0] for problem in problems)


def test_a_folder_that_is_none_is_refused(tmp_path):
    with pytest.raises(MiuaError, match=r"no folder of expected results: it has no plan\.yaml"):
        read_expected(tmp_path / "nowhere")


def test_a_folder_without_tables_is_refused(expected):
    for path in expected.glob("*.csv"):
        path.unlink()
    with pytest.raises(MiuaError, match="holds no tables"):
        read_expected(expected)


@pytest.mark.parametrize("damage", ["a,b\n1,2\n", "", "a,b\n1,2,3\n"])
def test_a_damaged_reference_is_named(expected, damage):
    (expected / REFERENCE).write_text(damage)
    with pytest.raises(MiuaError, match=r"reference\.csv"):
        read_expected(expected)


def test_a_reference_of_other_tables_is_refused(expected):
    lines = (expected / REFERENCE).read_text().splitlines(keepends=True)
    (expected / REFERENCE).write_text("".join(lines[:-1]))
    with pytest.raises(MiuaError, match="does not hold the numbers of the tables beside it"):
        read_expected(expected)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows.drop(columns="value"), "lacks the column value"),
        (lambda rows: pd.concat([rows, rows.iloc[:1]]), "names a row twice"),
    ],
)
def test_a_table_of_results_that_is_damaged_is_named(kept, change, said):
    edit_table(kept.folder, "noise-floor-pairing", change)
    with pytest.raises(MiuaError, match=rf"noise-floor-pairing\.csv {said}"):
        numbers(results_tables(kept), kept.plan, kept.plan)
