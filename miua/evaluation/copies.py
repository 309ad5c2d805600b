"""The memorisation check of one set: what was found, the closest pairs, and the record of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from miua.data import ImageStack
from miua.evaluation.records import COMPUTED, MetricRecord
from miua.evaluation.result import CLOSEST_PAIRS, Copies
from miua.metrics.contact_sheet import contact_sheet
from miua.metrics.memorisation import find_copies

COPIES_METRIC = "copies"


def look_for_copies(
    real: ImageStack,
    synthetic: ImageStack,
    groups: NDArray[np.int64] | None,
    seed: int,
) -> Copies:
    """Search on one thread, picture and words; parameters as of `miua.evaluate`."""
    found = find_copies(real.images, synthetic.images, groups, seed=seed, threads=1)
    flagged = set(map(int, found.flagged))
    nearest = tuple(
        {
            "synthetic": synthetic.names[index],
            "real": real.names[int(found.index[index])],
            "flipped": bool(found.flipped[index]),
            "rotation_degrees": float(found.rotation[index]),
            "distance": float(found.distance[index]),
            "relative_distance": float(found.relative_distance[index]),
            "copy": int(index) in flagged,
        }
        for index in found.closest
    )
    sheet = contact_sheet(
        real.images,
        synthetic.images,
        found,
        pairs=CLOSEST_PAIRS,
        reference_names=real.names,
        synthetic_names=synthetic.names,
    )
    return Copies(found, np.asarray(sheet), nearest)


def copies_record(copies: Copies, set_name: str, reference: int, synthetic: int) -> MetricRecord:
    """The share of synthetic images called copies, with Clopper and Pearson's exact interval."""
    found = copies.found
    row = (set_name, COPIES_METRIC)
    sizes = (reference, synthetic)
    if found.status != COMPUTED:
        return MetricRecord(*row, None, None, None, "", *sizes, found.definition, found.status)
    copied = len(found.flagged)
    low, high = _exact_interval(copied, synthetic)
    return MetricRecord(*row, copied / synthetic, low, high, "", *sizes, found.definition, COMPUTED)


def _exact_interval(successes: int, trials: int) -> tuple[float, float]:
    """Clopper and Pearson's 95 % interval, from quantiles of the beta distribution.

    `miua.analysis.proportions` has it of scipy.stats, which takes half a second to load.
    """
    from scipy.special import betaincinv

    failures = trials - successes
    low = betaincinv(successes, failures + 1, 0.025) if successes else 0.0
    high = betaincinv(successes + 1, failures, 0.975) if failures else 1.0
    return float(low), float(high)
