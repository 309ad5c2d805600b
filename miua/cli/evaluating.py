"""What images are like: `miua evaluate`, `lbpv`, `noise-floor`, `sensitivity`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from typer.core import TyperCommand, TyperOption

from miua.cli import options
from miua.cli.declaring import argument, need, option, takes
from miua.errors import MiuaError
from miua.progress import say

if TYPE_CHECKING:
    from miua.analysis.real_images import MeasuredImages, Tables
    from miua.data import ReadingOptions
    from miua.metrics.extractors import Preprocessing

Writer = Callable[[Path], object]

Real = Annotated[Path, argument("Folder of real images, named as HC18's: NNN_HC.png, NNN_2HC.png.")]
OutTable = Annotated[Path, option("The .csv to write, its provenance beside it (.json).")]
Half = Annotated[int | None, option("Images in each half; as many as fit, up to 400.", min=1)]


class WithMetricNames(TyperCommand):
    """A command whose help names the metrics, read from the registry when help is asked for."""

    def get_help(self, ctx: Any) -> str:
        from miua.metrics.registry import REGISTRY

        for param in self.params:
            if isinstance(param, TyperOption) and param.name == "metrics":
                param.help = f"{param.help} There are {', '.join(REGISTRY)}."
        return super().get_help(ctx)


def _extractors(
    extractor: Annotated[
        list[Path] | None, option("A TorchScript file (.pt) to take features from.")
    ] = None,
    extractor_size: Annotated[
        int | None, option("Resize to this square for the extractor.", min=1)
    ] = None,
    extractor_mean: Annotated[
        str | None, option("Subtracted, of [0, 1]: one number, or one a channel: 0.48,0.45,0.4.")
    ] = None,
    extractor_std: Annotated[str | None, option("Divided by; the same.")] = None,
    extractor_channels: Annotated[
        Literal["1", "3"] | None, option("How often the grey image is given to it; 3 if not given.")
    ] = None,
) -> tuple[list[Path], Preprocessing | None]:
    """The files of extractors, and what is done to the images before them."""
    if not extractor:
        others = (extractor_size, extractor_mean, extractor_std, extractor_channels)
        if any(given is not None for given in others):
            raise MiuaError("--extractor-size, -mean, -std and -channels need an --extractor.")
        return [], None
    from miua.metrics.extractors import Preprocessing

    channels = int(extractor_channels or 3)
    mean = _numbers("--extractor-mean", extractor_mean, channels)
    std = _numbers("--extractor-std", extractor_std, channels)
    if std and min(std) <= 0:
        raise MiuaError(f"--extractor-std divides: give numbers above 0, not {extractor_std}.")
    return extractor, Preprocessing(channels=channels, size=extractor_size, mean=mean, std=std)


def _numbers(name: str, given: str | None, channels: int) -> tuple[float, ...] | None:
    """One number for each channel; a single one is for all of them."""
    if given is None:
        return None
    try:
        numbers = tuple(float(part) for part in given.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) not in (1, channels) or not all(map(isfinite, numbers)):
        several = " or three, such as 0.5 or 0.48,0.45,0.4" if channels == 3 else ", such as 0.5"
        raise MiuaError(f"{name} takes one number{several}. It got {given}.")
    return numbers * (channels // len(numbers))


def _outputs(
    json: Annotated[Path | None, option("Write everything here.")] = None,
    csv: Annotated[
        Path | None, option("Write the table here, and its provenance beside it (.json).")
    ] = None,
    report: Annotated[Path | None, option("Write one HTML file with figures.")] = None,
    contact_sheet: Annotated[
        Path | None, option("Write the closest pairs as a picture (.png).")
    ] = None,
    lbpv: Annotated[Path | None, option("Write the set's LBP vector (.npy).")] = None,
) -> dict[str, Path]:
    """By their options: the files that were asked for."""
    asked = {
        "--json": json,
        "--csv": csv,
        "--report": report,
        "--contact-sheet": contact_sheet,
        "--lbpv": lbpv,
    }
    return {name: path for name, path in asked.items() if path is not None}


@takes(reading=options.reading, extractors=_extractors, outputs=_outputs)
def evaluate_command(
    real: Annotated[Path, options.REAL_IMAGES],
    synthetic: Annotated[list[str], options.SETS],
    more: options.MoreSets = None,
    *,
    reading: ReadingOptions,
    groups: Annotated[
        Path | None, option("CSV with the columns file and group: real images of one subject.")
    ] = None,
    metrics: Annotated[
        str | None, option("Only these, with commas between, or study; all if not given.")
    ] = None,
    pairing: Annotated[
        Literal["all", "nearest", "index"], option("Which pairs MI, PSNR and SSIM average over.")
    ] = "all",
    floor_splits: Annotated[
        int,
        option(
            "Splits for the noise floor of metrics that cost more; others take 2000 or more. 0: no "
            "floor.",
            min=0,
        ),
    ] = 20,
    preprocessing_sensitivity: Annotated[
        bool, option("Measure under other preprocessing too.", "--preprocessing-sensitivity")
    ] = False,
    extractors: tuple[list[Path], Preprocessing | None],
    inception_weights: options.Weights = None,
    outputs: dict[str, Path],
    name: Annotated[list[str] | None, option("Name of a set, in the order of the sets.")] = None,
    resamples: Annotated[int, option("Of the bootstrap; 0: no intervals.", min=0)] = 1000,
    seed: Annotated[int, option("Seed of all that is random.", min=0)] = 0,
    allow_divergence: Annotated[
        bool, option("A set that was not made is measured as not computed.")
    ] = False,
    quiet: Annotated[bool, option("Print only the files written.", "--quiet")] = False,
    device: options.Device = "auto",
    threads: options.Threads = None,
) -> list[Path]:
    """Measure synthetic images against real ones."""
    from miua.evaluation.evaluate import evaluate
    from miua.files import write_array, write_png
    from miua.metrics.extractors import TorchExtractor

    sets = set_paths([*synthetic, *(more or [])], name or [])
    chosen = _metrics(metrics)
    if reading.size is None and preprocessing_sensitivity:
        raise MiuaError("--preprocessing-sensitivity needs the size to resize to: --size N.")
    networks, preprocessing = extractors
    inputs = [real, *sets.values(), *([groups] if groups else []), *networks]
    _check_outputs(sets, chosen, inputs, outputs)
    if allow_divergence and len(sets) == 1 and (reason := _not_made(*sets.values())):
        return _write_not_made(next(iter(sets)), reason, outputs)
    chosen_device = None if device == "auto" else device
    evaluation = evaluate(
        real,
        sets,
        size=reading.size,
        fit=reading.fit,
        crop_size=reading.crop_size,
        window=reading.window,
        skip_bad=reading.skip_bad,
        exclude=reading.exclude,
        metrics=chosen,
        pairing=pairing,
        groups=groups,
        floor_splits=floor_splits,
        preprocessing_sensitivity=preprocessing_sensitivity,
        extractors=[TorchExtractor(path, preprocessing, device=chosen_device) for path in networks],
        inception_weights=inception_weights,
        resamples=resamples,
        seed=seed,
        threads=threads or 0,
        device=chosen_device,
    )
    writers: dict[str, Writer] = {
        "--json": evaluation.write_json,
        "--csv": evaluation.write_csv,
        "--report": evaluation.write_report,
        "--lbpv": lambda path: write_array(path, evaluation.sets[0].lbpv),
    }
    if (copies := evaluation.sets[0].copies) is not None:
        writers["--contact-sheet"] = partial(write_png, image=copies.sheet)
    written = _write(outputs, writers, evaluation.provenance)
    if not quiet:
        from miua.cli.evaluation_tables import print_evaluation

        print_evaluation(evaluation)
    return written


def set_paths(given: Iterable[str | Path], names: Sequence[str] = ()) -> dict[str, Path]:
    """The sets by their names: patterns replaced by what they match, in order of names."""
    from glob import has_magic

    from miua.data.folder import excluding
    from miua.data.reading import EXCLUDED
    from miua.evaluation.image_sets import named_sets

    paths: list[Path] = []
    for each in map(str, given):
        if not each:
            raise MiuaError("--synthetic is empty. Name a folder, a file or a pattern.")
        if Path(each).exists() or not has_magic(each):
            paths.append(Path(each))
            continue
        if not (matches := _matches(each)):
            raise MiuaError(f"Nothing matches the pattern {each}. Check the path.")
        for match in matches:
            if excluding(match.name, EXCLUDED):
                say(f"left out {match}")
            else:
                paths.append(match)
    if names and (len(names) != len(paths) or len(set(names)) < len(names)):
        raise MiuaError(
            f"There are {len(paths)} synthetic sets and {len(set(names))} different names. "
            "Give one --name for each set, or none."
        )
    return dict(zip(names or named_sets(paths), paths, strict=True))


def _matches(pattern: str) -> list[Path]:
    """What a pattern matches, in order of names; a part that is there, such as a folder "sets
    [v2]", stands for itself."""
    from glob import escape, glob

    *parts, last = Path(pattern).parts
    parts.append(f"{last}/" if pattern.endswith("/") else last)  # such a pattern means folders
    found = [Path()]
    for part in parts:
        there = [above / part for above in found if (above / part).exists()]
        # Not Path.glob, which takes no pattern that begins at the root.
        found = there or [
            Path(path)
            for above in found
            for path in glob(os.path.join(escape(str(above)), part))  # noqa: PTH118, PTH207
        ]
    return sorted(found)


def _metrics(given: str | None) -> Sequence[str]:
    from miua.metrics.registry import REGISTRY, STUDY_METRICS

    if given is None or given == "study":
        return STUDY_METRICS if given else list(REGISTRY)
    chosen = [name.strip() for name in given.split(",") if name.strip()]
    unknown = [name for name in chosen if name not in REGISTRY]
    if unknown or not chosen:
        raise MiuaError(
            f"Unknown metric {', '.join(unknown) or '(none given)'}. "
            f"There are {', '.join(REGISTRY)}."
        )
    return chosen


def _check_outputs(
    sets: dict[str, Path], metrics: Sequence[str], inputs: list[Path], outputs: dict[str, Path]
) -> None:
    """Before the work: all that is asked for can be made and written."""
    for name, suffix in (("--lbpv", ".npy"), ("--contact-sheet", ".png")):
        if name in outputs and len(sets) > 1:
            raise MiuaError(f"{name} is of one synthetic set; there are {len(sets)}.")
        if name in outputs and outputs[name].suffix.lower() != suffix:
            raise MiuaError(f"{name} {outputs[name]} must end in {suffix}.")
    if "--contact-sheet" in outputs and "copies" not in metrics:
        raise MiuaError("--contact-sheet needs the metric copies. Add it to --metrics.")
    if "--report" in outputs:
        need("The HTML report", "jinja2", extra="report")
    written = dict(outputs)
    if csv := outputs.get("--csv"):
        if csv.suffix.lower() == ".json":
            raise MiuaError(
                f"--csv {csv} is a table; its provenance goes beside it, as .json. "
                "Give it another suffix, such as .csv."
            )
        written["the provenance beside --csv"] = csv.with_suffix(".json")
    sources = [path.resolve() for path in inputs]
    taken = dict.fromkeys(sources, "an input")
    for name, path in written.items():
        whole = path.resolve()
        if other := taken.get(whole):
            raise MiuaError(
                f"{name} would be {path}, which is {other} already. Give one another name."
            )
        if around := next((each for each in sources if each in whole.parents), None):
            raise MiuaError(f"{name} {path} lies among the images in {around}. Name another place.")
        taken[whole] = name
        _check_writable(name, path)


def _check_writable(name: str, path: Path) -> None:
    above = path.absolute().parent
    while not os.access(above, os.F_OK):  # Path.exists raises below a folder that is closed
        above = above.parent
    if not above.is_dir():
        raise MiuaError(f"{name} {path} cannot be written: {above} is no folder.")
    if not os.access(above, os.W_OK | os.X_OK):
        raise MiuaError(
            f"{name} {path} cannot be written: {above} is not yours to write to. "
            "Name another place."
        )
    if path.is_dir():
        raise MiuaError(f"{name} {path} is a folder. Name a file.")


def _write(
    outputs: dict[str, Path], writers: dict[str, Writer], record: dict[str, Any]
) -> list[Path]:
    """Write what was asked for, and the provenance of table and vector; the paths."""
    from miua.provenance import write_file_provenance

    for name, path in outputs.items():
        writers[name](path)
    if csv := outputs.get("--csv"):
        tables = [outputs[name] for name in ("--csv", "--lbpv") if name in outputs]
        write_file_provenance(csv.with_suffix(".json"), record, tables)
    return list(outputs.values())


def _not_made(folder: Path) -> str:
    """Why a synthetic set has no images, in the words of its provenance; "" if it has."""
    from miua.files import read_json

    path = folder / "provenance.json"
    return str(read_json(path).get("not_made", "")) if path.is_file() else ""


def _write_not_made(name: str, reason: str, outputs: dict[str, Path]) -> list[Path]:
    """The table and the vector of a set without images; MiuaError: others were asked for."""
    import numpy as np

    from miua.files import write_array
    from miua.metrics.records import write_records
    from miua.metrics.registry import LBPV_ELEMENTS, not_computed_records
    from miua.provenance import provenance

    writers: dict[str, Writer] = {
        "--csv": lambda path: write_records(path, not_computed_records(name, reason)),
        "--lbpv": lambda path: write_array(path, np.full(LBPV_ELEMENTS, np.nan)),
    }
    if asked := ", ".join(each for each in outputs if each not in writers):
        raise MiuaError(
            f"The set {name} was not made ({reason}). Of it there are only --csv and --lbpv: "
            f"leave out {asked}."
        )
    record = provenance(inputs={}, settings={"set": name, "not_made": reason})
    return _write(outputs, writers, record)


@takes(reading=options.reading)
def lbpv_command(
    source: options.Source,
    out: Annotated[
        Path, option("The .npy to write, 256 numbers, its provenance beside it (.json).")
    ],
    reading: ReadingOptions,
) -> Path:
    """Write the LBP vector of a set of images."""
    from miua.data import read_stack
    from miua.files import write_array
    from miua.metrics import lbp_vector
    from miua.provenance import provenance, write_file_provenance

    stack = read_stack(source, **vars(reading))
    write_array(out, lbp_vector(stack.images))
    record = provenance(inputs={"images": stack.digest}, settings=reading.settings())
    write_file_provenance(out.with_suffix(".json"), record, [out])
    options.say_read(stack)
    return out


@takes(reading=options.resizing)
def noise_floor_command(
    real: Real,
    out: OutTable,
    reading: ReadingOptions,
    images: Half = None,
    repeats: Annotated[
        int,
        option("Splits of each kind for what costs more; the rest takes 2000 or more.", min=1),
    ] = 100,
    seed: Annotated[int, option("Seed of the splits.", min=0)] = 0,
    inception_weights: options.Weights = None,
    threads: options.Threads = None,
) -> list[Path]:
    """Measure real images against other real images."""
    from miua.analysis.real_images import measure_images, noise_floor_tables

    measured = measure_images(real, reading, images, inception_weights, threads)
    tables = noise_floor_tables(measured, repeats, seed)
    return _write_measured(out, measured, tables, reading, repeats=repeats, seed=seed)


@takes(reading=options.resizing)
def sensitivity_command(
    real: Real,
    out: OutTable,
    reading: ReadingOptions,
    images: Half = None,
    repeats: Annotated[int, option("How many splits.", min=2)] = 20,
    benchmark: Annotated[
        bool, option("All metrics, clinical damages too, detection power, ranking, a figure.")
    ] = False,
    seed: Annotated[int, option("Seed of the splits and the damage.", min=0)] = 0,
    inception_weights: options.Weights = None,
    threads: options.Threads = None,
) -> list[Path]:
    """Measure real images that were damaged in known steps."""
    from miua.analysis.real_images import benchmark_tables, measure_images, sensitivity_tables

    measured = measure_images(real, reading, images, inception_weights, threads)
    tables_of = benchmark_tables if benchmark else sensitivity_tables
    tables = tables_of(measured, repeats, seed)
    paths = _write_measured(out, measured, tables, reading, repeats=repeats, seed=seed)
    if benchmark:
        need("The figure of the benchmark", "matplotlib")
        from miua.charts.damage import write_benchmark

        paths += write_benchmark(tables["-power"], tables["-ranking"], out.parent, out.stem)
    return paths


def _write_measured(
    out: Path, measured: MeasuredImages, tables: Tables, reading: ReadingOptions, **splits: int
) -> list[Path]:
    from miua.provenance import provenance, write_file_provenance
    from miua.study.store import write_table

    paths = [out.with_name(f"{out.stem}{ending}.csv") for ending in tables]
    for path, table in zip(paths, tables.values(), strict=True):
        write_table(path, table)
    settings = {"images": measured.half, **splits, **reading.settings(), "fid": measured.fid_status}
    record = provenance(inputs={"real": measured.digest}, settings=settings)
    write_file_provenance(out.with_suffix(".json"), record, paths)
    options.say_read(measured)
    return paths
