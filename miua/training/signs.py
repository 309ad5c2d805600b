"""Signs that a training is not stable, and the bounds at which they count as seen.

- non-finite loss: the training ends there, as no number can follow.
- saturated discriminator: it tells nearly every real and every synthetic image right, so that the
  generator is left with vanishing gradients (Arjovsky and Bottou, Towards principled methods for
  training generative adversarial networks, ICLR 2017).
- collapsed samples: the synthetic images are much more alike than real ones (mode collapse; as
  judged by the similarity of pairs in Odena, Olah and Shlens, Conditional image synthesis with
  auxiliary classifier GANs, ICML 2017).

The literature names the signs; the bounds are this project's.

An untrained network shows the last two as well: its images are all alike, and the discriminator
tells them from real ones at once. So a training is judged by what comes after its burn-in.
"""

import math
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

NON_FINITE = "non-finite loss"
SATURATED = "saturated discriminator"
COLLAPSED = "collapsed samples"

# The discriminator counts as saturated where it is right on this share of both kinds of images.
SATURATED_ACCURACY = 0.99
# Samples count as collapsed where pairs differ by less than this share of what real ones do.
COLLAPSED_DIVERSITY = 0.5
# Updates before which these two are no sign. On real images at 64 x 64 pixels with the text's
# settings samples were last collapsed, as untrained ones are, after 120 and 130 updates.
BURN_IN_UPDATES = 1000


def signs_of_epoch(values: dict[str, float]) -> list[str]:
    """The signs in the means of one epoch (`miua.training.updates.EpochSums.means`)."""
    accuracy = min(values["accuracy_real"], values["accuracy_synthetic"])
    losses = values["generator_loss"], values["discriminator_loss"]
    seen = {
        NON_FINITE: not all(map(math.isfinite, losses)),
        SATURATED: accuracy >= SATURATED_ACCURACY,
        # Without a number, as after a loss that is none, nothing is said of the samples.
        COLLAPSED: values["diversity"] < COLLAPSED_DIVERSITY,
    }
    return [sign for sign, is_seen in seen.items() if is_seen]


def starts_now(sign: str, history: list[dict[str, Any]], line: dict[str, Any]) -> bool:
    """Whether a sign is seen in `line` for the first time after an epoch without it.

    Images that are alike at the start have not collapsed: the generator has yet to learn.
    """
    seen = [sign in each["events"] for each in history]
    again = any(later and not earlier for earlier, later in pairwise(seen))
    return sign in line["events"] and seen[-1:] == [False] and not again


def told(epochs: Iterable[int], events: Iterable[list[str]]) -> list[str]:
    """Each sign in the events of a log's epochs, with the epochs it was seen in, in words."""
    lines = list(zip(epochs, events, strict=True))
    signs = (NON_FINITE, SATURATED, COLLAPSED)
    seen = {sign: [epoch for epoch, of_epoch in lines if sign in of_epoch] for sign in signs}
    return [
        f"{sign} in {len(epochs)} of {len(lines)} epochs ({ranges(epochs)})"
        for sign, epochs in seen.items()
        if epochs
    ]


def ranges(epochs: list[int], most: int = 3) -> str:
    """Rising numbers as ranges, such as "1-5, 9"; of many, the first `most` and the last."""
    all_of_them = set(epochs)
    starts = [epoch for epoch in epochs if epoch - 1 not in all_of_them]
    ends = [epoch for epoch in epochs if epoch + 1 not in all_of_them]
    spans = zip(starts, ends, strict=True)
    parts = [str(start) if start == end else f"{start}-{end}" for start, end in spans]
    return ", ".join(parts if len(parts) <= most + 1 else [*parts[:most], "...", parts[-1]])
