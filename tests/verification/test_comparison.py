"""A right run is found right, faults are found outside, and what nobody can know is undecided."""

import shutil
from collections import Counter

import numpy as np
import pandas as pd
import pytest

from miua.errors import MiuaError
from miua.metrics.registry import DIVERSITY, element_name
from miua.study.expected import REFERENCE, read_expected, write_expected
from miua.study.store import Results
from miua.study.verdicts import compare_numbers, compare_with_expected
from tests.verification.kept_results import SMOKE, STUDY, edit_table, make_results

ARM = "equal epochs"
V8 = element_name(8)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A results folder equal to the kept run."""
    return make_results(tmp_path_factory.mktemp("kept") / "smoke")


@pytest.fixture
def folder(kept, tmp_path):
    shutil.copytree(kept, tmp_path / "smoke")
    return tmp_path / "smoke"


@pytest.fixture(scope="module")
def expected():
    return read_expected(SMOKE)


def verdicts(findings):
    return Counter(finding.verdict for finding in findings)


def outside(findings):
    return {finding.subject for finding in findings if finding.verdict == "outside"}


def the(findings, subject):
    (found,) = [finding for finding in findings if finding.subject == subject]
    return found


def left_out(expected, repeat):
    """A repeat as a run, and what is expected by the others."""
    run = expected.kept.assign(value=expected.repeats[repeat])
    return run, expected._replace(repeats=expected.repeats.drop(columns=repeat))


def judged(expected, repeat, change=lambda run: run):
    run, others = left_out(expected, repeat)
    least = others.repeats.shape[1]
    return compare_numbers(change(run), others, same_seed=False, least_repeats=least)


@pytest.fixture(scope="module")
def each_repeat(expected):
    """What is found of each repeat, held against the others."""
    return {repeat: judged(expected, repeat) for repeat in expected.repeats.columns}


def test_the_kept_run_itself_has_nothing_outside_and_little_undecided(kept):
    findings = compare_with_expected(kept, SMOKE)
    assert not outside(findings)
    assert verdicts(findings)["within"] > 0.9 * len(findings)
    assert {finding.check for finding in findings} == {"expected"}


def test_the_expected_results_of_smoke_rest_on_ten_repeats_and_a_kept_run_beside_them(expected):
    assert expected.plan.seed == 0
    assert expected.repeats.shape[1] >= 10
    assert sum(path.stat().st_size for path in SMOKE.rglob("*") if path.is_file()) < 1_500_000


def test_each_repeat_held_against_the_others_has_nothing_outside(each_repeat):
    for repeat, findings in each_repeat.items():
        assert not outside(findings), repeat
        assert verdicts(findings)["within"] > 0.85 * len(findings)


def test_ninety_nine_of_a_hundred_numbers_of_right_runs_are_within(each_repeat):
    """Collapsed sets aside, which have few or no others of their state beside them."""
    counts = Counter()
    for findings in each_repeat.values():
        for finding in findings:
            if "99% of runs have" in finding.detail and " set is collapsed" not in finding.detail:
                counts[finding.verdict] += 1
    assert counts["within"] / sum(counts.values()) == pytest.approx(0.99, abs=0.01)


def cell(size, epoch, experiment="training-size", arm=ARM):
    return f"{experiment}; {arm}; {size} images; epoch {epoch}; "


def replaced(run, there, by):
    """The run with all numbers of one set in the place of another's."""
    values = run.set_index(["table", "key", "column"])["value"]
    wrong = run.copy()
    for index, row in run[(run["table"] == "sets") & run["key"].str.startswith(there)].iterrows():
        wrong.loc[index, "value"] = values["sets", row["key"].replace(there, by), row["column"]]
    return wrong


@pytest.mark.parametrize(
    ("there", "by"),
    [(cell(24, 12), cell(240, 40)), (cell(24, 12), cell(192, 20)), (cell(24, 20), cell(192, 40))],
)
def test_a_set_in_the_place_of_another_is_outside(expected, there, by):
    repeat = expected.repeats.columns[-1]
    findings = judged(expected, repeat, lambda run: replaced(run, there, by))
    found = outside(findings)
    assert f"sets: {there}psnr; value" in found
    assert all(subject.startswith(f"sets: {there}") for subject in found)
    number = the(findings, f"sets: {there}psnr; value")
    assert abs(number.value - number.expected) > number.tolerance
    assert "outside is beyond" in number.detail


def moved(run, metric, column, change):
    """The run with one metric of every set changed."""
    run = run.copy()
    chosen = (run["table"] == "sets") & run["key"].str.endswith(f"; {metric}")
    chosen &= run["column"] == column
    run.loc[chosen, "value"] = [str(change(float(value))) for value in run.loc[chosen, "value"]]
    return run


def test_a_metric_that_is_a_little_off_in_every_set_is_a_trend(expected, each_repeat):
    repeat = expected.repeats.columns[-1]
    findings = judged(expected, repeat, lambda run: moved(run, V8, "value", lambda v: v + 15))
    trend = f"{V8} of all 58 sets together"
    assert outside(findings) == {trend}
    assert the(each_repeat[repeat], trend).verdict == "within"
    assert the(findings, f"{DIVERSITY.name} of all 58 sets together").verdict == "within"


def test_all_numbers_further_off_than_they_should_be_are_outside_together(expected, each_repeat):
    """Each number twice as far from the middle of the repeats, in both directions alike."""
    repeat = expected.repeats.columns[-1]
    subject = "all 2140 numbers of trainings together"

    def farther(run):
        run = run.copy()
        _, others = left_out(expected, repeat)
        for index in run.index[run["table"] == "sets"]:
            drawn = others.repeats.loc[index]
            if not {"", "not computed"} & {run.at[index, "value"], *drawn}:
                middle = np.median(drawn.astype(float))
                run.at[index, "value"] = str(2.2 * float(run.at[index, "value"]) - 1.2 * middle)
        return run

    assert the(each_repeat[repeat], subject).verdict == "within"
    assert subject in outside(judged(expected, repeat, farther))


def test_a_collapsed_set_is_never_outside_by_itself_but_many_are_a_trend(expected):
    repeat = expected.repeats.columns[-1]
    one = judged(expected, repeat, lambda run: replaced(run, cell(240, 40), cell(24, 12)))
    assert not outside(one)
    changed = [f for f in one if f.subject.startswith(f"sets: {cell(240, 40)}".rstrip("; "))]
    assert set(verdicts(changed)) == {"undecided"}
    assert any("the set is collapsed" in finding.detail for finding in changed)

    def collapsed(run):
        for column in ("value", "low", "high"):
            run = moved(run, DIVERSITY.name, column, lambda v: v / 100)
        return run

    assert outside(judged(expected, repeat, collapsed)) == {"diversity of all 58 sets together"}


@pytest.mark.parametrize(
    ("table", "column"), [("clinician", "pearson_r"), ("regression", "a"), ("evidence", "verdict")]
)
def test_what_is_promised_exactly_must_be_the_same(folder, table, column):
    def change(rows):
        last = rows.index[rows["id"] == "indistinguishable-counts"][0] if table == "evidence" else 0
        old = rows.at[last, column]
        rows.at[last, column] = "undecided" if column == "verdict" else str(float(old) * 1.0001)
        return rows

    edit_table(folder, table, change)
    (found,) = outside(compare_with_expected(folder, SMOKE))
    assert found.startswith(f"{table}: ")
    assert found.endswith(f"; {column}")


def test_the_order_of_sums_is_no_difference(folder):
    def change(rows):
        rows["pearson_r"] = [str(float(value) * (1 + 1e-9)) for value in rows["pearson_r"]]
        return rows

    edit_table(folder, "clinician", change)
    assert not outside(compare_with_expected(folder, SMOKE))


def test_the_noise_floor_is_exact_for_the_same_seed_and_drawn_for_another(folder, tmp_path):
    def change(rows):
        chosen = (rows["split"] == "subject") & (rows["metric"] == "psnr")
        rows.loc[chosen, "mean"] = [str(float(v) * 1.0001) for v in rows.loc[chosen, "mean"]]
        return rows

    subject = "noise-floor-summary: subject; psnr; mean"
    edit_table(folder, "noise-floor-summary", change)
    assert outside(compare_with_expected(folder, SMOKE)) == {subject}
    other = make_results(tmp_path / "other", read_expected(SMOKE).repeats.columns[0])
    edit_table(other, "noise-floor-summary", change)
    assert the(compare_with_expected(other, SMOKE), subject).verdict == "within"


def test_a_verdict_that_no_repeat_gave_is_undecided_and_says_what_they_gave(folder):
    def change(rows):
        rows.loc[rows["id"] == "training-size", "verdict"] = "reproduced"
        return rows

    edit_table(folder, "evidence", change)
    found = the(compare_with_expected(folder, SMOKE), "evidence: training-size; verdict")
    assert found.verdict == "undecided"
    assert "times 'not testable here'" in found.detail


def test_too_few_repeats_decide_nothing_that_was_trained(expected):
    run, others = left_out(expected, expected.repeats.columns[0])
    few = others._replace(repeats=others.repeats.iloc[:, :9])
    findings = compare_numbers(run, few, same_seed=False)
    open_ones = [finding for finding in findings if finding.verdict == "undecided"]
    assert any("9 repeats are too few: 10 are needed" in finding.detail for finding in open_ones)
    within = {f.subject.split(":")[0] for f in findings if f.verdict == "within"}
    assert within == {"clinician", "evidence", "regression", "noise-floor-summary"}
    assert not outside(findings)


def test_one_run_is_no_distribution_and_its_exact_numbers_still_count(folder, tmp_path):
    one = tmp_path / "one"
    shutil.copytree(SMOKE, one)
    (one / REFERENCE).unlink()
    findings = compare_with_expected(folder, one)
    assert not outside(findings)
    sets = the(findings, "sets")
    assert sets.verdict == "undecided"
    assert "1566 numbers: made by trainings, and one run is no distribution" in sets.detail
    assert the(findings, "sensitivity-summary: blur; psnr; spearman").verdict == "within"

    def change(rows):
        rows.loc[0, "spearman"] = "0.5"
        return rows

    edit_table(folder, "sensitivity-summary", change)
    assert len(outside(compare_with_expected(folder, one))) == 1


def test_the_expected_results_of_the_real_images_are_readable():
    cpu = read_expected(STUDY / "expected" / "cpu")
    assert cpu.repeats.shape[1] == 0
    findings = compare_numbers(cpu.kept, cpu, same_seed=True)
    assert verdicts(findings)["within"] > 500
    assert not outside(findings)


def test_verify_compares_with_what_the_study_expects(world):
    """Of results that were really made, with the tables of their own run as expected ones."""
    place = world.study / "expected" / "smoke"
    write_expected(Results.open(world.results), place)
    verification = world.verify("expected")
    assert verification.ok
    assert verification.counts()["within"] > 400
    table = pd.read_csv(place / "regression.csv", dtype=str, keep_default_na=False)
    table.replace({"agrees": {"yes": "no"}}).to_csv(place / "regression.csv", index=False)
    found = world.verify("expected")
    assert not found.ok
    assert {finding.subject.split(";")[1] for finding in found.of("outside")} == {" agrees"}


def test_what_is_not_computed_on_a_side_is_undecided_and_told_once(folder, expected):
    findings = compare_with_expected(folder, SMOKE)
    fid = the(findings, "sets: fid")
    assert fid.verdict == "undecided"
    assert fid.detail.startswith("174 numbers: not computed here, nor in expected results")

    def lose(rows):
        rows.loc[rows["metric"] == "psnr", ["value", "low", "high"]] = ""
        rows.loc[rows["metric"] == "psnr", "status"] = "not computed: lost"
        return rows

    edit_table(folder, "augmentation", lose)
    lost = the(compare_with_expected(folder, SMOKE), "sets: psnr")
    assert lost.verdict == "undecided"
    assert lost.detail.startswith("21 numbers: not computed here, where expected results have them")


def test_numbers_of_one_side_alone_are_undecided(folder):
    edit_table(folder, "seeds", lambda rows: rows.assign(arm=rows["arm"] + "x"))
    findings = compare_with_expected(folder, SMOKE)
    details = [finding.detail for finding in findings if finding.subject == "sets"]
    assert sorted(details) == [
        "360 numbers: expected results do not hold them.",
        "360 numbers: these results do not hold them.",
    ]


def test_another_plan_is_refused_and_its_differences_are_named(folder):
    plan = folder / "plan.yaml"
    text = plan.read_text()
    assert "synthetic_images: 120" in text
    plan.write_text(text.replace("synthetic_images: 120", "synthetic_images: 60"))
    with pytest.raises(MiuaError, match="synthetic_images: 120 expected, 60 here") as error:
        compare_with_expected(folder, SMOKE)
    assert "docs/expected.md" in str(error.value)


def test_a_setting_without_effect_does_not_matter(folder, kept):
    plan = folder / "plan.yaml"
    text = plan.read_text()
    plan.write_text(text.replace("threads_per_training: 1", "threads_per_training: 2"))
    assert plan.read_text() != text
    assert compare_with_expected(folder, SMOKE) == compare_with_expected(kept, SMOKE)


def test_false_alarms_stay_rare_in_normal_draws_of_the_same_shape(expected):
    """At fixed seed: 60 drawn runs beside ten drawn repeats each, all of one distribution."""
    draws = np.random.default_rng(8)
    chosen = expected.kept[
        (expected.kept["table"] == "sets") & expected.kept["key"].str.endswith(f"; {V8}")
    ]
    names = [f"seed-{1000 * k}" for k in range(1, 11)]
    alarms = 0
    for _ in range(60):
        values = draws.normal(0, 3, (len(chosen), 11)).astype(str)
        repeats = pd.DataFrame(values[:, 1:], columns=names, index=chosen.index)
        drawn = expected._replace(kept=chosen, repeats=repeats)
        found = compare_numbers(chosen.assign(value=values[:, 0]), drawn, same_seed=False)
        alarms += bool(outside(found))
    assert alarms <= 3
