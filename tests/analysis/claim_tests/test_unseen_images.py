"""Training size by images that no training saw: as by the study's reference, or not."""

import numpy as np
import pandas as pd
import pytest

from miua.analysis.columns import COLUMNS
from miua.analysis.group_differences import equivalence, grouped
from tests.analysis.claim_tests.world import SIZES, drawn

TEST = "unseen-images-agree"
LIMITS = {"alpha": 0.05, "share": 0.25}
WITH_SEEDS = {"experiments": ("training-size", "seeds")}
EPOCHS = (500, 1000)


def plant(world, shift, *, metric="fd_efficientnet", deviation=0.05, unseen=True):
    """Distances fall by 4 from the smallest to the largest size; unseen: by shift(size) further."""
    draw = drawn(2)
    effect = dict(zip(SIZES, np.linspace(4, 0, len(SIZES)), strict=True))
    grid = {(s, e): 10 + effect[s] + draw(0, 0.3) for s in SIZES for e in EPOCHS}
    world.grid(lambda s, e: {metric: grid[s, e]}, epochs=EPOCHS)
    others = {(n, e): 10 + effect[300] + draw(0, 0.3) for n in (1, 2) for e in EPOCHS}
    own = [(0, 300, e, {metric: grid[300, e]}) for e in EPOCHS]
    world.seeds([*own, *((n, 300, e, {metric: value}) for (n, e), value in others.items())])
    rows = {}
    for name in ("training-size", "seeds"):
        for row in pd.read_csv(world.folder / "tables" / f"{name}.csv").itertuples():
            value = row.value + 2 + shift(row.training_size) + draw(0, deviation)
            rows.setdefault(row.set, (row.set, "test", metric, value, "", "", "", 335, 800, ""))
    status = "computed" if unseen else "not computed: HC18's test images are not here"
    found = [(*row, status) for row in rows.values()]
    found = found if unseen else [(*row[:3], "", *row[4:]) for row in found]
    world.write("unseen", found, COLUMNS["unseen"])


def judged(world, metric="fd_efficientnet"):
    return world.judge(TEST, {"distance": [metric], "arm": "equal epochs"}, LIMITS, **WITH_SEEDS)


def test_a_constant_difference_of_the_two_references_changes_nothing(world):
    plant(world, lambda size: 0)
    finding = judged(world)
    assert finding.verdict == "reproduced"
    assert finding.n == 7
    assert finding.numbers["margin"] == pytest.approx(finding.numbers["range over sizes"] / 4)
    assert abs(finding.numbers["difference"]) < 0.3


def test_an_effect_that_overlap_makes_is_refuted(world):
    plant(world, lambda size: 3 * size / 999)
    finding = judged(world)
    assert finding.verdict == "not reproduced"
    assert finding.numbers["difference"] == pytest.approx(-2.7, abs=0.3)


def test_seeds_that_scatter_leave_it_open(world):
    plant(world, lambda size: 0, deviation=3)
    assert judged(world).verdict == "undecided"


def test_texture_alone_decides_nothing(world):
    plant(world, lambda size: 0, metric="fd_lbp")
    finding = judged(world, "fd_lbp")
    assert finding.verdict == "undecided"
    assert "does not see anatomy" in finding.reason


def test_without_the_test_images_it_says_what_is_missing(world):
    plant(world, lambda size: 0, unseen=False)
    finding = judged(world)
    assert finding.verdict == "not testable here"
    assert "HC18's test images are not here" in finding.reason


@pytest.mark.parametrize(("shift", "least", "most"), [(0.0, 0.8, 1.0), (1.2, 0.0, 0.1)])
def test_how_often_agreement_is_shown(shift, least, most):
    """Over repeated draws: where there is none beyond the margin of 1, at most about 5 %."""
    draws = np.random.default_rng(4)
    sizes = np.array([100, 300, 300, 300, 500, 800, 999])
    shown = 0
    for _ in range(400):
        values = draws.normal(0, 0.12, len(sizes)) + shift * sizes / 999
        shown += equivalence(grouped(values, sizes), margin=1.0).p < 0.05
    assert least <= shown / 400 <= most
