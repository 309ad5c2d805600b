"""Which trainings are stable, after the burn-in and beside a control."""

import pandas as pd
import pytest

SATURATED, COLLAPSED = "saturated discriminator", "collapsed samples"
BOTH = f"{SATURATED}; {COLLAPSED}"


def sizes(world, signs, *, epochs=1000, updates=30000, stable=("64",), unstable=("128",)):
    world.stability("image-size", signs, epochs, updates)
    return world.judge(
        "arms-are-stable",
        {"stable": list(stable), "unstable": list(unstable), "control": "64"},
        {"most_signs": 0, "least_epochs": 300},
        experiments=("image-size",),
    )


@pytest.mark.parametrize(
    ("signs", "epochs", "verdict"),
    [
        ({"64": "", "128": SATURATED}, 1000, "reproduced"),
        ({"64": "", "128": SATURATED}, 20, "undecided"),  # 64 may yet show one
        ({"64": "", "128": ""}, 1000, "not reproduced"),
        ({"64": "", "128": ""}, 20, "undecided"),
        ({"64": SATURATED, "128": SATURATED}, 1000, "undecided"),  # the control shows it too
        ({"64": SATURATED, "128": ""}, 1000, "undecided"),
    ],
)
def test_stability_is_contradicted_by_a_sign_and_shown_by_length(world, signs, epochs, verdict):
    finding = sizes(world, signs, epochs=epochs)
    assert finding.verdict == verdict
    assert SATURATED in finding.reason or not any(signs.values())
    assert ("the control, 64, is not free of signs itself" in finding.reason) == bool(signs["64"])


def test_a_training_within_the_burn_in_is_not_called_unstable(world):
    # As the table of an untrained network says it: 12 updates, no sign that counts.
    finding = sizes(world, {"64": "", "128": "", "256": ""}, epochs=4, updates=12,
                    unstable=("128", "256"))  # fmt: skip
    assert finding.verdict == "undecided"
    assert "64, 128, 256 not trained beyond it" in finding.reason
    assert "64: not judged" in finding.reason
    # Nor by a loss that was no number, while the control is as untrained.
    lost = sizes(world, {"64": "", "128": "non-finite loss"}, updates=12, stable=())
    assert lost.verdict == "undecided"


def test_a_control_counts_at_as_many_updates_alone(world):
    signs = {"64": "", "128": SATURATED}
    near = sizes(world, signs, updates={"64": 30000, "128": 30030}, stable=())
    assert near.verdict == "reproduced"
    far = sizes(world, signs, updates={"64": 3000, "128": 30000}, stable=())
    assert far.verdict == "undecided"
    assert "the control, 64, has no set at as many updates" in far.reason


def test_unstable_arms_need_a_control_and_stable_ones_none(world):
    world.stability("image-size", {"64": "", "128": SATURATED})
    thresholds = {"most_signs": 0, "least_epochs": 300}
    given = {"experiments": ("image-size",)}
    alone = world.judge("arms-are-stable", {"unstable": ["128"]}, thresholds, **given)
    assert alone.verdict == "not testable here"
    assert world.judge("arms-are-stable", {"stable": ["64"]}, thresholds, **given).verdict == (
        "reproduced"
    )
    unstable = world.judge("arms-are-stable", {"stable": ["128"]}, thresholds, **given)
    assert unstable.verdict == "not reproduced"


def add_training(world, arm, signs):
    """One more training of an arm that is in the table already."""
    path = world.folder / "tables" / "stability.csv"
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    more = table[table["arm"] == arm].iloc[[0]]
    more = more.assign(run=f"{arm}_seed-1", signs=signs, stable="no" if signs else "yes")
    pd.concat([table, more]).to_csv(path, index=False)


def test_a_control_with_several_trainings_is_free_of_signs_if_all_are(world):
    thresholds = {"most_signs": 0, "least_epochs": 300}
    for signs, verdict in (("", "reproduced"), (SATURATED, "undecided")):
        world.stability("image-size", {"64": "", "128": SATURATED})
        add_training(world, "64", signs)
        inputs = {"unstable": ["128"], "control": "64"}
        found = world.judge("arms-are-stable", inputs, thresholds, experiments=("image-size",))
        assert found.verdict == verdict
    assert "the control, 64, is not free of signs itself" in found.reason


def test_the_most_stable_arm_has_the_fewest_signs_on_average_over_its_trainings(world):
    given = ("most-stable-arm", {"best": "text", "others": ["fast"]}, {"least_arms": 1})
    for text, fast, verdict in (("", SATURATED, "reproduced"), (BOTH, "", "not reproduced")):
        world.stability("learning-rate", {"text": SATURATED, "fast": SATURATED})
        add_training(world, "text", text)
        add_training(world, "fast", fast)
        found = world.judge(*given, experiments=("learning-rate",))
        assert found.verdict == verdict
        assert found.n == 4
    assert found.numbers == {"signs of text": 1.5, "signs of fast": 0.5}


def most_stable(world, signs, *, others=("fast",), updates=30000):
    world.stability("learning-rate", signs, updates=updates)
    inputs = {"best": "text", "others": list(others)}
    return world.judge("most-stable-arm", inputs, {"least_arms": 1}, experiments=("learning-rate",))


@pytest.mark.parametrize(
    ("signs", "verdict"),
    [
        ({"text": "", "fast": SATURATED, "slow": ""}, "reproduced"),  # not every other is unstable
        ({"text": SATURATED, "fast": BOTH, "slow": SATURATED}, "reproduced"),
        ({"text": "", "fast": "", "slow": ""}, "undecided"),
        ({"text": BOTH, "fast": SATURATED, "slow": BOTH}, "not reproduced"),
        ({"text": SATURATED, "fast": BOTH, "slow": ""}, "not reproduced"),
    ],
)
def test_no_arm_shows_fewer_signs_than_the_most_stable_and_one_shows_more(world, signs, verdict):
    assert most_stable(world, signs, others=("fast", "slow")).verdict == verdict
    assert world.judge(
        "most-stable-arm", {"best": "text", "others": ["fast"]}, {"least_arms": 1},
        experiments=("image-size",),
    ).verdict == "not testable here"  # fmt: skip


def test_arms_are_compared_after_as_many_updates_or_not_at_all(world):
    signs = {"text": "", "fast": SATURATED, "batch": SATURATED}
    short = most_stable(world, signs, others=("fast", "batch"), updates={"batch": 5000})
    assert short.verdict == "undecided"
    assert "text was not judged at the 5000 updates of batch" in short.reason
    # A set of the same training after as many updates is the comparison.
    path = world.folder / "tables" / "stability.csv"
    lines = path.read_text().splitlines()
    (own,) = [line for line in lines if line.startswith("learning-rate,text,")]
    stopped = own.replace(",text,text,", ",stopped,text,").replace(",1000,30000,", ",167,5010,")
    path.write_text("\n".join([*lines, stopped]) + "\n")
    inputs = {"best": "text", "others": ["fast", "batch"]}
    given = ("most-stable-arm", inputs, {"least_arms": 1})
    assert world.judge(*given, experiments=("learning-rate",)).verdict == "reproduced"
    within = most_stable(world, {"text": "", "fast": ""}, updates=12)
    assert within.verdict == "undecided"
    assert "fast not trained beyond it" in within.reason
