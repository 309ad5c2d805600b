"""The reader study: `miua survey plan`, `miua survey build`, `miua survey score`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from miua.cli import survey_scoring
from miua.cli.evaluating import set_paths
from miua.cli.extras import need
from miua.cli.options import MoreSets, reads_images
from miua.errors import MiuaError
from miua.printable import printable

if TYPE_CHECKING:
    from miua.data import ReadingOptions
    from miua.evaluation.reading import Reading
    from miua.survey.build import Built, Given, StudySize
    from miua.survey.planning import Design, PlanLine
    from miua.survey.words import Words

TITLE = "Real or synthetic ultrasound images?"
SHORT_PLAN = ("minutes", "interval_at_half", "departure", "discriminability", "correlation")

SyntheticImages = Annotated[int, typer.Option(min=1, help="Synthetic images to judge, all sets.")]
RealImages = Annotated[int, typer.Option(min=0, help="Real images to judge.")]
Practice = Annotated[int, typer.Option(min=0, help="Images before those, half of them real.")]
Repeated = Annotated[
    float, typer.Option(min=0, max=0.5, help="Share of them that each reader sees twice.")
]


@reads_images()
def build_command(
    out: Annotated[Path, typer.Option(help="A new folder for the page, the study and the key.")],
    real: Annotated[
        Path | None, typer.Option(help="Real images: a folder, or a .npy, .npz or DICOM file.")
    ] = None,
    synthetic: Annotated[
        list[str] | None,
        typer.Option(help="Synthetic images, the same; several times, or a pattern: 'sets/*'."),
    ] = None,
    more: MoreSets = None,
    results: Annotated[
        Path | None,
        typer.Option(help="A results folder: its real images, and all sets of its grid."),
    ] = None,
    *,
    reading: ReadingOptions,
    synthetic_images: SyntheticImages = 57,
    real_images: RealImages = 11,
    practice: Practice = 4,
    repeated: Repeated = 0.15,
    readers: Annotated[int, typer.Option(min=1, help="Readers: each gets an order.")] = 20,
    title: Annotated[str, typer.Option(help="Of the page. Readers see it.")] = TITLE,
    consent: Annotated[
        Path | None, typer.Option(help="Text that readers agree to, instead of the page's own.")
    ] = None,
    words: Annotated[
        Path | None, typer.Option(help="The page's sentences in another language (.json).")
    ] = None,
    language: Annotated[
        str | None, typer.Option(help="The language of --words, such as de.")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, help="Draws the same study again; random if not given, in the key."),
    ] = None,
) -> None:
    """Make the page that readers judge images on, and its sealed key."""
    for package in ("pydantic", "jinja2", "statsmodels"):
        need(package, "The reader study", extra="survey")
    from miua.evaluation.reading import Reading
    from miua.survey.build import StudySize, build_study, check_place, check_title
    from miua.survey.planning import plan

    check_place(out)
    check_title(title)
    if results is not None and reading.size is not None:
        raise MiuaError(
            "--results shows readers the images that its metrics are of, so they keep their size. "
            "Leave out --size and --fit."
        )
    numbers = StudySize(synthetic_images, real_images, practice, repeated, readers)
    text = _words(words, language, consent)
    given = set_paths(synthetic or [], more or [])
    stacks = _stacks(real, given, results, Reading(**vars(reading)))
    built = build_study(out, stacks, numbers, text, title=title, seed=seed)
    _print_built(built, numbers.readers)
    design = _design(numbers, len(stacks) - 1)
    print(f"\nIf all {numbers.readers} readers answer:")
    print_plan(design, [each for each in plan(design) if each.name in SHORT_PLAN])


def _words(words: Path | None, language: str | None, consent: Path | None) -> Words:
    from miua.survey.words import english, read_words

    if (words is None) != (language is None):
        raise MiuaError("--words and --language go together: a file, and its language.")
    text = english() if words is None or language is None else read_words(words, language)
    if consent is None:
        return text
    try:
        return text.with_consent(consent.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise MiuaError(f"{consent} is not text in UTF-8. Save it as such.") from None


def _stacks(
    real: Path | None, synthetic: Sequence[Path], results: Path | None, reading: Reading
) -> list[Given]:
    """The real images first, then each synthetic set; what was passed over is said."""
    from miua.evaluation.reading import named_sets
    from miua.survey.build import Given
    from miua.survey.design import REAL

    if results is not None:
        if real is not None or synthetic:
            raise MiuaError("--results stands for --real and --synthetic. Leave one or the other.")
        paths = _of_results(results)
    elif real is None or not synthetic:
        raise MiuaError("Name the images: --real and --synthetic, or --results.")
    else:
        sets = named_sets(list(synthetic))
        paths = {REAL: real} | {name: Path(str(path)) for name, path in sets.items()}
    found = []
    for name, path in paths.items():
        stack, source = reading.read(path, name)
        for note in (
            *source.notes,
            *(f"left out {each.name}: {each.reason}" for each in source.skipped),
        ):
            print(printable(f"{path}: {note}"))
        found.append(Given(name, str(path), stack))
    return found


def _of_results(folder: Path) -> dict[str, Path]:
    """The stacks of a results folder; a set that was not made is said to be left out."""
    from miua.study.store import Results
    from miua.survey.design import REAL

    results = Results.open(folder)
    paths = {REAL: results.reference_stack}
    for chosen in results.sets:
        stack = results.set_stack(chosen.set)
        if stack.is_file():
            paths[chosen.set] = stack
        else:
            print(printable(f"{chosen.set} is left out: there is no {stack}."))
    if len(paths) < 2:
        raise MiuaError(f"{folder} holds no synthetic sets. Run the study first.")
    return paths


def _print_built(built: Built, readers: int) -> None:
    from miua.survey.design import REAL
    from miua.survey.records import KEY_FILE, PAGE_FILE

    sets = [count for name, count in built.counts.items() if name != REAL]
    print(
        f"{built.counts[REAL]} real images, and {sum(sets)} synthetic ones of {len(sets)} "
        f"{'set' if len(sets) == 1 else 'sets'}."
    )
    for note in built.notes:
        print(f"Note: {note}")
    print(f"study {built.study_sha256}")
    print(
        f"{built.folder / PAGE_FILE}: for readers 1 to {readers}, {built.page_bytes / 1e6:.1f} MB"
    )
    print(f"{built.folder / KEY_FILE}: keep it closed until all answers are in")


def plan_command(
    synthetic_images: SyntheticImages = 57,
    real_images: RealImages = 11,
    practice: Practice = 4,
    repeated: Repeated = 0.15,
    readers: Annotated[int, typer.Option(min=1, help="Readers.")] = 3,
    sets: Annotated[int, typer.Option(min=1, help="Synthetic sets.")] = 20,
    seconds: Annotated[float, typer.Option(min=1, help="That a reader takes for an image.")] = 12,
    image_correlation: Annotated[
        float, typer.Option(min=0, max=1, help="Of two readers' answers to one image.")
    ] = 0.2,
    detect: Annotated[
        float | None,
        typer.Option(help="Say how many images tell this share called real from 0.5."),
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Write all numbers here.")] = None,
) -> None:
    """Say what a reader study of this size can find."""
    for package in ("pydantic", "statsmodels"):
        need(package, "The reader study", extra="survey")
    from dataclasses import asdict, replace

    from miua.survey.build import StudySize, check_sets
    from miua.survey.planning import plan

    if detect is not None and not (0 < detect < 1 and detect != 0.5):
        raise MiuaError(f"--detect is a share between 0 and 1 other than 0.5, not {detect:g}.")
    if not math.isfinite(seconds):
        raise MiuaError(f"--seconds is a number of seconds, not {seconds:g}.")
    numbers = StudySize(synthetic_images, real_images, practice, repeated, readers)
    check_sets(numbers, sets)
    design = replace(_design(numbers, sets), seconds=seconds, image_correlation=image_correlation)
    findings = plan(design, detect)
    print_plan(design, findings)
    if json is not None:
        from miua.files import write_json

        document = {"schema": 1, "design": asdict(design), "findings": list(map(asdict, findings))}
        write_json(json, document, sort_keys=False)
        print(json)


def _design(numbers: StudySize, sets: int) -> Design:
    from miua.survey.planning import Design

    return Design(
        synthetic=numbers.synthetic,
        real=numbers.real,
        readers=numbers.readers,
        repeats=numbers.repeats,
        practice=numbers.practice,
        sets=sets,
    )


def print_plan(design: Design, lines: Sequence[PlanLine]) -> None:
    """A line for each thing that can be found, and what it rests on."""
    from rich.console import Console
    from rich.table import Table

    from miua.survey.planning import ALPHA, POWER

    who = "One reader" if design.readers == 1 else f"Each of {design.readers} readers"
    console = Console(highlight=False, markup=False, emoji=False)
    console.print(
        f"{who} judges {design.synthetic} synthetic and {design.real} "
        f"real images, {design.repeats} of them twice.",
        soft_wrap=True,
    )
    together = f"all {design.readers}" if design.readers > 1 else "all"
    table = Table("", "one reader", together, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in table.columns[1:]:
        column.justify = "right"
        column.no_wrap = True
    for each in lines:
        table.add_row(each.words, _in_words(each, each.one), _in_words(each, each.all))
    console.print(table)
    together = (
        f" Two readers' answers to one image are taken to correlate by "
        f"{design.image_correlation:g}, so {design.readers * design.synthetic} answers of all "
        f"readers to synthetic images count as {design.effective(design.synthetic)}."
    )
    console.print(
        f'"Is found" means: with a chance of {100 * POWER:g} % at the {100 * ALPHA:g} % level.'
        f"{together if design.readers > 1 else ''} {_images_of_sets(design)}",
        soft_wrap=True,
    )
    if any(each.one is None or each.all is None for each in lines):
        console.print(
            "-: no such number; or the study is too small for one, or too large to compute it.",
            soft_wrap=True,
        )


def _images_of_sets(design: Design) -> str:
    least, more = divmod(design.synthetic, design.sets)
    images = f"{least} to {least + 1}" if more else f"{least}"
    few = ", and of fewer than 3 a set's score has no interval" if least < 3 else ""
    return f"Of each set {images} images are judged{few}."


# How a number of each kind is written.
_FORMS = {
    "minutes": "{:.0f}",
    "count": "{:.0f}",
    "share": "{:.1%}",
    "half-width": "± {:.2f}",
    "number": "{:.2f}",
}


def _in_words(line: PlanLine, value: tuple[float, ...] | None) -> str:
    if value is None:
        return "-"
    if line.kind == "interval":
        return f"{100 * value[0]:.1f} to {100 * value[1]:.1f} %"
    return _FORMS[line.kind].format(value[0]).replace("%", " points")


# In the order the work happens.
COMMANDS: dict[str, Callable[..., None]] = {
    "plan": plan_command,
    "build": build_command,
    "score": survey_scoring.score_command,
}

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def options() -> None:
    """Let people tell real from synthetic images."""


for name, command in COMMANDS.items():
    app.command(name)(command)
