"""Whether results are what they say: `miua manifest`, `miua verify`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from miua.cli.declaring import need, option
from miua.cli.options import STUDY, Results, Study
from miua.errors import MiuaError
from miua.printable import printable
from miua.wording import counted

if TYPE_CHECKING:
    from rich.text import Text

    from miua.study.finding import Finding, Verification

SHOWN = 20  # findings of one verdict that are named; --json has all of them
STYLES = {"failed": "red", "outside": "red", "undecided": "yellow", "not checked": "yellow"}


def manifest_command(
    results: Results,
    signed_off_by: Annotated[
        str | None, option('Who vouches for these results: "Name <mail>".')
    ] = None,
) -> None:
    """List every file by its SHA-256, and sign off."""
    from miua.files import sha256_file
    from miua.study.manifest import read_manifest, sign_off, write_manifest

    path = write_manifest(results, signed_off_by)
    manifest = read_manifest(results)
    print(f"{path}: {len(manifest['files'])} files; {printable(sign_off(manifest))}")
    print(f"sha256 {sha256_file(path)}")


def verify_command(
    results: Results,
    expected: Annotated[
        Path | None, option("Numbers of repeated runs; STUDY/expected/PROFILE if not given.")
    ] = None,
    study: Study = STUDY,
    only: Annotated[
        str | None, option("Only these checks, with commas between: files,plan.")
    ] = None,
    strict: Annotated[
        bool, option("What cannot be checked or decided here is wrong, too.", "--strict")
    ] = False,
    json: Annotated[Path | None, option("Write all findings here.")] = None,
) -> None:
    """Compute results again and compare; status 1 if wrong."""
    need("Verifying", "torch")
    from miua.files import write_json
    from miua.locked_packages import lock_warning
    from miua.progress import say
    from miua.study.check import CHECKS, verify

    if json is not None:
        _check_place(json, results)
    if warning := lock_warning():
        say(warning)
    chosen = CHECKS if only is None else [name.strip() for name in only.split(",") if name.strip()]
    verification = verify(results, study, expected, chosen)
    print_verification(verification)
    if json is not None:
        document = {
            "schema": 1,
            "results": str(results),
            "ok": verification.ok,
            "counts": verification.counts(),
            "findings": [asdict(finding) for finding in verification.findings],
        }
        write_json(json, document, sort_keys=False)
    left = sum(finding.open for finding in verification.findings)
    if strict and left:
        print(f"--strict: what was not checked, or left undecided, counts as wrong ({left}).")
    if not verification.ok or (strict and left):
        raise typer.Exit(1)


def _check_place(json: Path, results: Path) -> None:
    """Refuse a place for --json before minutes of work, and one that would break the manifest."""
    if json.is_dir() or not json.name:
        raise MiuaError(f"--json {json} is a folder. Name a file.")
    if json.resolve().is_relative_to(results.resolve()):
        raise MiuaError(
            f"--json {json} lies in the results, which stay as they are. Name another place."
        )


def print_verification(verification: Verification) -> None:
    """A line a check, then what is wrong or undecided by name, then one sentence."""
    from miua.cli.terminal import table, terminal

    console = terminal()
    verdicts = list(verification.counts())
    counts = {check: verification.counts(check) for check in verification.checks}
    rows = (
        [check, *(str(of.get(verdict, "")) for verdict in verdicts)] for check, of in counts.items()
    )
    console.print(table(["check", *verdicts], rows))
    for verdict in ("failed", "outside", "undecided", "not checked"):
        named = verification.of(verdict)
        for finding in named[:SHOWN]:
            console.print(_line(finding), soft_wrap=True)
        if len(named) > SHOWN:
            console.print(f"... and {len(named) - SHOWN} more {verdict}: --json FILE names all.")
    console.print(f"\n{_sentence(verification)}", soft_wrap=True)


def _line(finding: Finding) -> Text:
    from rich.text import Text

    return Text.assemble(
        (finding.verdict, STYLES.get(finding.verdict, "")),
        printable(f"  {finding.check}: {finding.subject}: {finding.detail}"),
    )


def _sentence(verification: Verification) -> str:
    from miua.study.finding import BAD

    of = counted(len(verification.findings), "finding")
    if bad := len(verification.of(*BAD)):
        return (
            f"Do not trust these results as they are: {bad} of {of} "
            f"{'is' if bad == 1 else 'are'} bad. The lines above say where and what to do."
        )
    left = len(verification.of("not checked", "undecided"))
    rest = f" {counted(left, 'finding')} {'is' if left == 1 else 'are'} open, as said above."
    return f"Nothing is wrong in {of}.{rest if left else ''}"
