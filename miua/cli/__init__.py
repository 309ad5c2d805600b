"""The command `miua`: each step of the study, alone, on folders a person can look into.

A module here holds the commands of one stage and what they print; `COMMANDS` lists them all.
Commands import what they work with when they are called: help is there at once, without torch.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Annotated

import typer

import miua
from miua.cli import (
    checking,
    environment,
    evaluating,
    images,
    measuring,
    study,
    survey,
    training,
    verifying,
)
from miua.cli.extras import STUDY_PACKAGES
from miua.errors import MissingExtraError, MiuaError
from miua.printable import printable

INTERRUPTED = 130  # the exit status that typer gives to Ctrl-C

# In the order the work happens; `miua --help` shows them in it.
COMMANDS: dict[str, Callable[..., None]] = {
    "fetch": images.fetch_command,
    "phantom": images.phantom_command,
    "stack": images.stack_command,
    "train-config": training.train_config_command,
    "train": training.train_command,
    "generate": training.generate_command,
    "evaluate": evaluating.evaluate_command,
    "lbpv": measuring.lbpv_command,
    "noise-floor": measuring.noise_floor_command,
    "sensitivity": measuring.sensitivity_command,
    "conformance": checking.conformance_command,
    "env": environment.env_command,
    "collect": study.collect_command,
    "clinician": study.clinician_command,
    "analyse": study.analyse_command,
    "readers": study.readers_command,
    "claims": study.claims_command,
    "figures": study.figures_command,
    "report": study.report_command,
    "paper": study.paper_command,
    "trace": study.trace_command,
    "repeat": study.repeat_command,
    "expected": study.expected_command,
    "manifest": verifying.manifest_command,
    "verify": verifying.verify_command,
    "reproduce": study.reproduce_command,
    "experiment": study.experiment_command,
}

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for name, command in COMMANDS.items():
    app.command(name, cls=evaluating.WithMetricNames if name == "evaluate" else None)(command)
app.add_typer(survey.app, name="survey")


def _print_version(asked: bool) -> None:
    if asked:
        print(miua.__version__)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and end."
        ),
    ] = False,
) -> None:
    """Rerun a study of synthetic fetal head ultrasound images, and measure your own."""


def main() -> None:
    """Run the command line; a MiuaError is one message, not a traceback."""
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
        if os.environ.get("MIUA_TRACEBACK") or error.filename is None:
            raise
        sys.exit(f"miua: {printable(str(error.filename))}: {error.strerror}.")
    except SystemExit as stop:
        if stop.code == INTERRUPTED:
            print("miua: interrupted. The same command goes on or starts again.", file=sys.stderr)
        raise
