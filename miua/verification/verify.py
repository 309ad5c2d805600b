"""`miua verify`: everything in a results folder that can be computed again, computed again."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from pathlib import Path

from miua import conformance
from miua.errors import MiuaError
from miua.progress import say
from miua.study.store import Results
from miua.verification.comparison import compare_with_expected, expected_of
from miua.verification.file_check import check_files
from miua.verification.finding import Finding, Verification
from miua.verification.guard import guarded
from miua.verification.image_check import check_images
from miua.verification.metric_check import check_metrics
from miua.verification.plan_check import check_plan, made_cells, planned
from miua.verification.table_check import check_tables

KERNELS, EXPECTED = "kernels", "expected"
CHECKS = ("files", "plan", "images", "metrics", "tables", KERNELS, EXPECTED)


def verify(
    folder: Path, study: Path, expected: Path | None = None, only: Collection[str] = CHECKS
) -> Verification:
    """Check a results folder in seven parts; nothing in it is changed, and no part stops another.

    Args:
        folder: a results folder.
        study: the folder that says what the study is.
        expected: the reference distribution to compare with; STUDY/expected/PROFILE if None.
        only: which of CHECKS to do.

    Returns:
        The findings, in the order of CHECKS.

    Raises:
        MiuaError: there is no results folder, study or check to begin with, or `expected` is not
            of the study's plan.
    """
    if unknown := sorted(set(only) - set(CHECKS)):
        raise MiuaError(f"Unknown check {', '.join(unknown)}. There are {', '.join(CHECKS)}.")
    if not only:
        raise MiuaError(f"No check is named. There are {', '.join(CHECKS)}.")
    if not folder.is_dir():
        raise MiuaError(f"There is no folder {folder}, seen from {Path.cwd()}.")
    results = Results.open(folder)
    plan = planned(results, study)
    if expected is not None:
        expected_of(plan.profile, expected, whose=study)
    parts: dict[str, Callable[[Path], Iterable[Finding]]] = {
        "files: hashes and provenance": lambda _: check_files(folder),
        "plan: configurations, checkpoints, seeds": lambda _: check_plan(results, plan),
        "images: phantoms, stacks and synthetic sets, made again": lambda _: check_images(
            results, plan, made_cells(results, plan)
        ),
        "metrics: measured again": lambda scratch: check_metrics(
            results, plan, made_cells(results, plan), scratch
        ),
        "tables: tables, claims, paper and report, made again": partial(
            check_tables, results, study
        ),
        "kernels: the conformance file": lambda _: _kernels(),
        "expected: beside repeated runs": lambda _: _expected(results, study, expected),
    }
    # Reading a pipe waits for ever, and some devices have no end.
    if endless := [path for path in folder.rglob("*") if path.exists() and not _has_an_end(path)]:
        said = "It is a pipe or a device, so nothing was read here. Remove it."
        return Verification(
            tuple(Finding("files", str(path), "failed", said) for path in sorted(endless))
        )
    findings: list[Finding] = []
    for number, (title, find) in enumerate(parts.items(), start=1):
        check = title.partition(":")[0]
        if check not in only:
            continue
        say(f"{number}/{len(parts)} {title}")
        with tempfile.TemporaryDirectory(prefix="miua-verify-") as scratch:
            findings += guarded(check, str(folder), partial(find, Path(scratch)))
    return Verification(tuple(findings))


def _has_an_end(path: Path) -> bool:
    return path.is_file() or path.is_dir()


def _kernels() -> Iterator[Finding]:
    """The installed kernels that measured above, against the results on file."""
    cases = conformance.read_cases()
    for name, found in conformance.failures_of_installed(cases).items():
        for threads, wrong in found.items():
            subject = f"{name}, {threads} threads"
            if wrong:
                said = f"{len(wrong)} of {len(cases)} results are not those on file: {wrong[0]}"
                yield Finding(KERNELS, subject, "failed", f"{said}. Install the package anew.")
            else:
                said = f"All {len(cases)} results are those on file, to the bit."
                yield Finding(KERNELS, subject, "passed", said)


def _expected(results: Results, study: Path, expected: Path | None) -> Iterable[Finding]:
    place = expected or study / EXPECTED / results.plan.profile
    if not (place / "plan.yaml").is_file():
        said = f"There is no {place}, so no number was compared with repeated runs."
        return [Finding(EXPECTED, str(place), "not checked", said)]
    return compare_with_expected(results.folder, place)
