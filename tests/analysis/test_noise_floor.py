"""The noise floor: splits that share nothing, spreads that theory gives, and clear refusals."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from miua.analysis.noise_floor import (
    COLUMNS,
    SUMMARY_COLUMNS,
    noise_floor,
    pairing_effect,
    summarise_noise_floor,
)
from miua.errors import MiuaError
from miua.evaluation.splits import Split, draw_splits, half_size
from miua.evaluation.subsets import SubsetTables
from miua.metrics import (
    lbp_histogram,
    mutual_information_all_pairs,
    peak_signal_to_noise_ratio_all_pairs,
)

# HC18: how many of its 806 subjects have one, two, three, four images.
HC18 = np.repeat(np.arange(806), np.repeat([1, 2, 3, 4], [642, 141, 17, 6]))


def textures(seed: int, n: int, size: int = 16) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(n, size, size))
    smooth = gaussian_filter(noise, (0, 1, 1))
    return np.clip(128 + 120 * smooth, 0, 255).astype(np.uint8)


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


def test_splits_of_no_known_kind_or_number_are_refused():
    with pytest.raises(ValueError, match="by must be 'subject', 'image' or 'order'"):
        draw_splits(HC18, 400, 1, 0, by="pixel")
    with pytest.raises(ValueError, match="repeats must be at least 1"):
        draw_splits(HC18, 400, 0, 0)


def test_equal_halves_have_a_floor_of_zero():
    """Every image is there twice, once in each half."""
    stack = np.tile(textures(1, 6), (2, 1, 1))
    split = Split("image", 0, np.arange(6), np.arange(6, 12), 0)
    table = noise_floor(SubsetTables.of(stack), [split]).set_index("metric")
    assert list(table.reset_index()[list(COLUMNS)].columns) == list(COLUMNS)
    assert (table.filter(regex="lbpv", axis=0)["value"] == 0).all()
    assert len(table.filter(regex="lbpv", axis=0)) == 257
    assert table.loc["fd_lbp", "value"] == pytest.approx(0, abs=1e-6)
    assert table.loc["diversity", "value"] == 1
    assert table.loc["fid", "status"].startswith("not computed")


def deviations(stack, subjects, by, repeats=400):
    splits = draw_splits(subjects, 20, repeats, seed=1, by=by)
    summary = summarise_noise_floor(noise_floor(SubsetTables.of(stack), splits))
    summary = summary[summary["metric"].str.fullmatch(r"lbpv_\d{3}_difference")]
    assert summary["split"].unique().tolist() == [by]
    return summary


def test_the_floor_of_a_mean_is_what_theory_gives():
    """Means of two disjoint halves of n differ with variance 2 S^2 / n, and by 0 on average."""
    stack = textures(2, 50)
    summary = deviations(stack, np.arange(50), "image")
    expected = np.sqrt(2 * lbp_histogram(stack).var(axis=0, ddof=1) / 20)
    occurs = expected > 0
    ratios = summary["deviation"].to_numpy()[occurs] / expected[occurs]
    assert ratios.mean() == pytest.approx(1, abs=0.02)
    scores = summary["mean"].to_numpy()[occurs] / (expected[occurs] / np.sqrt(400))
    assert np.abs(scores).max() < 5
    assert scores.std() < 1.5


def test_images_of_one_subject_raise_the_floor():
    """Two equal images a subject are one: the variance between halves of subjects is doubled."""
    single = textures(3, 25)
    stack, subjects = np.repeat(single, 2, axis=0), np.repeat(np.arange(25), 2)
    expected = np.sqrt(2 * lbp_histogram(single).var(axis=0, ddof=1) / 10)
    occurs = expected > 0
    for by, share in (("subject", 1.0), ("image", np.sqrt(0.5))):
        found = deviations(stack, subjects, by)["deviation"].to_numpy()
        assert (found[occurs] / expected[occurs]).mean() == pytest.approx(share, abs=0.04)


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
    assert tuple(first) == SUMMARY_COLUMNS
    assert (first["split"], first["images"], first["metric"]) == ("subject", 4, "psnr")
    assert (first["repeats"], first["mean"], first["mean_absolute"]) == (5, 0, 1.2)
    assert first["deviation"] == pytest.approx(np.sqrt(2.5))
    assert (first["low"], first["high"]) == pytest.approx((-1.9, 1.9))
    assert (second["split"], second["repeats"], second["mean"]) == ("image", 1, 1)
    assert math.isnan(second["deviation"])


def test_what_was_not_computed_stays_so_in_the_summary():
    table = pd.DataFrame(planted([np.nan, np.nan], "fid", "not computed: why"))
    (row,) = summarise_noise_floor(table).to_dict("records")
    assert math.isnan(row["mean"])
    assert row["status"] == "not computed: why"


def test_tables_without_rows_or_columns_are_refused():
    with pytest.raises(MiuaError, match="noise floor table has no rows"):
        summarise_noise_floor(pd.DataFrame(columns=list(COLUMNS)))
    with pytest.raises(MiuaError, match="lacks the column value"):
        summarise_noise_floor(pd.DataFrame(planted([1.0])).drop(columns="value"))


def test_pairing_decides_what_mutual_information_and_psnr_are():
    """Images 3, 4, 5 are 1, 2, 0 with a little noise: neighbours of no equal index."""
    first = textures(4, 3)
    noise = np.random.default_rng(0).integers(-2, 3, first.shape)
    second = np.clip(first[[1, 2, 0]].astype(int) + noise, 0, 255).astype(np.uint8)
    split = Split("subject", 0, np.arange(3), np.arange(3, 6), 0)
    tables = SubsetTables.of(np.concatenate([first, second]))
    found = pairing_effect(tables, [split]).set_index(["pairing", "metric"])["value"]
    near = [1, 2, 0], [0, 1, 2]
    for metric, table in (
        ("mutual_information", mutual_information_all_pairs(first, second)),
        ("psnr", peak_signal_to_noise_ratio_all_pairs(first, second)),
    ):
        assert found["all", metric] == pytest.approx(table.mean())
        assert found["index", metric] == pytest.approx(np.diag(table).mean())
        assert found["nearest", metric] == pytest.approx(table[near].mean())
    assert found["nearest", "psnr"] > 40 > 30 > found["all", "psnr"]


def test_pairing_needs_splits():
    with pytest.raises(ValueError, match="splits must not be empty"):
        pairing_effect(SubsetTables.of(textures(1, 4)), [])
