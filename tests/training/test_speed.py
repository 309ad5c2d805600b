"""Predictions: of what is left, from a real trial, and only where they are worth saying."""

import pytest
import torch

from miua.checkpoint import Position
from miua.training import loop
from miua.training.loop import images_per_second, predict
from tests.training.runs import tiny

CPU = torch.device("cpu")


@pytest.fixture
def rate_of_100(monkeypatch):
    monkeypatch.setattr(loop, "images_per_second", lambda *_: 100.0)


@pytest.mark.usefixtures("rate_of_100")
def test_what_is_left_is_predicted_and_said(capsys):
    config = tiny(epochs=[10, 50])
    assert predict("n0040", config, 40, Position(0), CPU) == pytest.approx(20.0)
    assert predict("n0040", config, 40, Position(10, 2), CPU) == pytest.approx(15.8)
    first, second = capsys.readouterr().err.splitlines()
    assert first == (
        "Training n0040: 50 epochs of 40 images, predicted 20 s from a trial at 100 images/s"
    )
    assert "40 epochs of 40 images, predicted 16 s" in second


@pytest.mark.usefixtures("rate_of_100")
@pytest.mark.parametrize("position", [Position(50), Position(49), Position(45)])
def test_nothing_is_said_of_a_few_seconds(position, capsys):
    assert predict("run", tiny(epochs=[50]), 40, position, CPU) is None
    assert capsys.readouterr().err == ""


def test_a_trial_measures():
    assert images_per_second(tiny(), CPU) > 0
