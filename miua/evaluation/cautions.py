"""What a reader of these numbers has to know before believing them, a sentence each."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import PurePosixPath

import numpy as np

from miua.evaluation.result import Copies, Floor, Source
from miua.metrics.comparison import Comparison
from miua.metrics.records import COMPUTED, MetricRecord
from miua.metrics.registry import Entry, feature_measures
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
) -> Iterator[str]:
    """The warnings of one set, the weightiest first."""
    if copies is not None and len(copies.found.flagged):
        yield about_copies(len(copies.found.flagged), copies.found.expected_false_alarms)
    images = comparison.synthetic.images
    different = {sha256(np.ascontiguousarray(image).data).digest() for image in images}
    if repeats := len(images) - len(different):
        yield (
            f"{repeats} of the {len(images)} synthetic images repeat another one exactly; "
            "intervals take images for independent and are too narrow."
        )
    yield from _about_features(comparison, entries, records)
    fewest = min(len(comparison.reference), len(images))
    if fewest < FEW_IMAGES:
        yield f"{counted(fewest, 'image')} on a side: intervals are rough below {FEW_IMAGES}."
    for each in (real, source):
        if each.skipped:
            files = f"{counted(len(each.skipped), 'file')} of {each.name}"
            were = "was" if len(each.skipped) == 1 else "were"
            yield f"{files} {were} left out, for the reasons given."
    if floor is not None and floor.status == COMPUTED and floor.by != "group":
        yield (
            "The real images have no grouping: if some show one subject, the noise floor is too "
            "low. Name their subjects (--groups CSV)."
        )


def about_pairs(real: Sequence[str], synthetic: Sequence[str]) -> Iterator[str]:
    """Of pairs by index: that names of equal place have different numbers."""
    numbers = zip(_numbers(real), _numbers(synthetic), strict=True)
    # A name may have a number more than the other: 7_HC.png and epoch 10, image 7.
    differ = [place for place, (a, b) in enumerate(numbers) if a and b and not (a <= b or b <= a)]
    if differ:
        yield (
            f"Pairs by index: in {len(differ)} of {counted(len(real), 'pair')} the numbers in the "
            f"names differ, first {real[differ[0]]} with {synthetic[differ[0]]}. Check that these "
            "images belong together."
        )


def _numbers(names: Sequence[str]) -> list[Counter[int]]:
    """The numbers in each file's name, without those that all files have at the same place."""
    stems = (PurePosixPath(re.sub(r"\[\d+\]$", "", name)).stem for name in names)
    found = [[int(number) for number in re.findall(r"[0-9]+", stem)] for stem in stems]
    if len({len(numbers) for numbers in found}) == 1 and len(found) > 1:
        columns = [each for each in zip(*found, strict=True) if len(set(each)) > 1]
        found = [[column[place] for column in columns] for place in range(len(found))]
    return [Counter(numbers) for numbers in found]


def about_copies(count: int, expected: float) -> str:
    """What so many copies mean where so many false alarms are expected."""
    from scipy.special import gammainc

    said = (
        f"{counted(count, 'synthetic image')} {'is' if count == 1 else 'are'} nearer to one real "
        "image than images of another subject should be"
    )
    # The chance of so many events or more where fewer are expected (Poisson).
    if gammainc(count, expected) < UNLIKELY:
        return (
            f"{said}: copies. Look at the closest pairs before trusting any metric that rewards "
            "likeness."
        )
    return (
        f"{said}, but of real images about {expected:.1f} would be, too: chance may explain it. "
        "Look at the closest pairs."
    )


def _about_features(
    comparison: Comparison, entries: Sequence[Entry], records: Sequence[MetricRecord]
) -> Iterator[str]:
    """Of each extractor with more features than there are images."""
    sizes = len(comparison.reference), len(comparison.synthetic)
    computed = {record.metric for record in records if record.status == COMPUTED}
    for name in dict.fromkeys(entry.extractor for entry in entries if entry.extractor):
        shown = feature_measures(name)
        if shown["distance"].name not in computed:
            continue
        # Features that vary at all; codes that no image has add nothing to a distance.
        varying = [np.ptp(side, axis=0) > 0 for side in comparison.features(name)]
        dimension = int(np.logical_or(*varying).sum())
        if min(sizes) <= dimension:
            beside = [shown[k].label for k in ("infinity", "kernel") if shown[k].name in computed]
            read = f"Read {' and '.join(beside)} beside it, and compare" if beside else "Compare"
            yield (
                f"{sizes[0]} real and {sizes[1]} synthetic images do not outnumber the "
                f"{dimension} features: {shown['distance'].label} is biased upwards. {read} sets "
                "of equal size only."
            )
