"""Anyone's images: `miua evaluate`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperCommand, TyperOption

from miua.cli.options import Device, MoreSets, Threads, Weights, reads_images
from miua.errors import MiuaError

if TYPE_CHECKING:
    from miua.data import ReadingOptions
    from miua.evaluation.evaluate import EvaluationWithReport
    from miua.metrics.extractors import FeatureExtractor


class WithMetricNames(TyperCommand):
    """A command whose help names the metrics, read from the registry when help is asked for."""

    def get_help(self, ctx: Any) -> str:
        from miua.metrics.registry import REGISTRY

        for param in self.params:
            if isinstance(param, TyperOption) and param.name == "metrics":
                param.help = f"{param.help} There are {', '.join(REGISTRY)}."
        return super().get_help(ctx)


@reads_images()
def evaluate_command(
    real: Annotated[
        Path, typer.Option(help="Real images: a folder, or a .npy, .npz or DICOM file.")
    ],
    synthetic: Annotated[
        list[str],
        typer.Option(help="Synthetic images, the same; several times, or a pattern: 'sets/*'."),
    ],
    more: MoreSets = None,
    *,
    reading: ReadingOptions,
    groups: Annotated[
        Path | None,
        typer.Option(help="CSV with the columns file and group: real images of one subject."),
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option(help="Only these, with commas between, or study; all if not given."),
    ] = None,
    pairing: Annotated[
        Literal["all", "nearest", "index"],
        typer.Option(help="Which pairs MI, PSNR and SSIM average over."),
    ] = "all",
    floor_splits: Annotated[
        int, typer.Option(min=0, help="Splits for the noise floor; 0: no floor.")
    ] = 20,
    preprocessing_sensitivity: Annotated[
        bool,
        typer.Option("--preprocessing-sensitivity", help="Measure under other preprocessing too."),
    ] = False,
    extractor: Annotated[
        list[Path] | None, typer.Option(help="A TorchScript file (.pt) to take features from.")
    ] = None,
    extractor_size: Annotated[
        int | None, typer.Option(min=1, help="Resize to this square for the extractor.")
    ] = None,
    extractor_mean: Annotated[
        str | None,
        typer.Option(help="Subtracted, of [0, 1]: one number, or one a channel: 0.48,0.45,0.4."),
    ] = None,
    extractor_std: Annotated[str | None, typer.Option(help="Divided by; the same.")] = None,
    extractor_channels: Annotated[
        Literal["1", "3"] | None,
        typer.Option(help="How often the grey image is given to it; 3 if not given."),
    ] = None,
    inception_weights: Weights = None,
    json: Annotated[Path | None, typer.Option(help="Write everything here.")] = None,
    csv: Annotated[
        Path | None,
        typer.Option(help="Write the table here, and its provenance beside it (.json)."),
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write one HTML file with figures.")] = None,
    contact_sheet: Annotated[
        Path | None, typer.Option(help="Write the closest pairs as a picture (.png).")
    ] = None,
    lbpv: Annotated[Path | None, typer.Option(help="Write the set's LBP vector (.npy).")] = None,
    name: Annotated[
        list[str] | None, typer.Option(help="Name of a set, in the order of the sets.")
    ] = None,
    resamples: Annotated[
        int, typer.Option(min=0, help="Of the bootstrap; 0: no intervals.")
    ] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of all that is random.")] = 0,
    allow_divergence: Annotated[
        bool, typer.Option(help="A set that was not made is measured as not computed.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only the files written.")] = False,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Measure synthetic images against real ones."""
    from miua.evaluation.evaluate import evaluate

    sets = _named(set_paths(synthetic, more or []), name or [])
    chosen = _metrics(metrics)
    if reading.size is None and preprocessing_sensitivity:
        raise MiuaError("--preprocessing-sensitivity needs the size to resize to: --size N.")
    _check_outputs(
        sets,
        chosen,
        inputs=[real, *sets.values(), *([groups] if groups else []), *(extractor or [])],
        outputs=_given(json=json, csv=csv, report=report, contact_sheet=contact_sheet, lbpv=lbpv),
    )
    if allow_divergence and (reason := _not_made(sets)):
        unmade = _given(json=json, report=report, contact_sheet=contact_sheet)
        _write_not_made(next(iter(sets)), reason, csv, lbpv, unmade)
        return
    evaluation = evaluate(
        real,
        sets,
        size=reading.size,
        fit=reading.fit,
        crop_size=reading.crop_size,
        window=reading.window,
        skip_bad=reading.skip_bad,
        metrics=chosen,
        pairing=pairing,
        groups=groups,
        floor_splits=floor_splits,
        preprocessing_sensitivity=preprocessing_sensitivity,
        extractors=_extractors(
            extractor or [],
            extractor_size,
            extractor_mean,
            extractor_std,
            extractor_channels,
            device,
        ),
        inception_weights=inception_weights,
        resamples=resamples,
        seed=seed,
        threads=threads or 0,
        device=None if device == "auto" else device,
    )
    if not quiet:
        from miua.cli.tables import print_evaluation

        print_evaluation(evaluation)
    for path in _write(evaluation, json, csv, report, contact_sheet, lbpv):
        print(path)


def set_paths(given: Sequence[str], more: Sequence[Path]) -> list[Path]:
    """The sets, patterns replaced by what they match, in order of names."""
    from glob import glob, has_magic

    found: list[Path] = []
    for each in given:
        if not each:
            raise MiuaError("--synthetic is empty. Name a folder, a file or a pattern.")
        if Path(each).exists() or not has_magic(each):
            found.append(Path(each))
            continue
        # Not Path.glob, which takes no pattern that begins at the root.
        matches = sorted(Path(path) for path in glob(each))  # noqa: PTH207
        if not matches:
            raise MiuaError(f"Nothing matches the pattern {each}. Check the path.")
        found += matches
    return [*found, *more]


def _named(paths: Sequence[Path], names: Sequence[str]) -> dict[str, Path]:
    from miua.evaluation.reading import named_sets

    if not names:
        return {name: Path(str(path)) for name, path in named_sets(list(paths)).items()}
    if len(names) != len(paths) or len(set(names)) < len(names):
        raise MiuaError(
            f"There are {len(paths)} synthetic sets and {len(set(names))} different names. "
            "Give one --name for each set, or none."
        )
    return dict(zip(names, paths, strict=True))


def _metrics(given: str | None) -> Sequence[str]:
    from miua.metrics.registry import REGISTRY, STUDY_METRICS

    if given is None:
        return list(REGISTRY)
    if given == "study":
        return STUDY_METRICS
    chosen = [name.strip() for name in given.split(",") if name.strip()]
    unknown = [name for name in chosen if name not in REGISTRY]
    if unknown or not chosen:
        raise MiuaError(
            f"Unknown metric {', '.join(unknown) or '(none given)'}. "
            f"There are {', '.join(REGISTRY)}."
        )
    return chosen


def _extractors(
    paths: Sequence[Path],
    size: int | None,
    mean: str | None,
    std: str | None,
    channels: str | None,
    device: str,
) -> list[FeatureExtractor]:
    if not paths:
        if any(given is not None for given in (size, mean, std, channels)):
            raise MiuaError("--extractor-size, -mean, -std and -channels need an --extractor.")
        return []
    from miua.metrics.extractors import Preprocessing, TorchExtractor

    count = int(channels or 3)
    deviations = _numbers("--extractor-std", std, count)
    if deviations and min(deviations) <= 0:
        raise MiuaError(f"--extractor-std divides: give numbers above 0, not {std}.")
    preprocessing = Preprocessing(
        channels=count,
        size=size,
        mean=_numbers("--extractor-mean", mean, count),
        std=deviations,
    )
    where = None if device == "auto" else device
    return [TorchExtractor(path, preprocessing, device=where) for path in paths]


def _numbers(option: str, given: str | None, channels: int) -> tuple[float, ...] | None:
    """One number for each channel; a single one is for all of them."""
    if given is None:
        return None
    try:
        numbers = tuple(float(part) for part in given.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) not in (1, channels) or not all(map(isfinite, numbers)):
        several = " or three, such as 0.5 or 0.48,0.45,0.4" if channels == 3 else ", such as 0.5"
        raise MiuaError(f"{option} takes one number{several}. It got {given}.")
    return numbers * (channels // len(numbers))


def _given(**outputs: Path | None) -> dict[str, Path]:
    """The outputs that were asked for, by the option: "contact_sheet" is "--contact-sheet"."""
    return {
        f"--{name.replace('_', '-')}": path for name, path in outputs.items() if path is not None
    }


def _check_outputs(
    sets: dict[str, Path],
    metrics: Sequence[str],
    inputs: Iterable[Path],
    outputs: dict[str, Path],
) -> None:
    """Before the work: all that is asked for can be made and written."""
    from miua.cli.extras import need

    for option in ("--lbpv", "--contact-sheet"):
        if option in outputs and len(sets) > 1:
            raise MiuaError(f"{option} is of one synthetic set; there are {len(sets)}.")
    if "--contact-sheet" in outputs and "copies" not in metrics:
        raise MiuaError("--contact-sheet needs the metric copies. Add it to --metrics.")
    if "--report" in outputs:
        need("jinja2", "The HTML report", extra="report")
    for option, suffix in (("--lbpv", ".npy"), ("--contact-sheet", ".png")):
        if option in outputs and outputs[option].suffix.lower() != suffix:
            raise MiuaError(f"{option} {outputs[option]} must end in {suffix}.")
    written = dict(outputs)
    if csv := outputs.get("--csv"):
        if csv.suffix.lower() == ".json":
            raise MiuaError(
                f"--csv {csv} is a table; its provenance goes beside it, as .json. "
                "Give it another suffix, such as .csv."
            )
        written["the provenance beside --csv"] = csv.with_suffix(".json")
    inputs = [path.resolve() for path in inputs]
    taken = dict.fromkeys(inputs, "an input")
    for option, path in written.items():
        if (other := taken.get(path.resolve())) is not None:
            raise MiuaError(
                f"{option} would be {path}, which is {other} already. Give one another name."
            )
        if around := next((each for each in inputs if each in path.resolve().parents), None):
            raise MiuaError(
                f"{option} {path} lies among the images in {around}. Name another place."
            )
        taken[path.resolve()] = option
        _check_writable(option, path)


def _check_writable(option: str, path: Path) -> None:
    above = path.absolute().parent
    while not os.access(above, os.F_OK):  # Path.exists raises below a folder that is closed
        above = above.parent
    if not above.is_dir():
        raise MiuaError(f"{option} {path} cannot be written: {above} is no folder.")
    if not os.access(above, os.W_OK | os.X_OK):
        raise MiuaError(
            f"{option} {path} cannot be written: {above} is not yours to write to. "
            "Name another place."
        )
    if path.is_dir():
        raise MiuaError(f"{option} {path} is a folder. Name a file.")


def _write(
    evaluation: EvaluationWithReport,
    json: Path | None,
    csv: Path | None,
    report: Path | None,
    contact_sheet: Path | None,
    lbpv: Path | None,
) -> list[Path]:
    """Write what was asked for; the paths."""
    from miua.evaluation.records import write_lbpv
    from miua.files import atomic_path
    from miua.provenance import write_file_provenance

    if json:
        evaluation.write_json(json)
    if report:
        evaluation.write_report(report)
    copies = evaluation.sets[0].copies
    if contact_sheet and copies is not None:
        from PIL import Image

        with atomic_path(contact_sheet) as temporary:
            Image.fromarray(copies.sheet).save(temporary)
    if lbpv:
        write_lbpv(lbpv, evaluation.sets[0].lbpv)
    if csv:
        evaluation.write_csv(csv)
        tables = [path for path in (csv, lbpv) if path]
        write_file_provenance(csv.with_suffix(".json"), evaluation.provenance, tables)
    return [path for path in (json, csv, report, contact_sheet, lbpv) if path]


def _not_made(sets: dict[str, Path]) -> str:
    """Why the one synthetic set has no images, in the words of its provenance; "" if it has."""
    from miua.files import read_json

    if len(sets) != 1:
        return ""
    (folder,) = sets.values()
    path = folder / "provenance.json"
    return str(read_json(path).get("not_made", "")) if path.is_file() else ""


def _write_not_made(
    name: str, reason: str, csv: Path | None, lbpv: Path | None, unmade: Iterable[str]
) -> None:
    """The table and the vector of a set without images; MiuaError: others were asked for."""
    from miua.evaluation.records import not_computed_records, write_lbpv, write_records
    from miua.provenance import provenance, write_file_provenance

    if asked := ", ".join(unmade):
        raise MiuaError(
            f"The set {name} was not made ({reason}). Of it there are only --csv and --lbpv: "
            f"leave out {asked}."
        )
    if lbpv:
        import numpy as np

        write_lbpv(lbpv, np.full(256, np.nan))
    if csv:
        write_records(csv, not_computed_records(name, reason))
        tables = [path for path in (csv, lbpv) if path]
        record = provenance(inputs={}, settings={"set": name, "not_made": reason})
        write_file_provenance(csv.with_suffix(".json"), record, tables)
    for path in (csv, lbpv):
        if path:
            print(path)
