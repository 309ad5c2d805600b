"""Whether results and this installation are sound: `manifest`, `verify`, `conformance`, `env`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from miua.cli import options
from miua.cli.declaring import need, option, takes
from miua.cli.options import STUDY, Results, Study
from miua.errors import MiuaError
from miua.wording import counted, listed, printable

if TYPE_CHECKING:
    from rich.text import Text

    from miua.data import ReadingOptions
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
    if json is not None:
        document = {
            "schema": 1,
            "results": str(results),
            "ok": verification.ok,
            "counts": verification.counts(),
            "findings": [asdict(finding) for finding in verification.findings],
        }
        write_json(json, document, sort_keys=False)
    print_verification(verification)
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
    rest = f" {counted(left, 'finding is', 'findings are')} open, as said above."
    return f"Nothing is wrong in {of}.{rest if left else ''}"


@takes(reading=options.reading)
def conformance_command(
    images: Annotated[
        Path | None, option("Compare others on these; on phantoms if not given.")
    ] = None,
    runner: Annotated[
        str | None, option("Check this kernel_runner, not what is installed.")
    ] = None,
    *,
    reading: ReadingOptions,
) -> None:
    """Check the kernels bit for bit; show where others differ."""
    import shlex

    from miua import conformance

    cases = conformance.read_cases()
    if runner:
        kernels = conformance.runner(shlex.split(runner))
        found = {runner: conformance.failures_by_threads(cases, kernels)}
    else:
        checked = conformance.failures_of_installed(cases)
        found = {f"installed, {name}": failed for name, failed in checked.items()}
    for name, by_threads in found.items():
        for threads, wrong in by_threads.items():
            if wrong:
                first = "".join(f"\n  {case}" for case in wrong[:10])
                raise MiuaError(
                    f"{name}, {threads} threads: {len(wrong)} of {len(cases)} results are not "
                    f"those on file. Do not trust this build. The first:{first}"
                )
        agree = f"{name}: all {len(cases)} results are those on file"
        print(f"{agree}, with {listed(by_threads)} threads")
    if not runner:
        _print_peers(images, reading)


def _print_peers(images: Path | None, reading: ReadingOptions) -> None:
    from miua.cli.terminal import print_in_full, table, terminal
    from miua.peers import compare, phantoms, stacks_of

    compared = compare(phantoms() if images is None else stacks_of(images, reading))
    if not compared.rows:
        missing = listed(compared.absent)
        print(f"No other library is installed to compare with: {missing} are missing.")
        return
    kind = "phantoms" if images is None else "images"
    height, width = next(iter(compared.sizes))
    of = f"{width} x {height}" if len(compared.sizes) == 1 else f"{len(compared.sizes)} sizes"
    title = f"Pixels that others code or count otherwise: {compared.images} {kind} of {of}"
    head = ("library", "what", "pixels", "share", "remark")
    rows = (
        (row.peer, row.what, f"{row.pixels:,}", f"{100 * row.pixels / row.of:.4f} %", row.remark)
        for row in compared.rows
    )
    console = terminal()
    console.print(title)
    print_in_full(console, table(head, rows, left=("what", "remark")))
    if compared.absent:
        print(f"Not installed, so not compared: {', '.join(compared.absent)}")


def env_command(
    json: Annotated[bool, option("Print JSON, for machines.", "--json")] = False,
) -> None:
    """Print what a bug report needs: versions, machine, settings."""
    from json import dumps

    from miua.environment import environment

    found = environment()
    if json:
        print(dumps(found, indent=2))
        return
    lines = [line for line in _lines(found) if line[1]]
    width = max(len(name) for name, _ in lines)
    for name, text in lines:
        print(f"{name:{width}}  {text}")


def _lines(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Names and what stands behind them; a name is empty where the line before goes on."""
    code, python, system, hardware = (
        found[name] for name in ("miua", "python", "system", "hardware")
    )
    yield "miua", f"{code['version'] or 'not installed'}, in {code['folder']}"
    changes = ", with uncommitted changes" if code["uncommitted_changes"] else ""
    yield "commit", f"{code['commit']}{changes}" if code["commit"] else "not known: no checkout"
    yield "Python", f"{python['implementation']} {python['version']}, {python['program']}"
    yield "system", f"{system['name']} ({system['kernel']})"
    yield "container", system["container"] or "no"
    model = f"{hardware['processor']} ({hardware['architecture']})"
    yield "processor", f"{model}, {hardware['cores']} cores to use"
    yield "memory", f"{hardware['memory_bytes'] / 1e9:.1f} GB"
    yield "GPU", ", ".join(map(_gpu, hardware["gpus"])) or "none"
    kernels = found["kernels"]["instruction_sets"]
    yield "kernels", f"{found['kernels']['forced'] or kernels[-1]}, of {', '.join(kernels)}"
    for number, pool in enumerate(found["thread_pools"]):
        words = filter(None, (pool["library"], pool["version"], pool["architecture"]))
        threads = counted(pool["num_threads"], "thread")
        yield "" if number else "libraries", f"{pool['user_api']}: {' '.join(words)}, {threads}"
    yield "torch", _torch(found["torch"])
    missing = {
        name: f" (missing: {', '.join(of)})" if of else "" for name, of in found["extras"].items()
    }
    yield "extras", "; ".join(f"{name}{told}" for name, told in missing.items())
    versions = (f"{name} {version or '(missing)'}" for name, version in found["packages"].items())
    yield "packages", ", ".join(versions)
    yield from _lock(found["lock"])
    yield "LaTeX", found["latex"] or "none"
    yield "Slurm", found["slurm"] or "none"
    data = found["data_folder"]
    made = "" if data["exists"] else " (not made yet)"
    yield "data", f"{data['path']}, {data['free_bytes'] / 1e9:.1f} GB free{made}"
    variables = (f"{name}={value}" for name, value in found["variables"].items())
    yield "variables", ", ".join(variables) or "none"


def _gpu(gpu: dict[str, Any]) -> str:
    memory = f", {gpu['memory_bytes'] / 1e9:.1f} GB" if gpu["memory_bytes"] else ""
    return f"{gpu['name']}{memory}, driver {gpu['driver']}"


def _torch(found: dict[str, Any] | None) -> str:
    if found is None:
        return "not installed"
    cuda = f"built for CUDA {found['cuda_of_build']}" if found["cuda_of_build"] else "without CUDA"
    seen = ", ".join(found["gpus"]) or "none" if found["cuda_available"] else "no GPU"
    return f"{found['version']}, {cuda}, sees {seen}, {found['threads']} threads"


def _lock(lock: dict[str, Any] | None) -> Iterator[tuple[str, str]]:
    if lock is None:
        yield "lock", "none: installed without requirements.lock"
        return
    different, missing = lock["differ"], lock["missing"]
    if different or missing:
        yield "lock", f"{len(different)} packages of other versions, {len(missing)} not installed"
    else:
        yield "lock", f"every package as in {lock['file']}"
    for each in different:
        yield "", f"{each['package']} {each['installed']} (locked: {each['locked']})"
    if missing:
        yield "", f"not installed: {', '.join(missing)}"
