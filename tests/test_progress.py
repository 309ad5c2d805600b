from __future__ import annotations

import io
from threading import Event

import pytest

from miua import progress as module
from miua.progress import Progress, progress, watched


class Clock:
    """A clock that moves only when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_one_plain_line_every_few_seconds_and_one_at_the_end() -> None:
    clock, stream = Clock(), io.StringIO()
    with Progress("Training", 20, "epochs", stream=stream, clock=clock) as shown:
        for _ in range(20):
            clock.now += 1
            shown.advance()
    assert stream.getvalue().splitlines() == [
        "Training: 5 of 20 epochs (25 %), 1.0 epochs/s, 15 s left",
        "Training: 10 of 20 epochs (50 %), 1.0 epochs/s, 10 s left",
        "Training: 15 of 20 epochs (75 %), 1.0 epochs/s, 5 s left",
        "Training: 20 of 20 epochs (100 %), 1.0 epochs/s",
        "Training: 20 epochs in 20 s",
    ]


def test_short_work_says_nothing() -> None:
    clock, stream = Clock(), io.StringIO()
    with Progress("Reading", 3, stream=stream, clock=clock) as shown:
        clock.now += 4
        shown.advance(3)
    assert stream.getvalue() == ""


def test_failed_work_claims_no_end() -> None:
    clock, stream = Clock(), io.StringIO()
    with (
        pytest.raises(RuntimeError),
        Progress("Reading", 3, "images", stream=stream, clock=clock) as shown,
    ):
        clock.now += 10
        shown.advance()
        raise RuntimeError
    assert stream.getvalue().splitlines() == [
        "Reading: 1 of 3 images (33 %), 0.100 images/s, 20 s left"
    ]


def test_what_was_there_before_counts_as_done_but_not_as_fast() -> None:
    clock, stream = Clock(), io.StringIO()
    with Progress("Download", 10_000_000, "B", done=5_000_000, stream=stream, clock=clock) as shown:
        clock.now += 10
        shown.advance(1_000_000)
    assert stream.getvalue().splitlines()[0] == (
        "Download: 6.0 MB of 10.0 MB (60 %), 100.0 kB/s, 40 s left"
    )


def test_an_unknown_total_shows_count_and_rate() -> None:
    clock, stream = Clock(), io.StringIO()
    with Progress("Download", None, "B", stream=stream, clock=clock) as shown:
        clock.now += 4000
        shown.advance(2_000_000_000, note="mirror 2")
    assert stream.getvalue().splitlines() == [
        "Download: 2.0 GB, 500.0 kB/s, mirror 2",
        "Download: 2.0 GB in 1 h 06 min, mirror 2",
    ]


def test_a_terminal_gets_a_bar_with_the_same_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    clock, stream = Clock(), Terminal()
    with Progress("Training [a]", 4, "epochs", stream=stream, clock=clock) as shown:
        for _ in range(4):
            clock.now += 30
            shown.advance(note="loss 0.5")
    drawn = stream.getvalue()
    assert "Training [a]" in drawn
    assert "4 of 4 epochs (100 %), 0.033 epochs/s, loss 0.5" in drawn
    assert "\n" in drawn


def test_a_loop_passes_its_items_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress(range(5), "Counting")) == [0, 1, 2, 3, 4]
    assert list(progress(iter("ab"), "Counting", total=2)) == ["a", "b"]
    assert capsys.readouterr().out == ""


def test_work_in_other_threads_is_shown_although_no_unit_of_it_ends(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "SECONDS_BETWEEN_LINES", 0.0)
    monkeypatch.setattr(module, "SECONDS_BETWEEN_LOOKS", 0.001)
    looks, seen = [0], Event()

    def look() -> tuple[int, str]:
        looks[0] += 1
        if looks[0] > 2:
            seen.set()
        return 1, f"look {looks[0]}"

    with watched("Measuring", 4, "metrics", look):
        assert seen.wait(60)  # two lines were printed by then
    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == [
        "Measuring: 1 of 4 metrics (25 %), look 1",
        "Measuring: 1 of 4 metrics (25 %), look 2",
    ]
    assert lines[-1].startswith("Measuring: 1 metrics in 0 s, look ")
