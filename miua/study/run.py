"""One command reruns the study: choose the scale, write the plan, let Snakemake do the rest.

`reproduce` does it once; `make_repeats` again and again with other seeds, to see how far the
numbers scatter.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import yaml

from miua.config import Strict, TrainingConfig, config_text, differences, read_config
from miua.data.hc18_test import folder_of_test_set
from miua.data.threads import usable_cores
from miua.errors import MiuaError
from miua.files import locked, remove_partial_files, write_text
from miua.locked_packages import lock_warning
from miua.metrics.inception_weights import NotComputedError, find_inception_weights
from miua.progress import say
from miua.provenance import PROVENANCE, record_step
from miua.study import executors
from miua.study.closure import code_hash
from miua.study.manifest import write_manifest
from miua.study.plan import (
    Plan,
    Profile,
    cells_csv,
    known_profiles,
    make_plan,
    read_experiments,
    read_profile,
)
from miua.study.repair import remove_damaged
from miua.study.steps import FINAL, NO_WEIGHTS, STEPS, Study

WITH_GPU, WITHOUT_GPU = "paper", "smoke"
# The seeds of neighbouring repeats are this far apart, so that none is used twice.
SEED_STEP = 1000


def reproduce(
    profile: str | None,
    *,
    study: Path,
    paper: Path,
    results: Path,
    cores: int | None = None,
    dry_run: bool = False,
    predict: bool = False,
    experiment: str | None = None,
    executor: str = executors.LOCAL,
    seed_offset: int = 0,
    claims_only: bool = False,
) -> Path:
    """Run every part of the study that is not there yet; returns the results folder.

    Args:
        profile: a name in `study`/profiles; None takes "paper" with a CUDA device, else "smoke".
        study, paper: the folder that says what the study is, and that of the LaTeX sources.
        results: the parent of the results folders.
        cores: CPU cores of this machine to use; if None, all or what the executor says.
        dry_run: print what would be done, and change no plan and no result.
        predict: with dry_run on this machine, print what each step will take, after trials.
        experiment: only this one, up to its table; None for all, report and paper included.
        executor: where the steps run, see `executors.find_executor`.
        seed_offset: how much higher the profile's seeds are to be; see Profile.with_seeds_moved.
        claims_only: all experiments up to the claims table, without figures, report and paper.

    MiuaError: a profile, experiment, executor or folder is unknown or wrong, or a step failed.
    """
    _check_places(study=study, paper=paper, results=results)
    known = known_profiles(study)
    experiments = read_experiments(study)
    targets = ["tables/claims.csv"] if claims_only else []
    if experiment not in (None, *experiments):
        names = ", ".join(experiments)
        raise MiuaError(f"There is no experiment {experiment!r}. Known: {names}.")
    targets += [f"tables/{experiment}.csv"] if experiment else []
    profile = profile or _choose_profile(known)
    settings = read_profile(study, profile).with_seeds_moved(seed_offset)
    plan = make_plan(settings, experiments)
    if not (paper / "main.tex").is_file():
        raise MiuaError(f"{paper} holds no main.tex. Name the paper's sources with --paper.")
    cluster = executors.find_executor(executor, study)
    folder = results / profile
    say(f"Profile {profile!r}: {settings.description}. Results: {folder}")
    if warning := lock_warning():
        say(warning)
    busy = f"Another reproduction is at work in {folder}. Wait for it, or stop it first."
    with locked(folder / ".lock", busy) as lock, tempfile.TemporaryDirectory() as scratch:
        _check_runs(folder, plan)
        # A dry run changes nothing, so its plan lies elsewhere.
        place = Path(scratch) if dry_run else folder
        _write_plan(place, plan, study)
        here = cores or usable_cores()
        asked = study_of(plan, folder, study, paper, here)
        if not dry_run and cluster is None:  # whose jobs of a former call may still be at work
            remove_partial_files(folder)
            again = [*remove_damaged(asked), *_restore_runs(asked, plan, lock)]
            targets = [*(targets or FINAL), *again] if again else targets
        command = [*_snakemake_command(asked, place, targets), *_where(cluster, cores, here)]
        from miua.report.document import missing_latex  # loads matplotlib

        if problem := missing_latex():
            say(f"Note: {problem} All the rest is made; then run the same command again.")
        if dry_run and predict and cluster is None:
            from miua.study.forecast import forecast  # loads torch
            from miua.study.forecast_text import print_forecast

            print_forecast(forecast(asked, plan, targets, _pending(command)))
        else:
            command += ["--dry-run"] if dry_run else []
            _run(command, lock, executors.cluster_messages if cluster else executors.local_messages)
        if not dry_run:
            write_manifest(folder)
    return folder


def _check_places(**places: Path) -> None:
    """Refuse folders that Snakemake cannot be told of, by the option that names them."""
    for option, place in places.items():
        path, wrong = str(place.resolve()), ""
        if not _survives(path):
            wrong = "cannot be told of a path with such characters"
        elif option != "results" and {"{", "}"} & {*path}:
            wrong = "takes what stands in braces for the name of a wildcard"
        if wrong:
            raise MiuaError(f"--{option} {path}: Snakemake {wrong}. Rename the folder.")


def _choose_profile(known: list[str]) -> str:
    import torch

    cuda = torch.cuda.is_available()
    chosen = WITH_GPU if cuda else WITHOUT_GPU
    reason = "a CUDA device was found" if cuda else "no CUDA device was found"
    others = ", ".join(name for name in known if name != chosen)
    say(f"Profile {chosen!r}, because {reason}. Others: {others} (--profile NAME).")
    return chosen


def _check_runs(folder: Path, plan: Plan) -> None:
    """Refuse a folder whose trainings an edited profile has made others, before hours of work."""
    changed, asked = [], plan.profile.data
    there = (folder / "plan.yaml").exists() and (folder / "runs").exists()
    if there and (before := read_config(folder / "plan.yaml", Profile).data) != asked:
        changed.append(f"  all runs: data: {before} there, {asked} asked")
    for run, config in plan.runs.items():
        path = folder / "runs" / run / "config.yaml"
        if path.exists() and (found := differences(read_config(path, TrainingConfig), config)):
            changed.append(f"  {run}: {'; '.join(found)}")
    if changed:
        said = f"The profile was changed since these runs in {folder} were trained:"
        remedy = f"To train anew, remove or rename {folder}; or choose another --results."
        raise MiuaError("\n".join([said, *changed, remedy]))


def _restore_runs(asked: Study, plan: Plan, lock: int) -> list[str]:
    """Let finished trainings make again what was damaged or is missing of them, or say so.

    Returns the marks of those that have to train.
    """
    from miua.training.run_folder import damage, damaged_checkpoint  # loads torch

    (train,) = (step for step in STEPS if step.name == "train")
    unfinished = []
    for run, config in plan.runs.items():
        place = asked.folder / "runs" / run
        mark = place.with_name(f"{run}.done")
        if not mark.exists():
            continue
        if problem := damaged_checkpoint(place, config)[0]:
            say(f"{problem} The training goes on from what is left.")
            mark.unlink()
            unfinished.append(f"runs/{mark.name}")
        elif problem := damage(place, config):
            say(problem)
            command = asked.command(train, {"run": run}, asked.threads(train))
            again = subprocess.run(
                ["sh", "-c", command], cwd=asked.folder, env=executors.steps_environment(),
                pass_fds=[lock], check=False,
            )  # fmt: skip
            if again.returncode:
                raise MiuaError(f"{place} was not made whole again, as said above.")
    return unfinished


def _write_plan(folder: Path, plan: Plan, study: Path) -> None:
    """Write the plan, the list of sets and all configurations; what is unchanged keeps its time."""
    configs = {f"configs/{run}.yaml": config for run, config in plan.runs.items()}
    settings: dict[str, Strict] = {"plan.yaml": plan.profile, **configs}
    texts = {name: config_text(each, flow=False) for name, each in settings.items()}
    texts["sets.csv"] = cells_csv(plan.cells)
    for name, text in texts.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            write_text(path, text)
    profile = study / "profiles" / f"{plan.profile.profile}.yaml"
    inputs, files = [profile, *sorted(study.glob("*.yaml"))], [folder / name for name in texts]
    record_step(folder / PROVENANCE, base=folder, inputs=inputs, files=files, keep=True)


def study_of(plan: Plan, folder: Path, study: Path, paper: Path, cores: int) -> Study:
    """The steps of a plan, as they are to be run here and now in a results folder."""
    try:
        weights = find_inception_weights().sha256
    except NotComputedError:
        weights = NO_WEIGHTS
    try:
        test_images = str(folder_of_test_set())
    except MiuaError:
        test_images = ""
    code = {step.name: code_hash(step.modules) for step in STEPS}
    places = study.resolve(), paper.resolve()
    return Study(
        plan.profile, tuple(plan.cells), *places, cores, weights, code, folder, test_images
    )


def _snakemake_command(study: Study, place: Path, targets: Iterable[str]) -> list[str]:
    """The command that makes the targets, or everything; place: where the plan was written."""
    settings = study.as_config(place / "sets.csv")
    return [
        sys.executable, "-m", "snakemake",
        *targets,
        "--snakefile", str(study.study / "Snakefile"),
        "--directory", str(study.folder),
        "--configfile", str((place / "plan.yaml").resolve()),
        "--config", *(f"{key}={_on_one_line(value)}" for key, value in settings.items()),
        "--rerun-triggers", "mtime", "params", "input",
        "--rerun-incomplete",
        "--nolock",  # the folder is locked already, in a way that a killed process cannot leave
        "--keep-going",
    ]  # fmt: skip


def _on_one_line(value: object) -> str:
    """A setting as JSON, which is YAML and survives being handed on to a cluster's jobs.

    Spaces keep Snakemake from taking the quotes off; YAML lacks the surrogate pairs of ASCII JSON.
    """
    return f" {json.dumps(value, ensure_ascii=False)} "


def _survives(text: str) -> bool:
    """Whether Snakemake reads the text as it is written for it: YAML has no control characters."""
    try:
        return bool(yaml.safe_load(_on_one_line(text)) == text)
    except yaml.YAMLError:
        return False


def _where(cluster: Path | None, cores: int | None, here: int) -> list[str]:
    """Snakemake's options for running on this machine, or on a cluster by the settings there."""
    if cluster is None:
        return ["--cores", str(here), "--quiet", "host", "rules", "reason"]
    # Not quiet about rules: that would silence the errors of a cluster's jobs, too.
    options = ["--workflow-profile", str(cluster.resolve()), "--quiet", "host", "reason"]
    return options + (["--local-cores", str(cores)] if cores else [])


def _pending(command: list[str]) -> set[str]:
    """The files that Snakemake would make now, in the results folder."""
    summary = subprocess.run([*command, "--summary"], capture_output=True, text=True, check=False)
    if summary.returncode != 0:
        raise MiuaError(f"Snakemake cannot plan this:\n{summary.stderr.strip()}")
    lines = [line.split("\t") for line in summary.stdout.splitlines()[1:]]
    return {line[0] for line in lines if line[-1] == "update pending"}


def _run(command: list[str], lock: int, messages: Callable[[Iterable[str]], Iterator[str]]) -> None:
    """Run Snakemake, showing what `messages` leaves of its words; it holds the lock too."""
    env = executors.steps_environment()
    with subprocess.Popen(
        command, env=env, stderr=subprocess.PIPE, text=True, errors="replace", pass_fds=[lock]
    ) as process:
        assert process.stderr is not None
        try:
            for line in messages(process.stderr):
                sys.stderr.write(line)
                sys.stderr.flush()
        except KeyboardInterrupt:
            # Snakemake got it too, and ends its steps; until then the folder is not free.
            say("Stopping ...")
            process.wait()
            raise
    if process.returncode != 0:
        raise MiuaError(
            "A step failed; its message is above. Fix the cause and run the same command again: "
            "what is finished is kept."
        )


def make_repeats(
    profile: str, times: int, *, study: Path, paper: Path, out: Path, cores: int | None = None
) -> list[Path]:
    """Reproduce a profile up to its claims table `times` times, each with seeds of its own.

    Repeat k has every seed of the profile SEED_STEP * k higher, but for the phantoms': all repeats
    learn from the same images. A second call makes only what is missing. Returns the results
    folders, `out`/seed-OFFSET/PROFILE. MiuaError: the profile's own seeds are too far apart, or see
    `reproduce`.
    """
    seeds = read_profile(study, profile).seeds
    if max(seeds) - min(seeds) >= SEED_STEP:
        raise MiuaError(
            f"The seeds of {profile!r}, {min(seeds)} to {max(seeds)}, are so far apart that "
            f"repeats, {SEED_STEP} apart, would share some. Choose seeds nearer to each other."
        )
    again = partial(reproduce, profile, study=study, paper=paper, cores=cores, claims_only=True)
    folders = []
    for repeat in range(1, times + 1):
        offset = SEED_STEP * repeat
        say(f"Repeat {repeat} of {times}, seeds {offset} higher:")
        folders.append(again(results=out / f"seed-{offset}", seed_offset=offset))
    return folders


def find_repeats(out: Path, profile: str) -> list[Path]:
    """The repeats of a profile, by offset. MiuaError: there is none, or one is misnamed."""
    found = {}
    for path in out.glob(f"seed-*/{profile}"):
        number = path.parent.name.removeprefix("seed-")
        if not number.isdecimal():
            raise MiuaError(f"{path.parent} is no folder of a repeat: those are named seed-NUMBER.")
        found[int(number)] = path
    if not found:
        raise MiuaError(
            f"{out} holds no repeats of {profile!r}. Make them with: "
            f"miua repeat --profile {profile} --out {out}"
        )
    return [found[offset] for offset in sorted(found)]
