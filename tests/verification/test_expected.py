"""What is kept of a run: small, whole, handed on without the places of one machine."""

import pandas as pd
import pytest

from miua.errors import MiuaError
from miua.files import read_json, write_json, write_text
from miua.study.expected import (
    COPIED,
    NAMED_MEASURES,
    PLAN,
    REFERENCE,
    REPEATS,
    numbers,
    results_tables,
    write_expected,
)
from miua.study.store import Results
from tests.verification.kept_results import make_results


@pytest.fixture
def results(tmp_path):
    return Results.open(make_results(tmp_path / "results"))


def test_it_holds_the_named_measures_and_where_they_come_from(results, tmp_path):
    record = {"commit": "abc", "command": ["miua", "train", "--images", "/home/me/images.npy"]}
    record["resumed"] = [{"command": ["miua", "train", "--out", "/home/me/run"]}]
    write_json(results.folder / "runs" / "n0024" / "provenance.json", record)
    out = tmp_path / "expected"
    for _ in range(2):  # an older one is replaced
        written = write_expected(results, out)
    names = {str(path.relative_to(out)) for path in written}
    assert names == {PLAN, "sets.csv", "unseen.csv", *COPIED, "provenance/n0024.json"}
    sets = pd.read_csv(out / "sets.csv")
    there = pd.concat(
        pd.read_csv(results.tables / f"{name}.csv") for name in sets["experiment"].unique()
    )
    assert len(sets) == len(there)
    assert "lbpv_008_difference" in set(sets["metric"])
    assert "lbpv_009_difference" not in set(sets["metric"])
    kept = read_json(out / "provenance" / "n0024.json")
    assert kept["command"] == ["miua", "train", "--images", "images.npy"]
    assert kept["resumed"][0]["command"][-1] == "run"


def test_numbers_of_unseen_images_are_kept_by_experiment_and_arm(results, tmp_path):
    """The names of sets hold seeds, which repeats move."""
    write_expected(results, tmp_path / "expected")
    kept = pd.read_csv(tmp_path / "expected" / "unseen.csv")
    assert {*kept["metric"]} == {*NAMED_MEASURES} - {"lbpv_total_difference"}
    assert {*kept[kept["experiment"] == "seeds"]["arm"]} == {"seed-0", "seed-1", "seed-2"}
    repeat = Results.open(make_results(tmp_path / "repeat", "seed-1000"))
    own, again = (
        numbers(results_tables(each), each.plan, results.plan) for each in (results, repeat)
    )
    assert [*again["key"]] == [*own["key"]]
    own = own[own["table"] == "unseen"]
    assert len(own) == len(kept)
    assert "training-size; equal updates, seed 1; 24 images" in " ".join(own["key"])


def test_without_repeats_an_older_reference_goes(results, tmp_path):
    out = tmp_path / "expected"
    write_expected(results, out)
    write_text(out / REFERENCE, "of another run")
    write_expected(results, out)
    assert not (out / REFERENCE).exists()
    assert not (out / REPEATS).exists()


def test_it_replaces_nothing_else_and_needs_a_claims_table(results, tmp_path):
    other = tmp_path / "other"
    write_text(other / "precious.txt", "")
    with pytest.raises(MiuaError, match="holds other files"):
        write_expected(results, other)
    assert (other / "precious.txt").exists()
    (results.tables / "evidence.csv").unlink()
    with pytest.raises(MiuaError, match="holds no claims table yet"):
        write_expected(results, tmp_path / "new")
    assert not (tmp_path / "new").exists()
