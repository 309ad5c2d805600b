"""The noise floor: splits that share nothing, spreads that theory gives, and clear refusals."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from miua.analysis.columns import COLUMNS
from miua.analysis.real_images import (
    ASKED,
    MeasuredImages,
    floor_table,
    noise_floor_tables,
    pairing_table,
    summarise_noise_floor,
)
from miua.errors import MiuaError
from miua.evaluation.evaluate import evaluate
from miua.evaluation.floor import draw_floor
from miua.evaluation.measure import measured
from miua.evaluation.splits import different, draw_splits, half_size
from miua.metrics import lbp_histogram, peak_signal_to_noise_ratio_all_pairs
from miua.metrics.comparison import Comparison, Extractors, Side
from miua.metrics.lbpv import LBPV_DIFFERENCES
from miua.metrics.registry import entries_of

# HC18: how many of its 806 subjects have one, two, three, four images.
HC18 = np.repeat(np.arange(806), np.repeat([1, 2, 3, 4], [642, 141, 17, 6]))


def textures(seed: int, n: int, size: int = 16) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(n, size, size))
    smooth = gaussian_filter(noise, (0, 1, 1))
    return np.clip(128 + 120 * smooth, 0, 255).astype(np.uint8)


def whole(stack: np.ndarray, threads: int = 0) -> Comparison:
    """A stack against itself, as the experiments take it."""
    side = Side(stack, Extractors.ready(), threads=threads)
    return Comparison(side, side, resamples=0, threads=threads)


def real(stack: np.ndarray, subjects: np.ndarray, half: int, threads: int = 1) -> MeasuredImages:
    return MeasuredImages(whole(stack, threads), subjects, half)


@given(
    st.lists(st.integers(1, 4), min_size=4, max_size=30),
    st.integers(0, 99),
    st.sampled_from(["subject", "image", "order"]),
)
def test_halves_are_full_and_disjoint_and_share_no_subject_by_subject(counts, seed, by):
    subjects = np.repeat(np.arange(len(counts)), counts)
    fits = (len(subjects) - (max(counts) - 1)) // 2
    if fits < 2:
        return
    for split in draw_splits(subjects, fits, 3, seed, by):
        assert len(set(split.first)) == len(set(split.second)) == fits
        assert not set(split.first) & set(split.second)
        shared = set(subjects[split.first]) & set(subjects[split.second])
        assert split.shared_subjects == len(shared)
        assert split.by == by
        if by == "subject":
            assert not shared


def test_in_order_there_is_one_split_the_first_images_and_the_next():
    (split,) = draw_splits(HC18, 400, 100, 3, by="order")
    assert list(split.first) == list(range(400))
    assert list(split.second) == list(range(400, 800))


def test_most_that_fit_up_to_the_studys_half():
    assert len(HC18) == 999
    assert half_size(HC18) == 400
    assert half_size(HC18, 498) == 498
    assert half_size(np.arange(9)) == 4
    assert half_size(np.array([0, 0, 0, 1, 2, 3])) == 2


@pytest.mark.parametrize(
    ("subjects", "images", "message"),
    [
        (HC18, 499, "Halves of 499 images cannot be drawn from 999 images of 806 subjects"),
        (HC18, 1, "from 2 to 498 images fit"),
        (np.arange(3), None, "3 images of 3 subjects are too few"),
        (np.zeros(50, int), None, "50 images of 1 subject are too few"),
        (np.array([], int), None, "0 images of 0 subjects are too few"),
    ],
)
def test_too_few_images_or_subjects_are_said_plainly(subjects, images, message):
    with pytest.raises(MiuaError, match=message):
        half_size(subjects, images)


def test_splits_differ_and_depend_on_the_seed_alone():
    few, many = (draw_splits(HC18, 400, repeats, seed=3) for repeats in (2, 4))
    for one, same in zip(few, many[:2], strict=True):
        assert np.array_equal(one.first, same.first)
        assert np.array_equal(one.second, same.second)
    other = draw_splits(HC18, 400, 1, seed=4)[0]
    assert len({tuple(sorted(split.first)) for split in [*many, other]}) == 5


@pytest.mark.parametrize(
    ("sizes", "half", "by", "there_are"),
    [
        ([6, 6], 3, "subject", 1),
        ([2, 2, 2], 2, "subject", 3),  # of three subjects two, one on each side
        ([2, 2, 2, 2], 3, "subject", 12),
        ([1, 1, 1, 1], 2, "subject", 3),
        ([1, 1, 1, 1, 1], 2, "subject", 15),
        ([1, 1, 1, 1], 2, "image", 3),
        ([1] * 6, 3, "image", 10),
    ],
)
def test_of_few_splits_each_is_drawn_once_and_both_ways_round(sizes, half, by, there_are):
    subjects = np.repeat(np.arange(len(sizes)), sizes)
    every = draw_splits(subjects, half, 100, 0, by)
    assert (len(every), different(every)) == (2 * there_are, there_are)
    assert [split.repeat for split in every] == list(range(2 * there_are))
    halves = {(*sorted(s.first), -1, *sorted(s.second)) for s in every}
    assert halves == {(*sorted(s.second), -1, *sorted(s.first)) for s in every}
    some = draw_splits(subjects, half, 2, 0, by)
    for one, same in zip(some, every, strict=False):
        assert (one.first == same.first).all()


def test_of_many_subjects_splits_are_drawn_at_random():
    splits = draw_splits(np.arange(8), 2, 200, 0)
    assert len(splits) == 200 > different(splits)


def test_fewer_splits_than_one_are_refused():
    with pytest.raises(ValueError, match="repeats must be at least 1"):
        draw_splits(HC18, 400, 0, 0)


def test_equal_halves_have_a_floor_of_zero():
    """In order of the files, every image is there twice, once in each half."""
    stack = np.tile(textures(1, 6), (2, 1, 1))
    table = floor_table(real(stack, np.arange(12), 6), repeats=2, seed=0)
    assert list(table.columns) == list(COLUMNS["noise-floor"])
    table = table[table["split"] == "order"].set_index("metric")
    assert (table.filter(regex="lbpv", axis=0)["value"] == 0).all()
    assert len(table.filter(regex="lbpv", axis=0)) == 257
    assert table.loc["fd_lbp", "value"] == pytest.approx(0, abs=1e-6)
    assert table.loc["diversity", "value"] == 1
    assert table.loc["fid", "status"].startswith("not computed: the Inception weights")


@pytest.fixture(scope="module")
def twins():
    """The floor of two equal images a subject, and the counts of single ones."""
    single = textures(3, 25)
    stack, subjects = np.repeat(single, 2, axis=0), np.repeat(np.arange(25), 2)
    entries = entries_of(["lbpv"])
    found = {}
    for by in ("subject", "image"):
        splits = draw_splits(subjects, 20, 400, 1, by)
        draws = draw_floor(whole(stack), splits, subjects, entries, few=1, seed=1, workers=2)
        found[by] = np.array([draws[name].values for name in LBPV_DIFFERENCES])
    return found, lbp_histogram(single)


def test_the_floor_of_a_mean_is_what_theory_gives():
    """Means of two disjoint halves of n differ with variance 2 S^2 / n, and by 0 on average."""
    stack = textures(2, 50)
    splits = draw_splits(np.arange(50), 20, 400, 1, "image")
    draws = draw_floor(
        whole(stack), splits, np.arange(50), entries_of(["lbpv"]), few=1, seed=1, workers=2
    )
    values = np.array([draws[name].values for name in LBPV_DIFFERENCES])
    expected = np.sqrt(2 * lbp_histogram(stack).var(axis=0, ddof=1) / 20)
    occurs = expected > 0
    ratios = values.std(axis=1, ddof=1)[occurs] / expected[occurs]
    assert ratios.mean() == pytest.approx(1, abs=0.02)
    scores = values.mean(axis=1)[occurs] / (expected[occurs] / np.sqrt(400))
    assert np.abs(scores).max() < 5
    assert scores.std() < 1.5


def test_images_of_one_subject_raise_the_floor(twins):
    """Two equal images a subject are one: the variance between halves of subjects is doubled."""
    found, counts = twins
    expected = np.sqrt(2 * counts.var(axis=0, ddof=1) / 10)
    occurs = expected > 0
    for by, share in (("subject", 1.0), ("image", np.sqrt(0.5))):
        deviations = found[by].std(axis=1, ddof=1)
        assert (deviations[occurs] / expected[occurs]).mean() == pytest.approx(share, abs=0.04)


def test_it_is_the_floor_of_evaluate():
    """The same draws have the same values."""
    stack, subjects = textures(5, 24), np.repeat(np.arange(12), 2)
    half = half_size(subjects)
    table = floor_table(real(stack, subjects, half), repeats=100, seed=3)
    rows = summarise_noise_floor(table).set_index(["split", "metric"])
    records = evaluate(
        stack,
        stack[:half],
        groups=subjects,
        metrics=[name for name in ASKED if name != "fid"],
        floor_splits=100,
        resamples=0,
        seed=3,
    ).floor.records
    for metric, found in records.items():
        row = rows.loc[("subject", metric)]
        assert (found.mean, found.low, found.high) == (row["mean"], row["low"], row["high"])
        assert (found.splits, found.images) == (row["repeats"], row["images"])
        assert found.splits == (100 if metric == "fd_lbp" else 2000)


def test_many_splits_at_once_are_what_measuring_each_gives():
    stack, subjects = textures(5, 24), np.repeat(np.arange(12), 2)
    table = floor_table(real(stack, subjects, 8), repeats=3, seed=3)
    for by in ("subject", "image"):
        for split in draw_splits(subjects, 8, 3, 3, by):
            rows = table[(table["split"] == by) & (table["repeat"] == split.repeat)]
            found = rows.set_index("metric")["value"]
            halves = Comparison(
                Side(stack[split.first]), Side(stack[split.second]), resamples=0, threads=1
            )
            for record in measured(halves, entries_of(["lbpv", "lbpv_total_difference"])):
                assert found[record.metric] == record.value
            for record in measured(halves, entries_of(["fd_lbp", "diversity"])):
                assert found[record.metric] == pytest.approx(record.value, rel=1e-12)


def test_the_long_table_holds_the_first_splits_and_the_summary_all():
    stack, subjects = textures(5, 24), np.repeat(np.arange(12), 2)
    tables = noise_floor_tables(real(stack, subjects, 8), repeats=12, seed=3)
    long, summary = tables[""], tables["-summary"].set_index(["split", "metric"])
    assert long.groupby(["split", "metric"]).size().loc["subject"].eq(12).all()
    assert summary.loc[("subject", "fd_lbp"), "repeats"] == 12
    assert summary.loc[("image", "lbpv_143_difference"), "repeats"] == 2000
    assert summary.loc[("subject", "mutual_information"), "repeats"] == 2000


def test_the_ends_of_a_hundred_splits_vary_and_those_of_two_thousand_hardly_do():
    """The error of a percentile falls with the root of the number of splits."""
    splits = draw_splits(np.arange(50), 20, 4000, 1, "image")
    draws = draw_floor(
        *(whole(textures(2, 50)), splits, np.arange(50), entries_of(["lbpv"])),
        **{"few": 1, "seed": 1, "workers": 1},
    )
    values = np.array([draws[name].values for name in LBPV_DIFFERENCES])
    values = values[values.std(axis=1) > 0]

    def apart(number):
        """How far the ends of two times so many splits differ, in standard deviations."""
        ends = [
            np.percentile(part, 97.5, axis=1)
            for part in np.split(values[:, : 2 * number], 2, axis=1)
        ]
        return (np.abs(np.subtract(*ends)) / values.std(axis=1)).mean()

    assert apart(2000) < 0.1
    assert apart(100) > 3 * apart(2000)


def test_the_table_is_the_same_for_any_number_of_workers():
    stack, subjects = textures(5, 24), np.repeat(np.arange(12), 2)
    tables = [
        floor_table(real(stack, subjects, 8, threads), repeats=5, seed=3) for threads in (1, 3)
    ]
    pd.testing.assert_frame_equal(*tables, check_exact=True)


def planted(values, metric="psnr", status="computed", **others):
    row = {"split": "subject", "images": 4, "shared_subjects": 0, "metric": metric, **others}
    return [
        {**row, "repeat": repeat, "value": value, "status": status}
        for repeat, value in enumerate(values)
    ]


def test_summary_of_known_values():
    values = [-2.0, -1.0, 0.0, 1.0, 2.0]
    table = pd.DataFrame(planted(values) + planted([1.0], "diversity", split="image"))
    first, second = summarise_noise_floor(table).to_dict("records")
    assert tuple(first) == COLUMNS["noise-floor-summary"]
    assert (first["split"], first["images"], first["metric"]) == ("subject", 4, "psnr")
    assert (first["repeats"], first["mean"], first["mean_absolute"]) == (5, 0, 1.2)
    assert first["deviation"] == pytest.approx(np.sqrt(2.5))
    assert (first["low"], first["high"]) == pytest.approx((-1.9, 1.9))
    assert (second["split"], second["repeats"], second["mean"]) == ("image", 1, 1)
    assert np.isnan([second["deviation"], second["low"], second["high"]]).all()


def test_the_floor_of_two_subjects_has_one_split_both_ways_round_and_no_range():
    stack, subjects = textures(5, 12), np.repeat([0, 1], 6)
    table = floor_table(real(stack, subjects, 3), repeats=20, seed=0)
    rows = summarise_noise_floor(table).set_index(["split", "metric"])
    by_subject, by_image = (rows.loc[(split, "fd_lbp")] for split in ("subject", "image"))
    assert (by_subject["repeats"], by_image["repeats"]) == (2, 20)
    assert rows.loc[("subject", "lbpv_143_difference"), "repeats"] == 2
    assert np.isnan(by_subject[["low", "high"]].to_numpy(float)).all()
    assert by_image["low"] < by_image["high"]
    difference = rows.loc[("subject", LBPV_DIFFERENCES[255])]
    assert difference["mean"] == 0 < difference["mean_absolute"]


def test_what_was_not_computed_stays_so_in_the_summary():
    table = pd.DataFrame(planted([np.nan, np.nan], "fid", "not computed: why"))
    (row,) = summarise_noise_floor(table).to_dict("records")
    assert math.isnan(row["mean"])
    assert row["status"] == "not computed: why"


def test_pairing_decides_what_mutual_information_and_psnr_are():
    """Each image has one nearly equal to it, of another subject, somewhere."""
    first = textures(4, 12)
    noise = np.random.default_rng(0).integers(-2, 3, first.shape)
    second = np.clip(first[::-1].astype(int) + noise, 0, 255).astype(np.uint8)
    images = real(np.concatenate([first, second]), np.arange(24), 12)
    found = pairing_table(images, repeats=20, seed=0)
    found = found.set_index(["pairing", "metric"])["value"]
    halves = draw_splits(np.arange(24), 12, 20, 0)
    table = peak_signal_to_noise_ratio_all_pairs(*[images.whole.reference.images] * 2)
    nearest = [table[np.ix_(s.first, s.second)].max(axis=0).mean() for s in halves]
    assert found["nearest", "psnr"] == pytest.approx(np.mean(nearest))
    apart = table[~np.eye(24, dtype=bool)].mean()
    assert found["all", "psnr"] == pytest.approx(apart, rel=0.02)
    assert found["index", "psnr"] == pytest.approx(apart, rel=0.05)
    assert found["nearest", "psnr"] > found["all", "psnr"] + 5
    assert found["nearest", "mutual_information"] > found["all", "mutual_information"] + 0.1
