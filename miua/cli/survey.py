"""The reader study: `miua survey plan`, `miua survey build`, `miua survey score`."""

from __future__ import annotations

from collections.abc import Callable

import typer

from miua.cli import survey_scoring

# In the order the work happens.
COMMANDS: dict[str, Callable[..., None]] = {
    "score": survey_scoring.score_command,
}

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def options() -> None:
    """Let people tell real from synthetic images."""


for name, command in COMMANDS.items():
    app.command(name)(command)
