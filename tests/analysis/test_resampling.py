"""The bootstrap against closed forms, scipy on plain rows, and coverage over repeated draws."""

import numpy as np
import pytest
from scipy import stats

from miua.analysis.checks import UndecidedError
from miua.analysis.clinician import fit_logarithm
from miua.analysis.resampling import cluster_bootstrap


def bootstrap(statistic, n, **options):
    return cluster_bootstrap(statistic, range(n), **options)


def mean_of(values):
    return lambda rows: values[rows].mean(axis=-1)


def test_rows_give_what_scipy_gives():
    values = np.random.default_rng(1).exponential(size=25)
    ours = bootstrap(mean_of(values), 25, resamples=999, seed=7)
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=999, method="BCa", rng=np.random.default_rng(7)
    )
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs.confidence_interval), rel=1e-12)


def test_clusters_of_one_size_give_what_scipy_gives_for_their_means():
    values = np.random.default_rng(2).normal(size=(40, 3)).cumsum(axis=1)
    clusters = np.repeat(np.arange(40), 3)
    ours = cluster_bootstrap(mean_of(values.ravel()), clusters, resamples=999, vectorized=True)
    theirs = stats.bootstrap(
        (values.mean(axis=1),), np.mean, n_resamples=999, method="BCa", rng=np.random.default_rng(0)
    )
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs.confidence_interval), rel=1e-9)


@pytest.mark.parametrize("vectorized", [False, True])
def test_clusters_are_drawn_whole(vectorized):
    sizes = np.array([1, 4, 2, 3])
    clusters = np.random.default_rng(3).permutation(np.repeat(np.arange(4), sizes))
    seen = []

    def statistic(rows):
        for resample in np.atleast_2d(rows):
            counts = np.bincount(resample, minlength=10)
            times = [np.unique(counts[clusters == cluster]) for cluster in range(4)]
            assert all(time.size == 1 for time in times)
            seen.append(sum(int(time[0]) for time in times))
        return rows.mean(axis=-1)

    cluster_bootstrap(statistic, clusters, resamples=50, vectorized=vectorized)
    # Four clusters a resample, and three where the jackknife leaves one out.
    assert set(seen) == {3, 4}


def test_vectorized_or_not_is_the_same():
    values = np.random.default_rng(4).normal(size=30)
    clusters = np.random.default_rng(5).integers(0, 9, 30)
    slow = cluster_bootstrap(mean_of(values), clusters, resamples=200)
    fast = cluster_bootstrap(mean_of(values), clusters, resamples=200, vectorized=True)
    assert slow == fast


def test_it_covers_as_often_as_it_says_and_rows_alone_do_not():
    draws = np.random.default_rng(6)
    clusters = np.repeat(np.arange(50), 4)
    by_cluster, by_row = 0, 0
    for seed in range(400):
        values = np.repeat(draws.normal(size=50), 4) + 0.5 * draws.normal(size=200)
        common = {"resamples": 199, "seed": seed, "level": 0.9, "vectorized": True}
        whole = cluster_bootstrap(mean_of(values), clusters, **common)
        by_cluster += whole.low <= 0 <= whole.high
        if seed < 100:
            rows = bootstrap(mean_of(values), 200, **common)
            by_row += rows.low <= 0 <= rows.high
    assert stats.binomtest(by_cluster, 400, 0.9).pvalue > 0.001
    assert stats.binomtest(by_row, 100, 0.9, alternative="less").pvalue < 0.001


def test_the_study_s_999_images_of_806_subjects_are_reproducible():
    subjects = np.concatenate([np.arange(806), np.arange(193)])
    values = np.random.default_rng(8).normal(size=999)
    first, again, other = (
        cluster_bootstrap(mean_of(values), subjects, resamples=499, seed=seed, vectorized=True)
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first.low != other.low
    # The order of the rows decides nothing but the order of the sums.
    order = np.random.default_rng(9).permutation(999)
    moved = cluster_bootstrap(
        mean_of(values[order]), subjects[order], resamples=499, seed=1, vectorized=True
    )
    assert moved.low == pytest.approx(first.low, rel=1e-9)


def test_resamples_without_a_value_are_left_out():
    # Two scores, three times each: a resample holds one of them only with probability 1 / 32.
    scores, values = np.array([1.0, 1, 1, 2, 2, 2]), np.array([3.0, 1, 2, 6, 4, 5])
    found = bootstrap(lambda rows: fit_logarithm(scores[rows], values[rows]).a, 6, resamples=2000)
    assert np.isfinite([found.low, found.high]).all()
    with pytest.raises(UndecidedError, match="of 500 resamples have no value"):
        bootstrap(lambda rows: len(set(rows)) if len(set(rows)) > 5 else np.nan, 8, resamples=500)


def test_where_the_jackknife_has_no_value_percentiles_stand_in():
    # Each resample has 20 rows, and the jackknife 19.
    def statistic(rows):
        return np.nan if rows.size < 20 else rows.mean()

    found = bootstrap(statistic, 20, resamples=999, seed=7)
    theirs = stats.bootstrap(
        (np.arange(20),),
        np.mean,
        n_resamples=999,
        method="percentile",
        rng=np.random.default_rng(7),
    )
    assert (found.low, found.high) == pytest.approx(tuple(theirs.confidence_interval))


@pytest.mark.parametrize("value", [2.0, 0.0])
def test_a_statistic_without_spread_has_no_interval(value):
    found = bootstrap(lambda rows: value, 10, resamples=99)
    assert (found.value, found.interval) == (value, "none: all resamples are equal")
    assert np.isnan([found.low, found.high]).all()


def test_too_little_is_undecided():
    for clusters, reason in (([], "0 to"), ([1, 1, 2, 2], "2 to resample")):
        with pytest.raises(UndecidedError, match=reason):
            cluster_bootstrap(lambda rows: 1.0, clusters)
    with pytest.raises(UndecidedError, match="no value on these data"):
        bootstrap(lambda rows: np.nan, 5)
