"""What a reader of these numbers has to know before believing them, a sentence each."""

from collections.abc import Sequence
from hashlib import sha256

import numpy as np

from miua.evaluation.result import Copies, Floor, Source
from miua.metrics.comparison import Comparison
from miua.metrics.records import COMPUTED, MetricRecord
from miua.metrics.registry import Entry, feature_measures
from miua.metrics.stacks import Grey
from miua.wording import counted

FEW_IMAGES = 50
UNLIKELY = 0.01


def cautions(
    comparison: Comparison,
    entries: Sequence[Entry],
    records: Sequence[MetricRecord],
    source: Source,
    real: Source,
    floor: Floor | None,
    copies: Copies | None,
) -> tuple[str, ...]:
    """The warnings of one set, the weightiest first."""
    return (
        *_about_copies(copies),
        *_about_repeats(comparison.synthetic.images),
        *_about_few_images(comparison, entries, records),
        *_about_files(real, source),
        *_about_floor(floor),
    )


def _about_copies(copies: Copies | None) -> list[str]:
    if copies is None or not len(copies.found.flagged):
        return []
    from scipy.special import gammainc

    count, expected = len(copies.found.flagged), copies.found.expected_false_alarms
    said = (
        f"{counted(count, 'synthetic image')} {'is' if count == 1 else 'are'} nearer to one real "
        "image than images of another subject should be"
    )
    # The chance of so many events or more where fewer are expected (Poisson).
    if gammainc(count, expected) < UNLIKELY:
        return [
            f"{said}: copies. Look at the closest pairs before trusting any metric that rewards "
            "likeness."
        ]
    return [
        f"{said}, but of real images about {expected:.1f} would be, too: chance may explain it. "
        "Look at the closest pairs."
    ]


def _about_repeats(images: Grey) -> list[str]:
    different = {sha256(np.ascontiguousarray(image).data).digest() for image in images}
    if not (repeats := len(images) - len(different)):
        return []
    return [
        f"{repeats} of the {len(images)} synthetic images repeat another one exactly; intervals "
        "take images for independent and are too narrow."
    ]


def _about_few_images(
    comparison: Comparison, entries: Sequence[Entry], records: Sequence[MetricRecord]
) -> list[str]:
    said = []
    sizes = len(comparison.reference), len(comparison.synthetic)
    fewest = min(sizes)
    computed = {record.metric for record in records if record.status == COMPUTED}
    for name in dict.fromkeys(entry.extractor for entry in entries if entry.extractor):
        shown = feature_measures(name)
        if shown["distance"].name not in computed:
            continue
        # Features that vary at all; codes that no image has add nothing to a distance.
        varying = [np.ptp(side, axis=0) > 0 for side in comparison.features(name)]
        dimension = int(np.logical_or(*varying).sum())
        if fewest <= dimension:
            beside = [shown[k].label for k in ("infinity", "kernel") if shown[k].name in computed]
            read = f"Read {' and '.join(beside)} beside it, and compare" if beside else "Compare"
            said.append(
                f"{sizes[0]} real and {sizes[1]} synthetic images do not outnumber the "
                f"{dimension} features: {shown['distance'].label} is biased upwards. {read} sets "
                "of equal size only."
            )
    if fewest < FEW_IMAGES:
        said.append(
            f"{counted(fewest, 'image')} on a side: intervals are rough below {FEW_IMAGES}."
        )
    return said


def _about_files(real: Source, source: Source) -> list[str]:
    return [
        f"{counted(len(each.skipped), 'file')} of {each.name} "
        f"{'was' if len(each.skipped) == 1 else 'were'} left out, for the reasons given."
        for each in (real, source)
        if each.skipped
    ]


def _about_floor(floor: Floor | None) -> list[str]:
    if floor is None or floor.status != COMPUTED or floor.by == "group":
        return []
    return [
        "The real images have no grouping: if some show one subject, the noise floor is too low. "
        "Name their subjects (--groups CSV)."
    ]
