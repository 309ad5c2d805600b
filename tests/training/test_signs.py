"""Signs of instability: seen at their bounds, told in words, and in the log of a real training."""

import math

import numpy as np
import pytest

from miua.training.loop import DivergedError, train
from miua.training.signs import (
    COLLAPSED,
    NON_FINITE,
    SATURATED,
    ranges,
    signs_of_epoch,
    starts_now,
    told,
)
from tests.training.runs import log, tiny

STEADY = {
    "generator_loss": 1.0,
    "discriminator_loss": 1.0,
    "accuracy_real": 0.8,
    "accuracy_synthetic": 0.8,
    "diversity": 0.9,
}


@pytest.mark.parametrize(
    ("change", "signs"),
    [
        ({}, []),
        ({"accuracy_real": 0.99, "accuracy_synthetic": 1.0}, [SATURATED]),
        ({"accuracy_real": 0.98, "accuracy_synthetic": 1.0}, []),
        ({"diversity": 0.49}, [COLLAPSED]),
        ({"diversity": 0.5}, []),
        ({"generator_loss": math.nan, "diversity": math.nan}, [NON_FINITE]),
        ({"discriminator_loss": math.inf, "diversity": 0.0}, [NON_FINITE, COLLAPSED]),
    ],
)
def test_signs_are_seen_at_their_bounds(change, signs):
    assert signs_of_epoch({**STEADY, **change}) == signs


def lines(*events):
    return [{"epoch": epoch, "events": signs} for epoch, signs in enumerate(events, start=1)]


def test_a_sign_is_told_of_when_it_comes_after_an_epoch_without_it_and_once():
    history = lines([COLLAPSED], [COLLAPSED], [], [COLLAPSED], [], [COLLAPSED])
    starts = [starts_now(COLLAPSED, history[:index], line) for index, line in enumerate(history)]
    assert starts == [False, False, False, True, False, False]


def test_the_epochs_of_each_sign_are_told():
    events = [[COLLAPSED], [COLLAPSED], [], [SATURATED, COLLAPSED]]
    assert told([1, 2, 3, 4], events) == [
        "saturated discriminator in 1 of 4 epochs (4)",
        "collapsed samples in 3 of 4 epochs (1-2, 4)",
    ]
    assert told([1, 2], [[], []]) == []


def test_ranges():
    assert ranges([3]) == "3"
    assert ranges([1, 2, 3, 5, 8, 9]) == "1-3, 5, 8-9"
    assert ranges([1, 3, 5, 7, 9, 11]) == "1, 3, 5, ..., 11"
    assert ranges([1, 3, 5, 7]) == "1, 3, 5, 7"


def test_a_training_that_diverges_has_its_event_in_the_log(tmp_path, stack):
    config = tiny(learning_rate_discriminator=1e30, learning_rate_generator=1e30, epochs=[5])
    with pytest.raises(DivergedError):
        train(config, stack, tmp_path / "run", device="cpu", threads=1)
    last = log(tmp_path / "run")[-1]
    assert NON_FINITE in last["events"]
    assert None in (last["generator_loss"], last["discriminator_loss"])


def test_a_discriminator_that_wins_and_samples_that_are_alike_are_logged(tmp_path, capsys):
    """The generator hardly learns, and black images with a white half are easy to tell."""
    stack = np.zeros((40, 32, 32), dtype=np.uint8)
    stack[:20, :16] = stack[20:, 16:] = 255
    config = tiny(epochs=[8], learning_rate_generator=1e-9, learning_rate_discriminator=2e-3)
    train(config, stack, tmp_path / "run", device="cpu", threads=1)
    history = log(tmp_path / "run")
    assert history[-1]["events"] == [SATURATED, COLLAPSED]
    assert SATURATED not in history[0]["events"]
    said = capsys.readouterr().err
    start = next(line["epoch"] for line in history if SATURATED in line["events"])
    assert f"run: saturated discriminator at epoch {start}.\n" in said
    assert "collapsed samples in 8 of 8 epochs (1-8)" in said
