"""Where the steps of the study run, and what a person sees of Snakemake meanwhile.

Steps run on this machine, or on a cluster through a plugin of Snakemake. Snakemake's lines are
filtered: its logger plugins would give them as events, but not the words of a cluster's jobs, which
lie in files that Snakemake wrote there, and the plugin would be one more package to install.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

from platformdirs import user_cache_path

from miua.config import read_yaml
from miua.errors import MiuaError
from miua.files import data_folder

LOCAL = "local"
SETTINGS = "config.yaml"  # a Snakemake profile; Snakemake looks for this name
LOG_LINES = 15  # of a failed job's log

_DATE = r"\[\w{3} \w{3} +\d"
# What Snakemake says of itself. The steps say their own results and errors, and those are shown.
_OF_ITSELF = (
    r"\s*$|Assuming unrestricted|Building DAG|Using shell|Provided cores|Rules claiming"
    rf"|Select jobs|Execute \d+ jobs|{_DATE}|Finished jobid|Elapsed time|Complete log|RuleException"
    r"|CalledProcessError in file|Command 'set -euo|Shutting down|Exiting because|WorkflowError"
    r"|At least one job|Nothing to be done|Touching output|Job stats:|job +count|-+  -+"
    r"|\w+ {2,}\d+$"
)
_NOISE = re.compile(_OF_ITSELF)
# With a cluster it also describes every step: needed for its errors, else in the way.
_CLUSTER_NOISE = re.compile(
    rf"{_OF_ITSELF}|\s+{_DATE}|Using workflow specific profile|SLURM run ID|Provided re"
    r"|No SLURM account given|No account was given|Unable to guess SLURM|Cleaning up SLURM"
    r"|MinJobAge \d+s \(>=|Storing output|\s*(local)?rule \w+:$|\s+Error in rule"
    r"|\s+(benchmark|external_jobid|input|jobid|jobs|output|priority|reason|resources|shell|threads"
    r"|wildcards):|\s+message: None|\s+\(command exited|\s{12}"
)
# Of the log of a job, in which Snakemake runs again, twice.
_LOG_NOISE = re.compile(
    rf"{_CLUSTER_NOISE.pattern}|SNAKEMAKE$|=+$|Error in rule|Will exit after finishing"
    r"|srun: (cluster configuration lacks|forcing|got|Job step)|\s{8}(miua|OMP_NUM_THREADS)\b"
    r"|  (Date|Workflow ID|Platform|Host|User|Snakemake version|Python version|Command|Snakefile"
    r"|Base directory|Run directory|Working directory|Config file\(s\)|Config MD5): "
)
_SUBMITTED = re.compile(r"Job \S+ has been submitted with SLURM jobid (\d+) \(log: (.+)\)\.$")
_FAILED = re.compile(r"    message: (.+?)\.?(?: Detailed failure reason.*| ?For further error.*)?$")
_LOG = re.compile(r"    log: (.+) \(check log file\(s\) for error details\)$")


def find_executor(wanted: str, study: Path) -> Path | None:
    """The folder of an executor's settings; None for this machine.

    wanted: "local", a name in `study`/executors, or a folder that holds a config.yaml. MiuaError:
    there is none, its settings name none, its plugin is missing, or no Slurm answers here.
    """
    if wanted == LOCAL:
        return None
    shipped = study / "executors"
    for folder in (shipped / wanted, Path(wanted)):
        if (folder / SETTINGS).is_file():
            if _plugin_of(folder / SETTINGS) == "slurm":
                _need_slurm()
            return folder
    known = sorted(path.parent.name for path in shipped.glob(f"*/{SETTINGS}"))
    raise MiuaError(
        f"There is no executor {wanted!r}. Known: {', '.join([LOCAL, *known])} (in {shipped}), "
        f"or the path of a folder of yours that holds a {SETTINGS}."
    )


def steps_environment() -> dict[str, str]:
    """Environment variables with which the steps' commands are those of this environment.

    MiuaError: there is no command miua in it, or no place for Snakemake's cache.
    """
    environment = dict(os.environ)
    caches = user_cache_path()
    if os.environ.get("MIUA_DATA_DIR"):
        # The steps run in another folder.
        environment["MIUA_DATA_DIR"] = str(data_folder().absolute())
        if not os.environ.get("XDG_CACHE_HOME"):
            # Snakemake's cache goes there, too: the home may be read-only.
            caches = data_folder().absolute() / "cache"
            environment["XDG_CACHE_HOME"] = str(caches)
    try:
        (caches / "snakemake").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MiuaError(
            f"Snakemake's cache cannot be in {caches} ({error.strerror}). Set MIUA_DATA_DIR, or "
            "XDG_CACHE_HOME, to a folder that can be written."
        ) from None
    path = str(Path(sys.executable).parent) + os.pathsep + os.environ.get("PATH", "")
    if shutil.which("miua", path=path) is None:
        raise MiuaError("The command miua is not on the path. Install the package first.")
    return {**environment, "PATH": path}


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


def local_messages(lines: Iterable[str]) -> Iterator[str]:
    """Of Snakemake's lines, those that a person needs when the steps run on this machine."""
    return (line for line in lines if not _NOISE.match(line))


def cluster_messages(lines: Iterable[str]) -> Iterator[str]:
    """The same when they run on a cluster; a failed job is shown with the end of its log."""
    for line in lines:
        if submitted := _SUBMITTED.match(line):
            yield f"Slurm job {submitted[1]} is submitted; its log: {submitted[2]}\n"
        elif log := _LOG.match(line):
            yield f"    The end of its log, {log[1]}:\n"
            yield from (f"    | {said}\n" for said in _end_of(Path(log[1])))
        elif not _CLUSTER_NOISE.match(line):
            failed = _FAILED.match(line)
            yield f"    {failed[1]}.\n" if failed else line


def _end_of(log: Path) -> list[str]:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        return [f"(it cannot be read: {error.strerror})"]
    return [line for line in lines if not _LOG_NOISE.match(line)][-LOG_LINES:]
