"""One command reruns the study: choose the scale, write the plan, let Snakemake do the rest."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from miua.config import Profile, TrainingConfig, read_config
from miua.errors import MiuaError
from miua.files import write_text
from miua.progress import say

WITH_GPU, WITHOUT_GPU = "paper", "smoke"

# What Snakemake says of itself. The steps say their own results and errors, and those are shown.
NOISE = re.compile(
    r"\s*$|Assuming unrestricted|Building DAG|Using shell|Provided cores|Rules claiming|Select jobs"
    r"|Execute \d+ jobs|\[\w{3} \w{3} +\d|Finished jobid|Elapsed time|Complete log|RuleException"
    r"|CalledProcessError in file|Command 'set -euo|Shutting down|Exiting because|WorkflowError"
    r"|At least one job|Nothing to be done|Job stats:|job +count|-+  -+|\w+ +\d+$"
)


def reproduce(
    profile: str | None,
    *,
    study: Path,
    paper: Path,
    results: Path,
    cores: int | None = None,
    dry_run: bool = False,
    experiment: str | None = None,
) -> Path:
    """Run every part of the study that is not there yet.

    Args:
        profile: a name in `study`/profiles; None takes "paper" with a CUDA device, else "smoke".
        study: the folder that says what the study is, with the Snakefile.
        paper: the LaTeX sources.
        results: the parent of the results folders.
        cores: how many CPU cores to use; all if None.
        dry_run: print what would be done, and do nothing.
        experiment: only this one, up to its figures; None for all, report and paper included.

    Returns:
        The results folder of the profile.

    Raises:
        MiuaError: the profile or experiment is unknown or wrong, or a step failed.
    """
    if experiment is not None and not (study / f"{experiment}.yaml").exists():
        experiments = ", ".join(sorted(path.stem for path in study.glob("*.yaml")))
        raise MiuaError(f"There is no experiment {experiment!r}. Known: {experiments}.")
    known = sorted(path.stem for path in (study / "profiles").glob("*.yaml"))
    if not known:
        raise MiuaError(f"{study} holds no profiles. Run this at the top of the repository.")
    profile = profile or _choose_profile(known)
    if profile not in known:
        raise MiuaError(f"There is no profile {profile!r}. Known: {', '.join(known)}.")
    settings = read_config(study / "profiles" / f"{profile}.yaml", Profile)
    folder = results / profile
    with _alone_in(folder) as lock:
        _write_plan(folder, settings)
        command = _snakemake_command(folder, study, paper, experiment or "all")
        command += ["--cores", str(cores or "all"), *(["--dry-run"] if dry_run else [])]
        _run(command, lock)
    return folder


@contextmanager
def _alone_in(folder: Path) -> Iterator[int]:
    """Let one reproduction at a time work in a folder; the lock's file descriptor.

    The lock ends with the last process that holds it, however that ends.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise MiuaError(
                f"Another reproduction is at work in {folder}. Wait for it, or stop it first."
            ) from None
        yield lock.fileno()


def _choose_profile(known: list[str]) -> str:
    import torch

    cuda = torch.cuda.is_available()
    chosen = WITH_GPU if cuda else WITHOUT_GPU
    reason = "a CUDA device was found" if cuda else "no CUDA device was found"
    others = ", ".join(name for name in known if name != chosen)
    say(f"Profile {chosen!r}, because {reason}. Others: {others} (--profile NAME).")
    return chosen


def training_configs(settings: Profile) -> dict[str, TrainingConfig]:
    """One configuration for each run of the training-size experiment, by run name."""
    grid = settings.experiments["training-size"]
    return {
        f"n{size:04d}": TrainingConfig(
            image_size=settings.image_size,
            training_size=size,
            epochs=grid.epochs,
            latent_size=settings.latent_size,
            feature_maps=settings.feature_maps,
            batch_size=settings.batch_size,
            seed=settings.seed,
        )
        for size in grid.training_sizes
    }


def _write_plan(folder: Path, settings: Profile) -> None:
    """Write the resolved plan and configurations; unchanged files keep their time stamp."""
    _write_if_changed(folder / "plan.yaml", settings.model_dump())
    for run, config in training_configs(settings).items():
        _write_if_changed(folder / "configs" / f"{run}.yaml", config.model_dump())


def _write_if_changed(path: Path, values: dict[str, object]) -> None:
    text = yaml.safe_dump(values, sort_keys=False)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        write_text(path, text)


def _snakemake_command(folder: Path, study: Path, paper: Path, target: str) -> list[str]:
    sources = sorted(path.name for path in paper.iterdir() if path.is_file())
    settings = {
        "study": str(study.resolve()),
        "paper_source": str(paper.resolve()),
        "paper_files": sources,
    }
    return [
        sys.executable, "-m", "snakemake", target.replace("-", "_"),
        "--snakefile", str((study / "Snakefile").resolve()),
        "--directory", str(folder),
        "--configfile", str((folder / "plan.yaml").resolve()),
        "--config", *(f"{key}={yaml.safe_dump(value, default_flow_style=True).strip()}"
                      for key, value in settings.items()),
        "--rerun-triggers", "mtime", "params", "input",
        "--rerun-incomplete",
        "--nolock",  # the folder is locked already, in a way that a killed process cannot leave
        "--keep-going",
        "--quiet", "host", "rules", "reason",
    ]  # fmt: skip


def _run(command: list[str], lock: int) -> None:
    """Run Snakemake, without what it says of itself; it holds the lock too."""
    # The commands of the rules are those of this environment, whatever else is on the path.
    path = str(Path(sys.executable).parent) + os.pathsep + os.environ.get("PATH", "")
    if shutil.which("miua", path=path) is None:
        raise MiuaError("The command miua is not on the path. Install the package first.")
    with subprocess.Popen(
        command,
        env={**os.environ, "PATH": path},
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        pass_fds=[lock],
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if not NOISE.match(line):
                sys.stderr.write(line)
                sys.stderr.flush()
    if process.returncode != 0:
        raise MiuaError(
            "A step failed; its message is above. Mend the cause and run the same command again: "
            "what is finished is kept."
        )
