"""The command `miua`: each step of the study, alone, on folders a person can look into.

A module here holds the commands of one stage and what they print; `COMMANDS` lists them all.
Commands import what they work with when they are called: help is there at once, without torch.
"""

import os
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

import miua
from miua.cli import evaluating, making, study, survey, verifying
from miua.cli.declaring import STUDY_PACKAGES, option
from miua.cli.output import keep_words, lost_words
from miua.errors import MissingExtraError, MiuaError
from miua.wording import printable

INTERRUPTED = 130  # the exit status that typer gives to Ctrl-C

# A module holds its commands in the order the work happens; `miua --help` shows them in it.
COMMANDS: dict[str, Callable[..., Any]] = {
    name.removesuffix("_command").replace("_", "-"): command
    for module in (making, evaluating, study, verifying)
    for name, command in vars(module).items()
    if name.endswith("_command")
}


def _print_result(result: Any, **_: Any) -> None:
    """Print what a command returns, such as the paths that it wrote, one a line."""
    if result is not None:
        for each in result if isinstance(result, list) else [result]:
            print(each)


app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    result_callback=_print_result,
)
for name, command in COMMANDS.items():
    app.command(name, cls=evaluating.WithMetricNames if name == "evaluate" else None)(command)
app.add_typer(survey.app, name="survey")


def _print_version(asked: bool) -> None:
    if asked:
        print(miua.__version__)
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        option("Print the version and end.", "--version", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    """Rerun a study of synthetic fetal head ultrasound images, and measure your own."""


def main() -> None:
    """Run the command line; a MiuaError is one message, not a traceback."""
    keep_words()
    try:
        _run()
    except SystemExit as stop:
        if lost := lost_words():
            print(f"miua: {lost}", file=sys.stderr)
            sys.exit(stop.code or 1)
        raise


def _run() -> None:
    try:
        app(prog_name="miua")
    except MiuaError as error:
        if os.environ.get("MIUA_TRACEBACK"):
            raise
        sys.exit(f"miua: {printable(str(error))}")
    except ModuleNotFoundError as error:
        package = (error.name or "").split(".")[0]
        if os.environ.get("MIUA_TRACEBACK") or package not in STUDY_PACKAGES:
            raise
        sys.exit(f"miua: {MissingExtraError('This command', package)}")
    except OSError as error:
        if os.environ.get("MIUA_TRACEBACK"):
            raise
        file = "" if error.filename is None else f"{printable(str(error.filename))}: "
        sys.exit(f"miua: {file}{error.strerror or str(error) or type(error).__name__}.")
    except SystemExit as stop:
        if stop.code == INTERRUPTED:
            print("miua: interrupted. The same command goes on or starts again.", file=sys.stderr)
        raise
