"""Where the steps of the study run: on this machine, or on a cluster through a Snakemake plugin."""

from __future__ import annotations

import subprocess
from importlib.util import find_spec
from pathlib import Path

from miua.config import read_yaml
from miua.errors import MiuaError

LOCAL = "local"
SETTINGS = "config.yaml"  # a Snakemake profile; Snakemake looks for this name


def find_executor(wanted: str, study: Path) -> Path | None:
    """The folder of an executor's settings; None for this machine.

    Args:
        wanted: "local", a name in `study`/executors, or a folder that holds a config.yaml.
        study: the folder that says what the study is.

    Raises:
        MiuaError: there is no such executor, its settings name none, its plugin is missing, or no
            Slurm answers here.
    """
    if wanted == LOCAL:
        return None
    shipped = study / "executors"
    folder = next(
        (place for place in (shipped / wanted, Path(wanted)) if (place / SETTINGS).is_file()), None
    )
    if folder is None:
        known = sorted(path.parent.name for path in shipped.glob(f"*/{SETTINGS}"))
        raise MiuaError(
            f"There is no executor {wanted!r}. Known: {', '.join([LOCAL, *known])} (in {shipped}), "
            f"or the path of a folder of yours that holds a {SETTINGS}."
        )
    name = _plugin_of(folder / SETTINGS)
    if name == "slurm":
        _need_slurm()
    return folder


def _plugin_of(path: Path) -> str:
    """The name of Snakemake's executor in these settings; its plugin is there."""
    settings = read_yaml(path)
    name = settings.get("executor") if isinstance(settings, dict) else None
    if not isinstance(name, str):
        raise MiuaError(f"{path} names no executor. Add a line such as: executor: slurm")
    plugin = f"snakemake-executor-plugin-{name}"
    if name != LOCAL and find_spec(plugin.replace("-", "_")) is None:
        raise MiuaError(
            f"{path} wants the executor {name!r}, whose plugin for Snakemake is not installed. "
            f"Install it beside miua: pip install {plugin}"
        )
    return name


def _need_slurm() -> None:
    """Stop where no Slurm answers: the plugin would wait for ever."""
    try:
        subprocess.run(["sinfo", "--noheader"], capture_output=True, text=True, check=True)
    except FileNotFoundError:
        problem = "the command sinfo is not there"
    except subprocess.CalledProcessError as error:
        problem = error.stderr.strip()
    else:
        return
    raise MiuaError(f"No Slurm answers here: {problem}. Run this on a login node of the cluster.")
