"""How much each choice of preparation moves each number: the same images, read otherwise."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Choice:
    """One way to prepare the images, and what the metrics then are.

    Attributes:
        aspect: what was chosen: "resize filter", "antialiasing", "fit", "bit depth", "layer".
        choice: which: "bicubic", "crop", "16 bit", ...; one is the evaluation's own.
        baseline: whether it is the evaluation's own.
        values: by set and metric; None where it was not computed.
        status: "computed", or "not computed: <why>".
    """

    aspect: str
    choice: str
    baseline: bool
    values: dict[str, dict[str, float | None]]
    status: str


@dataclass(frozen=True)
class Flip:
    """A ranking that another choice turns over: `metric` under `choice`, and both orders."""

    metric: str
    choice: str
    order: tuple[str, ...]
    baseline_order: tuple[str, ...]


@dataclass(frozen=True)
class Crosswalk:
    """All choices, the evaluation's own first, and the rankings they flip."""

    metrics: tuple[str, ...]
    choices: tuple[Choice, ...]
    flips: tuple[Flip, ...]
