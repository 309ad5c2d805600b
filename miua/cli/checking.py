"""Whether the kernels compute what they must: `miua conformance`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from miua.errors import MiuaError

if TYPE_CHECKING:
    from miua.conformance import Case


def conformance_command(
    images: Annotated[
        Path | None, typer.Option(help="Compare others on these; on phantoms if not given.")
    ] = None,
    size: Annotated[
        int | None, typer.Option(min=2, help="Resize the images to this square; not if not given.")
    ] = None,
    runner: Annotated[
        str | None,
        typer.Option(help="Check this kernel_runner, not what is installed."),
    ] = None,
) -> None:
    """Check the kernels bit for bit; show where others differ."""
    import shlex

    from miua import conformance

    cases = conformance.read_cases()
    if runner:
        found = conformance.failures_by_threads(cases, conformance.runner(shlex.split(runner)))
        _check_conformance(runner, len(cases), found)
        return
    for name, found in conformance.failures_of_installed(cases).items():
        _check_conformance(f"installed, {name}", len(cases), found)
    _print_peers(images, size)


def _check_conformance(name: str, cases: int, found: dict[int, list[Case]]) -> None:
    """One line if no case failed. found: those that did, by the number of threads."""
    for threads, wrong in found.items():
        if wrong:
            listed = "".join(f"\n  {case}" for case in wrong[:10])
            raise MiuaError(
                f"{name}, {threads} threads: {len(wrong)} of {cases} results are not those "
                f"on file. Do not trust this build. The first:{listed}"
            )
    *first, last = found
    numbers = f"{', '.join(map(str, first))} and {last}"
    print(f"{name}: all {cases} results are those on file, with {numbers} threads")


def _print_peers(images: Path | None, size: int | None) -> None:
    from rich.console import Console
    from rich.table import Table

    from miua.peers import compare, phantoms, stacks_of

    compared = compare(phantoms() if images is None else stacks_of(images, size))
    kind = "phantoms" if images is None else "images"
    height, width = next(iter(compared.sizes))
    of = f"{width} x {height}" if len(compared.sizes) == 1 else f"{len(compared.sizes)} sizes"
    table = Table(
        title=f"Pixels that others code or count otherwise: {compared.images} {kind} of {of}",
        title_justify="left",
    )
    for column in ("library", "what", "pixels", "share", "remark"):
        table.add_column(column, justify="right" if column in ("pixels", "share") else "left")
    for row in compared.rows:
        share = f"{100 * row.pixels / row.of:.4f} %"
        table.add_row(row.peer, row.what, f"{row.pixels:,}", share, row.remark)
    Console().print(table)
    if compared.absent:
        print(f"Not installed, so not compared: {', '.join(compared.absent)}")
