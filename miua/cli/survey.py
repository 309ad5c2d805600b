"""The reader study: `miua survey plan`, `miua survey build`."""

from __future__ import annotations

from collections.abc import Callable

import typer

# In the order the work happens.
COMMANDS: dict[str, Callable[..., None]] = {}

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def options() -> None:
    """Let people tell real from synthetic images."""


for name, command in COMMANDS.items():
    app.command(name)(command)
