"""The reader study: `miua survey plan`, `miua survey build`, `miua survey score`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from miua.cli import survey_scoring
from miua.cli.declaring import need, option, takes
from miua.cli.evaluating import set_paths
from miua.cli.options import REAL_IMAGES, SETS, MoreSets, read_lines, reading
from miua.errors import MiuaError
from miua.wording import counted, printable

if TYPE_CHECKING:
    from miua.data import ReadingOptions
    from miua.evaluation.image_sets import Reading
    from miua.survey.build import Built, Given
    from miua.survey.planning import Design, PlanLine
    from miua.survey.words import Words

TITLE = "Real or synthetic ultrasound images?"
SHORT_PLAN = ("minutes", "interval_at_half", "departure", "discriminability", "correlation")


def _judged(
    synthetic_images: Annotated[int, option("Synthetic images to judge, all sets.", min=1)] = 57,
    real_images: Annotated[int, option("Real images to judge.", min=0)] = 11,
    practice: Annotated[int, option("Images before those, half of them real.", min=0)] = 4,
    repeated: Annotated[
        float, option("Share of them that each reader sees twice.", min=0, max=0.5)
    ] = 0.15,
) -> tuple[int, int, int, float]:
    """The first four numbers of a Design: images to judge, practice, and the share seen twice."""
    return synthetic_images, real_images, practice, repeated


@takes(reading=reading, judged=_judged)
def build_command(
    out: Annotated[Path, option("A new folder for the page, the study and the key.")],
    real: Annotated[Path | None, REAL_IMAGES] = None,
    synthetic: Annotated[list[str] | None, SETS] = None,
    more: MoreSets = None,
    results: Annotated[
        Path | None, option("A results folder: its real images, and all sets of its grid.")
    ] = None,
    *,
    reading: ReadingOptions,
    judged: tuple[int, int, int, float],
    readers: Annotated[int, option("Readers: each gets an order.", min=1)] = 20,
    title: Annotated[str, option("Of the page. Readers see it.")] = TITLE,
    consent: Annotated[
        Path | None, option("Text that readers agree to, instead of the page's own.")
    ] = None,
    words: Annotated[
        Path | None, option("The page's sentences in another language (.json).")
    ] = None,
    language: Annotated[str | None, option("The language of --words, such as de.")] = None,
    seed: Annotated[
        int | None, option("Draws the same study again; random if not given, in the key.", min=0)
    ] = None,
) -> None:
    """Make the page that readers judge images on, and its sealed key."""
    need("The reader study", "pydantic", "jinja2", "statsmodels", extra="survey")
    from miua.evaluation.image_sets import Reading
    from miua.survey.build import build_study, check_asked
    from miua.survey.planning import Design, plan

    check_asked(out, title)
    if results is not None and reading.size is not None:
        raise MiuaError(
            "--results shows readers the images that its metrics are of, so they keep their size. "
            "Leave out --size and --fit."
        )
    design = Design(*judged, readers)
    text = _words(words, language, consent)
    given: list[str | Path] = [*(synthetic or []), *(more or [])]
    stacks, notes = _stacks(real, given, results, Reading(**vars(reading)))
    built = build_study(out, stacks, design, text, title=title, seed=seed)
    for note in notes:
        print(printable(note))
    _print_built(built, readers)
    design = replace(design, sets=len(stacks) - 1)
    print(f"\nIf all {readers} readers answer:")
    print_plan(design, [each for each in plan(design) if each.name in SHORT_PLAN])


def _words(words: Path | None, language: str | None, consent: Path | None) -> Words:
    from miua.survey.words import english, read_words

    if (words is None) != (language is None):
        raise MiuaError("--words and --language go together: a file, and its language.")
    text = english() if words is None or language is None else read_words(words, language)
    if consent is None:
        return text
    try:
        return text.with_consent(consent.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        raise MiuaError(f"{consent} is not text in UTF-8. Save it as such.") from None


def _stacks(
    real: Path | None, synthetic: Sequence[str | Path], results: Path | None, reading: Reading
) -> tuple[list[Given], list[str]]:
    """The real images first, then each synthetic set; and what was passed over, in words."""
    from miua.survey.build import Given
    from miua.survey.design import REAL

    if results is not None:
        if real is not None or synthetic:
            raise MiuaError("--results stands for --real and --synthetic. Leave one or the other.")
        paths, notes = _of_results(results)
    elif real is None or not synthetic:
        raise MiuaError("Name the images: --real and --synthetic, or --results.")
    else:
        paths, notes = {REAL: real, **set_paths(synthetic)}, []
    found = []
    for name, path in paths.items():
        stack, source = reading.read(path, name)
        notes += [f"{path}: {note}" for note in read_lines(source)]
        found.append(Given(name, str(path), stack))
    return found, notes


def _of_results(folder: Path) -> tuple[dict[str, Path], list[str]]:
    """The stacks of a results folder, and which sets are left out because they were not made."""
    from miua.study.store import Results
    from miua.survey.design import REAL

    results = Results.open(folder)
    paths, notes = {REAL: results.reference_stack}, []
    for chosen in results.sets:
        stack = results.set_stack(chosen.set)
        if stack.is_file():
            paths[chosen.set] = stack
        else:
            notes.append(f"{chosen.set} is left out: there is no {stack}.")
    if len(paths) < 2:
        raise MiuaError(f"{folder} holds no synthetic sets. Run the study first.")
    return paths, notes


def _print_built(built: Built, readers: int) -> None:
    from miua.survey.design import REAL
    from miua.survey.study_files import KEY_FILE, PAGE_FILE

    sets = [count for name, count in built.counts.items() if name != REAL]
    of = counted(len(sets), "set")
    print(f"{built.counts[REAL]} real images, and {sum(sets)} synthetic ones of {of}.")
    for note in built.notes:
        print(f"Note: {note}")
    print(f"study {built.study_sha256}")
    size = f"{built.page_bytes / 1e6:.1f} MB"
    print(f"{built.folder / PAGE_FILE}: for readers 1 to {readers}, {size}")
    print(f"{built.folder / KEY_FILE}: keep it closed until all answers are in")


@takes(judged=_judged)
def plan_command(
    judged: tuple[int, int, int, float],
    readers: Annotated[int, option("Readers.", min=1)] = 3,
    sets: Annotated[int, option("Synthetic sets.", min=1)] = 20,
    seconds: Annotated[float, option("That a reader takes for an image.", min=1)] = 12,
    image_correlation: Annotated[
        float, option("Of two readers' answers to one image.", min=0, max=1)
    ] = 0.2,
    detect: Annotated[
        float | None, option("Say how many images tell this share called real from 0.5.")
    ] = None,
    json: Annotated[Path | None, option("Write all numbers here.")] = None,
) -> None:
    """Say what a reader study of this size can find."""
    need("The reader study", "pydantic", "statsmodels", extra="survey")
    from miua.survey.planning import Design, plan

    if detect is not None and not (0 < detect < 1 and detect != 0.5):
        raise MiuaError(f"--detect is a share between 0 and 1 other than 0.5, not {detect:g}.")
    if not math.isfinite(seconds):
        raise MiuaError(f"--seconds is a number of seconds, not {seconds:g}.")
    design = Design(*judged, readers, sets, seconds, image_correlation)
    findings = plan(design, detect)
    if json is not None:
        from miua.files import write_json

        numbers = ("synthetic", "real", "readers", "repeats", "practice", "sets", "seconds")
        written = {name: getattr(design, name) for name in (*numbers, "image_correlation")}
        found = [each._asdict() for each in findings]
        document = {"schema": 1, "design": written, "findings": found}
        write_json(json, document, sort_keys=False)
    print_plan(design, findings)
    if json is not None:
        print(json)


def print_plan(design: Design, lines: Sequence[PlanLine]) -> None:
    """A line for each thing that can be found, and what it rests on."""
    from miua.cli.terminal import table, terminal
    from miua.survey.planning import ALPHA, POWER

    several = design.readers > 1
    who = f"Each of {design.readers} readers" if several else "One reader"
    console = terminal()
    console.print(
        f"{who} judges {design.synthetic} synthetic and {design.real} "
        f"real images, {design.repeats} of them twice.",
        soft_wrap=True,
    )
    head = ("", "one reader", f"all {design.readers}" if several else "all")
    rows = ((each.words, _in_words(each, each.one), _in_words(each, each.all)) for each in lines)
    console.print(table(head, rows))
    least, more = divmod(design.synthetic, design.sets)
    images = f"{least} to {least + 1}" if more else f"{least}"
    few = ", and of fewer than 3 a set's score has no interval" if least < 3 else ""
    together = (
        f" Two readers' answers to one image are taken to correlate by "
        f"{design.image_correlation:g}, so {design.readers * design.synthetic} answers of all "
        f"readers to synthetic images count as {design.effective(design.synthetic)}."
    )
    console.print(
        f'"Is found" means: with a chance of {100 * POWER:g} % at the {100 * ALPHA:g} % level.'
        f"{together if several else ''} Of each set {images} images are judged{few}.",
        soft_wrap=True,
    )
    if any(each.one is None or each.all is None for each in lines):
        console.print(
            "-: no such number; or the study is too small for one, or too large to compute it.",
            soft_wrap=True,
        )


# How a number of each kind is written; shares in per cent.
_FORMS = {
    **{"minutes": "{:.0f}", "count": "{:.0f}", "number": "{:.2f}", "half-width": "± {:.2f}"},
    **{"share": "{:.1f} points", "interval": "{:.1f} to {:.1f} %"},
}


def _in_words(line: PlanLine, value: tuple[float, ...] | None) -> str:
    if value is None:
        return "-"
    times = 100 if line.kind in ("share", "interval") else 1
    return _FORMS[line.kind].format(*(times * each for each in value))


app = typer.Typer(
    help="Let people tell real from synthetic images.", no_args_is_help=True, rich_markup_mode=None
)
app.command("plan")(plan_command)
app.command("build")(build_command)
app.command("score")(survey_scoring.score_command)
