"""`miua.evaluate`: synthetic images against real ones, with all that makes numbers trustworthy."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from miua.data import Fit, ImageStack
from miua.data.reading import EXCLUDED, Window
from miua.data.threads import usable_cores
from miua.errors import MiuaError
from miua.evaluation.cautions import about_pairs, cautions
from miua.evaluation.floor import SPLITS, at_floor_size, noise_floor_of
from miua.evaluation.image_sets import (
    Images,
    PairReading,
    Reading,
    Sets,
    groups_of,
    in_pairs,
    named_sets,
)
from miua.evaluation.measure import measured, one_blas_thread
from miua.evaluation.preprocessing_sensitivity import check_walk, walk
from miua.evaluation.ranking import rankings
from miua.evaluation.result import CLOSEST_PAIRS, Copies, Evaluation, SetResult
from miua.metrics.comparison import PAIRINGS, RESAMPLES, Comparison, Extractors, Pairing, Side
from miua.metrics.contact_sheet import contact_sheet
from miua.metrics.extractors import FeatureExtractor
from miua.metrics.inception_weights import InceptionWeights
from miua.metrics.memorisation import Memorisation, copies_of
from miua.metrics.mutual_information import BINS
from miua.metrics.registry import COPIES, REGISTRY, entries_of
from miua.provenance import provenance

FARTHEST = 10


class EvaluationWithReport(Evaluation):
    """An `Evaluation` that writes its HTML page; the page is made of the plain one."""

    def write_report(self, path: Path) -> None:
        """Write one HTML file that holds everything; MissingExtraError without the extra."""
        from miua.pages.evaluation import write_page

        write_page(path, self)


def evaluate(
    real: Images,
    synthetic: Sets,
    *,
    size: int | None = None,
    fit: Fit = "stretch",
    crop_size: int | None = None,
    window: Window | None = None,
    skip_bad: bool = False,
    exclude: Sequence[str] | None = None,
    metrics: Sequence[str] | None = None,
    pairing: Pairing = "all",
    bins: int = BINS,
    groups: Path | str | ArrayLike | None = None,
    floor_splits: int = SPLITS,
    preprocessing_sensitivity: bool = False,
    extractors: Sequence[FeatureExtractor] = (),
    inception_weights: str | Path | InceptionWeights | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
    threads: int = 0,
    device: str | None = None,
) -> EvaluationWithReport:
    """Measure one or more synthetic sets against real images.

    Args:
        real: a folder of images, a file that holds a stack (.npy, .npz, DICOM), an `ImageStack`,
            or a uint8 array (N, H, W).
        synthetic: the same; or several, as a list or by name.
        size, fit, crop_size, window, skip_bad, exclude: how files are read; see
            `miua.data.read_stack`. Arrays are taken as they are.
        metrics: which of `miua.metrics.registry.REGISTRY`, in the order of the records, each
            once; None for all.
        pairing: what MI, PSNR and SSIM, which need pairs, are averaged over: "all" pairs; each
            synthetic image and the "nearest" real one (by mean squared error); or pairs of equal
            "index".
        bins: grey-level bins of MI.
        groups: which real images belong together, such as those of one subject: a CSV file with
            the columns file and group, or one label for each image. None reads subjects off
            HC18's file names where all have them, and else takes each image for its own.
        floor_splits: splits of the real images that the noise floor of metrics comes from that
            cost more; the others, such as MI, PSNR and LBPv, take 2000 or more. 0: no floor.
        preprocessing_sensitivity: measure again under other choices of preparation. Needs paths.
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
    if pairing not in PAIRINGS:
        raise ValueError(f"pairing must be 'all', 'nearest' or 'index', not {pairing!r}")
    listed = [metrics] if isinstance(metrics, str) else metrics
    asked = list(REGISTRY if listed is None else dict.fromkeys(listed))
    entries = entries_of(asked, [each.name for each in extractors])
    reading = Reading(size, fit, crop_size, window, skip_bad=skip_bad, exclude=exclude)
    if preprocessing_sensitivity:
        check_walk(real, reading, asked)
    ready = Extractors.ready(inception_weights=inception_weights, others=extractors, device=device)
    sets = named_sets(synthetic)
    real_stack, real_source = reading.read(real, "real")
    codes, grouping = groups_of(groups, real_stack)
    if pairing == "index":
        reading = PairReading(**vars(reading))
        places = {name: place for place, name in enumerate(real_stack.names)}
        real_stack, real_source = in_pairs(real, real_stack, real_source)
        codes = None if codes is None else codes[[places[name] for name in real_stack.names]]
    stacks = {name: reading.read(images, name) for name, images in sets.items()}
    for name, (stack, _) in stacks.items():
        _check_pairs(real_stack, stack, pairing, name)
    real_side = Side(real_stack.images, ready, threads=threads)
    workers = threads or usable_cores()
    of_pairs: dict[str, Any] = {"pairing": pairing, "bins": bins, "threads": threads}
    results, floor, walked = [], None, None
    with one_blas_thread():
        if floor_splits:
            floor = noise_floor_of(
                Comparison(real_side, real_side, resamples=0, seed=seed, **of_pairs),
                codes,
                grouping,
                entries,
                most=min(len(stack) for stack, _ in stacks.values()),
                splits=floor_splits,
                workers=workers,
            )
        for name, (stack, source) in stacks.items():
            comparison = Comparison(
                real_side,
                Side(stack.images, ready, threads=threads),
                name=name,
                groups=codes,
                resamples=resamples,
                seed=seed,
                **of_pairs,
            )
            records = measured(comparison, entries, workers=workers, shown=f"Measuring {name}")
            smaller = at_floor_size(comparison, floor, entries, workers) if floor else {}
            copies = None
            if COPIES.name in asked:
                copies = _copies(real_stack, stack, copies_of(comparison))
            lbpv = comparison.synthetic.lbpv
            farthest = np.argsort(-np.abs(real_side.lbpv - lbpv), kind="stable")[:FARTHEST].tolist()
            said = list(cautions(comparison, entries, records, source, real_source, floor, copies))
            if pairing == "index":
                said = [*about_pairs(real_stack.names, stack.names), *said]
            results.append(
                SetResult(
                    source=source,
                    records=tuple(records),
                    farthest=tuple(farthest),
                    lbpv=lbpv,
                    copies=copies,
                    at_floor_size=smaller,
                    warnings=tuple(said),
                )
            )
        if preprocessing_sensitivity:
            walked = walk(real, sets, reading, ready, asked, **of_pairs)
    settings = {
        **asdict(reading),
        "exclude": list(EXCLUDED if exclude is None else exclude),
        "metrics": asked,
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
    made_by = provenance(inputs=inputs, settings=settings, device=device or "auto", threads=threads)
    return EvaluationWithReport(
        real=real_source,
        sets=tuple(results),
        floor=floor,
        rankings=rankings([result.records for result in results]),
        preprocessing_sensitivity=walked,
        reference_lbpv=real_side.lbpv,
        pairing=PAIRINGS[pairing],
        settings=settings,
        provenance=made_by,
    )


def _check_pairs(real: ImageStack, synthetic: ImageStack, pairing: str, name: str) -> None:
    """Refuse what cannot be compared."""
    if real.images.shape[1:] != synthetic.images.shape[1:]:
        sizes = ["{} x {}".format(*stack.images.shape[1:]) for stack in (real, synthetic)]
        raise MiuaError(
            f"The reference images have {sizes[0]} pixels and the synthetic ones of {name} "
            f"{sizes[1]} (height x width). Read both at one size (--size N)."
        )
    if pairing != "index":
        return
    if len(real) != len(synthetic):
        raise MiuaError(
            f"Pairing by index needs equally many images, not {len(real)} reference and "
            f"{len(synthetic)} synthetic ones of {name}. "
            "Choose the pairing 'all', or give equal numbers."
        )
    if real.skipped or synthetic.skipped:
        raise MiuaError(
            f"Files were left out, so images of equal place are no pairs any more ({name}). "
            "Mend the files, or choose another pairing."
        )


def _copies(real: ImageStack, synthetic: ImageStack, found: Memorisation) -> Copies:
    """What the search found, in a picture and in words."""
    nearest = tuple(
        {
            "synthetic": synthetic.names[index],
            "real": real.names[int(found.index[index])],
            "flipped": bool(found.flipped[index]),
            "rotation_degrees": float(found.rotation[index]),
            "distance": float(found.distance[index]),
            "relative_distance": float(found.relative_distance[index]),
            "copy": bool(index in found.flagged),
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
