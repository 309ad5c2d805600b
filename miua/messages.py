"""What a person sees of Snakemake: the steps' own words, the jobs of a cluster, and failures."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

LOG_LINES = 15  # of a failed job's log

_DATE = r"\[\w{3} \w{3} +\d"
# What Snakemake says of itself. The steps say their own results and errors, and those are shown.
_OF_ITSELF = (
    r"\s*$|Assuming unrestricted|Building DAG|Using shell|Provided cores|Rules claiming"
    rf"|Select jobs|Execute \d+ jobs|{_DATE}|Finished jobid|Elapsed time|Complete log|RuleException"
    r"|CalledProcessError in file|Command 'set -euo|Shutting down|Exiting because|WorkflowError"
    r"|At least one job|Nothing to be done|Touching output|Job stats:|job +count|-+  -+"
    r"|(all|phantoms|real_images|reference|train|generate|evaluate|reference_lbpv|experiment"
    r"|clinician|noise_floor|sensitivity|analyse|claims|figures|paper|report|total) +\d+$"
)
NOISE = re.compile(_OF_ITSELF)
# With a cluster it also describes every step: needed for its errors, else in the way.
CLUSTER_NOISE = re.compile(
    rf"{_OF_ITSELF}|\s+{_DATE}|Using workflow specific profile|SLURM run ID|Provided re"
    r"|No SLURM account given|No account was given|Unable to guess SLURM|Cleaning up SLURM"
    r"|MinJobAge \d+s \(>=|Storing output|\s*(local)?rule \w+:$|\s+Error in rule"
    r"|\s+(benchmark|external_jobid|input|jobid|jobs|output|priority|reason|resources|shell|threads"
    r"|wildcards):|\s+message: None|\s+\(command exited|\s{12}"
)
# Of the log of a job, in which Snakemake runs again, twice.
LOG_NOISE = re.compile(
    rf"{CLUSTER_NOISE.pattern}|SNAKEMAKE$|=+$|Error in rule|Will exit after finishing"
    r"|srun: (cluster configuration lacks|forcing|got|Job step)|\s{8}(miua|OMP_NUM_THREADS)\b"
    r"|  (Date|Workflow ID|Platform|Host|User|Snakemake version|Python version|Command|Snakefile"
    r"|Base directory|Run directory|Working directory|Config file\(s\)|Config MD5): "
)
_SUBMITTED = re.compile(r"Job \S+ has been submitted with SLURM jobid (\d+) \(log: (.+)\)\.$")
_FAILED = re.compile(r"    message: (.+?)\.?(?: Detailed failure reason.*| ?For further error.*)?$")
_LOG = re.compile(r"    log: (.+) \(check log file\(s\) for error details\)$")


def local_messages(lines: Iterable[str]) -> Iterator[str]:
    """Of Snakemake's lines, those that a person needs when the steps run on this machine."""
    return (line for line in lines if not NOISE.match(line))


def cluster_messages(lines: Iterable[str]) -> Iterator[str]:
    """The same when they run on a cluster; a failed job is shown with the end of its log."""
    for line in lines:
        if submitted := _SUBMITTED.match(line):
            yield f"Slurm job {submitted[1]} is submitted; its log: {submitted[2]}\n"
        elif log := _LOG.match(line):
            yield f"    The end of its log, {log[1]}:\n"
            yield from (f"    | {said}\n" for said in _end_of(Path(log[1])))
        elif not CLUSTER_NOISE.match(line):
            failed = _FAILED.match(line)
            yield f"    {failed[1]}.\n" if failed else line


def _end_of(log: Path) -> list[str]:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        return [f"(it cannot be read: {error.strerror})"]
    return [line for line in lines if not LOG_NOISE.match(line)][-LOG_LINES:]
