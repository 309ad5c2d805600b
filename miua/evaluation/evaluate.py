"""`miua.evaluate`: synthetic images against real ones, with all that makes numbers trustworthy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from miua.data import Fit
from miua.data.reading import Window
from miua.data.threads import in_threads, usable_cores
from miua.errors import MiuaError
from miua.evaluation.cautions import cautions
from miua.evaluation.comparison import PAIRINGS, RESAMPLES, Comparison, Extractors, Pairing, Side
from miua.evaluation.copies import COPIES_METRIC, copies_record, look_for_copies
from miua.evaluation.crosswalk import check_walk, walk
from miua.evaluation.floor import SPLITS, at_floor_size, noise_floor_of
from miua.evaluation.measure import (
    METRICS,
    Measured,
    check_metrics,
    check_sets,
    measure_comparison,
)
from miua.evaluation.ranking import rankings
from miua.evaluation.reading import Images, Reading, Sets, groups_of, named_sets
from miua.evaluation.result import Copies, Evaluation, SetResult, Source
from miua.metrics.blas import one_blas_thread
from miua.metrics.extractors import FeatureExtractor
from miua.metrics.inception_weights import InceptionWeights
from miua.metrics.mutual_information import BINS
from miua.progress import say
from miua.provenance import provenance

ALL_METRICS = (*METRICS, COPIES_METRIC)
FARTHEST = 10


def evaluate(
    real: Images,
    synthetic: Sets,
    *,
    size: int | None = None,
    fit: Fit = "stretch",
    crop_size: int | None = None,
    window: Window | None = None,
    skip_bad: bool = False,
    metrics: Sequence[str] = ALL_METRICS,
    pairing: Pairing = "all",
    bins: int = BINS,
    groups: Path | str | ArrayLike | None = None,
    floor_splits: int = SPLITS,
    crosswalk: bool = False,
    extractors: Sequence[FeatureExtractor] = (),
    inception_weights: str | Path | InceptionWeights | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
    threads: int = 0,
    device: str | None = None,
) -> Evaluation:
    """Measure one or more synthetic sets against real images.

    Args:
        real: a folder of images, a file that holds a stack (.npy, .npz, DICOM), an `ImageStack`,
            or a uint8 array (N, H, W).
        synthetic: the same; or several, as a list or by name.
        size, fit, crop_size, window, skip_bad: how files are read; see `miua.data.read_stack`.
            Arrays are taken as they are.
        metrics: which of ALL_METRICS, in the order of the records, each once.
        pairing: what MI, PSNR and SSIM, which need pairs, are averaged over: "all" pairs; each
            synthetic image and the "nearest" real one (by mean squared error); or pairs of equal
            "index".
        bins: grey-level bins of MI.
        groups: which real images belong together, such as those of one subject: a CSV file with
            the columns file and group, or one label for each image. None reads subjects off
            HC18's file names where all have them, and else takes each image for its own.
        floor_splits: splits of the real images that the noise floor comes from; 0: no floor.
        crosswalk: measure again under other choices of preparation. Needs paths.
        extractors: feature extractors beside Inception, `miua.metrics.extractors`.
        inception_weights: the weights file; None looks in the usual places.
        resamples: of the bootstrap; 0: no intervals.
        seed: of everything random.
        threads: of the kernels, 0 for OpenMP's default; the numbers are the same for any.
        device: where networks run; None takes a GPU if there is one.

    Raises:
        MiuaError: images that cannot be read or compared, groups that do not fit; all are named.
        NotComputedError: the weights that were named are not there or not the published ones.
        ValueError, TypeError: an argument that is none of the above.
    """
    metrics = [metrics] if isinstance(metrics, str) else list(dict.fromkeys(metrics))
    numbers = [metric for metric in metrics if metric != COPIES_METRIC]
    check_metrics(numbers)
    reading = Reading(size, fit, crop_size, window, skip_bad=skip_bad)
    if crosswalk:
        check_walk(real, reading, numbers)
    ready = Extractors.ready(inception_weights=inception_weights, others=extractors, device=device)
    others = tuple(each.name for each in extractors)
    sets = named_sets(synthetic)
    real_stack, real_source = reading.read(real, "real")
    codes, grouping = groups_of(groups, real_stack)
    stacks = {name: reading.read(images, name) for name, images in sets.items()}
    for name, (stack, _) in stacks.items():
        check_sets(real_stack.images, stack.images, pairing, name)
        if pairing == "index" and (real_stack.skipped or stack.skipped):
            raise MiuaError(
                f"Files were left out, so images of equal place are no pairs any more ({name}). "
                "Mend the files, or choose another pairing."
            )

    real_side = Side(real_stack.images, ready, threads=threads)
    results, measured, floor, walked = [], [], None, None
    with one_blas_thread():
        if floor_splits:
            floor = noise_floor_of(
                real_side,
                codes,
                grouping,
                most=min(len(stack) for stack, _ in stacks.values()),
                metrics=numbers,
                extractors=others,
                pairing=pairing,
                bins=bins,
                splits=floor_splits,
                seed=seed,
                threads=threads,
            )
        for name, (stack, source) in stacks.items():
            if len(stacks) > 1:
                say(f"Measuring {name}")
            comparison = Comparison(
                real_side,
                Side(stack.images, ready, threads=threads),
                pairing=pairing,
                bins=bins,
                resamples=resamples,
                seed=seed,
                threads=threads,
            )
            found, copies = _measured(
                comparison,
                name,
                numbers,
                others,
                partial(look_for_copies, real_stack, stack, codes, seed)
                if COPIES_METRIC in metrics
                else None,
                threads or usable_cores(),
            )
            smaller = {}
            if floor is not None:
                smaller = at_floor_size(
                    real_side,
                    comparison.synthetic,
                    codes,
                    floor,
                    metrics=numbers,
                    extractors=others,
                    seed=seed,
                    threads=threads,
                )
            warnings = cautions(comparison, found, source, real_source, floor, copies, others)
            measured.append(found)
            results.append(_result(source, found, copies, smaller, warnings))
        if crosswalk:
            walked = walk(
                real,
                sets,
                reading,
                ready,
                pairing=pairing,
                bins=bins,
                threads=threads,
                metrics=numbers,
            )
    settings = {
        **asdict(reading),
        "metrics": list(metrics),
        "pairing": pairing,
        "bins": bins,
        "groups": grouping,
        "floor_splits": floor_splits,
        "extractors": {each.name: each.sha256 for each in extractors},
        "resamples": resamples,
        "seed": seed,
    }
    inputs = {"real": real_source.sha256}
    inputs |= {f"synthetic {name}": source.sha256 for name, (_, source) in stacks.items()}
    return Evaluation(
        real=real_source,
        sets=tuple(results),
        floor=floor,
        rankings=rankings(measured),
        crosswalk=walked,
        reference_lbpv=measured[0].reference_lbpv,
        pairing=PAIRINGS[pairing],
        settings=settings,
        provenance=provenance(
            inputs=inputs, settings=settings, device=device or "auto", threads=threads
        ),
    )


def _measured(
    comparison: Comparison,
    name: str,
    metrics: Sequence[str],
    extractors: Sequence[str],
    search: Callable[[], Copies] | None,
    cores: int,
) -> tuple[Measured, Copies | None]:
    """The metrics of one set and, where asked for, the search for copies.

    The search takes one core, beside metrics of which some take one and some take all.
    """
    jobs: list[Callable[[], Any]] = [
        lambda: measure_comparison(comparison, name, metrics, extractors, workers=cores)
    ]
    if search is not None:
        jobs.append(search)
    found, *copies = in_threads(lambda job: job(), jobs, cores)
    if not copies:
        return found, None
    sizes = (len(comparison.reference), len(comparison.synthetic))
    found.records.append(copies_record(copies[0], name, *sizes))
    return found, copies[0]


def _result(
    source: Source,
    found: Measured,
    copies: Copies | None,
    at_floor_size: dict[str, float],
    warnings: tuple[str, ...],
) -> SetResult:
    difference = np.abs(found.reference_lbpv - found.synthetic_lbpv)
    farthest = np.argsort(-difference, kind="stable")[:FARTHEST]
    return SetResult(
        source=source,
        records=tuple(found.records),
        farthest=tuple(int(element) for element in farthest),
        lbpv=found.synthetic_lbpv,
        copies=copies,
        at_floor_size=at_floor_size,
        warnings=warnings,
    )
