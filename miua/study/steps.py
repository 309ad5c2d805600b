"""The steps of the study, each declared once: what it makes, from what, by which command, and why
it would be made again.

The Snakefile makes a rule of each, the forecast a job, and verification knows by them what follows
from what. A `Study` fills in what one plan says: which runs and sets there are, how many images.
"""

from __future__ import annotations

import csv
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property, partial
from itertools import product
from pathlib import Path
from string import Formatter
from typing import Any

from miua.config import config_hash
from miua.study.plan import CLAIMS, GRID, Cell, Profile, RealImages

FINAL = ("paper/main.pdf", "report.html", "tables/claims.csv")  # what a reproduction ends with
BENCHMARKS = ".snakemake/benchmarks"
NO_WEIGHTS = "absent"
FIRST = 10_000  # the priority of images: all trainings wait for them
# What a command may name without being made again when it changes: where things are, and how fast.
_NO_REASON = {"threads", "study", "paper", "real"}
_GREY_AS_RECORDED, _ROUNDING = 0.0, 1e-9


class Shell(str):
    """A part of a command that the shell is to read as it stands; all else is quoted."""


@dataclass(frozen=True)
class Step:
    """One step of the study. All paths are in the results folder.

    In paths and in the command, `{name}` stands for a wildcard or another value of `Study.values`;
    an input whose value is a list stands for as many files.

    Attributes:
        name: of the rule.
        outputs: what it makes.
        command: what makes them.
        inputs: what they are made from.
        modules: whose import closure (miua.study.closure) is the step's code. When it changes, the
            outputs are made again, which takes minutes. Training has none: it takes hours, and its
            provenance names the commit.
        also: values beside those in the command that make the outputs stale when they change.
        threads: that it takes; or the name of the value that says how many.
        gpu: "training" or "fid": on a cluster it asks for a GPU if these use one.
        megabytes, minutes: what it asks of a cluster. Locally nobody counts.
        group: jobs of one group are one job of a cluster, and follow one another in it.
        priority: higher starts earlier; or the name of the value that says so.
        local: it runs where `miua reproduce` does: it is short, needs the network, or LaTeX.
        mark: the outputs are empty files that only say when the step was done.
        tolerance: by how much numbers may differ when they are made again, relative.
    """

    name: str
    outputs: tuple[str, ...]
    command: str
    inputs: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    threads: int | str = 1
    gpu: str = ""
    megabytes: int = 0
    minutes: int = 0
    group: str | None = None
    priority: int | str = 0
    local: bool = False
    mark: bool = False
    tolerance: float = _ROUNDING

    @property
    def wildcards(self) -> set[str]:
        return set(_names(self.outputs[0]))

    @property
    def benchmark(self) -> str:
        """Where Snakemake writes how long a job took and how much memory; no part of results."""
        job = "_".join(["job", *(f"{{{name}}}" for name in sorted(self.wildcards))])
        return f"{BENCHMARKS}/{self.name}/{job}.tsv"


_of_tables = partial(Step, local=True, also=("plan",))
_of_real_images = partial(
    Step,
    inputs=("{phantoms}",),
    modules=("miua.analysis.real_images",),
    also=("weights",),
    threads="cores",
    gpu="fid",
    megabytes=16000,
    minutes=240,
)

STEPS = (
    Step(
        "phantoms",
        ("data/training_set_pixel_size_and_HC.csv",),
        # Snakemake makes the folder of an output beforehand; phantoms want to make it themselves.
        "rm -rf data && miua phantom --out data --images {phantom_images} --seed {phantom_seed}",
        modules=("miua.data.phantom",), threads="cores", priority=FIRST, local=True,
        tolerance=_GREY_AS_RECORDED,
    ),
    Step(
        "real_images",
        ("real/{preparation}/images.npy",),
        "miua stack {real} --size {size}{crop} --out real/{preparation}",
        ("{phantoms}",),
        modules=("miua.data.stack", "miua.data.hc18"), threads="cores", priority=FIRST, local=True,
        tolerance=_GREY_AS_RECORDED,
    ),
    Step(
        "reference",
        ("reference/{preparation}/images.npy",),
        "miua stack real/{preparation}/images.npy --images {reference_images} --seed {seed}"
        " --size {size} --out reference/{preparation}",
        ("real/{preparation}/images.npy",),
        modules=("miua.data.stack",), priority=FIRST, local=True, tolerance=_GREY_AS_RECORDED,
    ),
    Step(
        "train",
        # Only a mark: Snakemake removes the outputs of an interrupted job, and a run must survive.
        ("runs/{run}.done",),
        "miua train --config configs/{run}.yaml --images real/{preparation}/images.npy"
        " --allow-divergence --out runs/{run} --threads {threads}",
        ("real/{preparation}/images.npy",),
        also=("epochs",), threads="threads_per_training", gpu="training", megabytes=8000,
        minutes=720,
        mark=True,
        priority="training_size",  # the longest first, so that no core idles at the end
    ),
    Step(
        "generate",
        # Not images.npy: a training that diverged has none, and its provenance says so.
        ("sets/{run}_e{epoch}/provenance.json",),
        # Snakemake removes an output before it is made again; what is left then is no set.
        "rm -rf sets/{run}_e{epoch} && miua generate --run runs/{run} --epoch {epoch_number}"
        " --images {synthetic_images} --allow-divergence --seed {seed} --threads {threads}"
        " --out sets/{run}_e{epoch}",
        ("runs/{run}.done",),
        modules=("miua.sampling",), gpu="training", megabytes=8000, minutes=10, group="sets_{run}",
        tolerance=_GREY_AS_RECORDED,
    ),
    Step(
        "evaluate",
        ("metrics/{run}_e{epoch}.csv", "metrics/{run}_e{epoch}.npy"),
        "OMP_NUM_THREADS={threads} miua evaluate --real reference/{preparation}/images.npy"
        " --allow-divergence --synthetic sets/{run}_e{epoch} --name {run}_e{epoch}"
        " --metrics study --floor-splits 0 --quiet --seed {seed} --threads {threads}"
        " --csv metrics/{run}_e{epoch}.csv --lbpv metrics/{run}_e{epoch}.npy",
        ("reference/{preparation}/images.npy", "sets/{run}_e{epoch}/provenance.json"),
        modules=("miua.evaluation.measure", "miua.data.stack"), also=("weights",), gpu="training",
        megabytes=8000, minutes=20, group="sets_{run}",
    ),
    Step(
        "reference_lbpv",
        ("metrics/reference.npy",),
        "miua lbpv reference/{main}/images.npy --out metrics/reference.npy",
        ("reference/{main}/images.npy",),
        modules=("miua.metrics.lbp",), local=True,
    ),
    _of_tables(
        "experiment",
        ("tables/{experiment}.csv", "tables/{experiment}-stability.csv"),
        "miua collect . {experiment}",
        ("metrics/{sets_of_experiment}.csv",),
        modules=("miua.analysis.tables",),
    ),
    Step(
        "clinician",
        ("tables/clinician.csv", "tables/regression.csv"),
        "miua clinician . --study {study}",
        ("{study_files}",),
        modules=("miua.analysis.clinician",), local=True,
    ),
    # Measured on the images' own files, whose names tell which subject each is of.
    _of_real_images(
        "noise_floor",
        ("tables/noise-floor.csv", "tables/noise-floor-summary.csv",
         "tables/noise-floor-pairing.csv"),
        "miua noise-floor {real} --size {main} --images {noise_floor_images}"
        " --repeats {noise_floor_repeats} --seed {seed} --threads {threads}"
        " --out tables/noise-floor.csv",
    ),
    _of_real_images(
        "sensitivity",
        ("tables/sensitivity.csv", "tables/sensitivity-summary.csv"),
        "miua sensitivity {real} --size {main} --images {sensitivity_images}"
        " --repeats {sensitivity_repeats} --seed {seed} --threads {threads}"
        " --out tables/sensitivity.csv",
    ),
    _of_tables(
        "analyse",
        ("tables/stability.csv", "tables/metrics.csv", "tables/summary.csv", "tables/lbpv.npy",
         "tables/lbpv_sets.json"),
        "miua analyse .",
        ("metrics/{sets_of_grid}.csv", "metrics/reference.npy", "tables/{trainings}-stability.csv"),
        modules=("miua.analysis.tables",),
    ),
    # Only where readers answered: `miua survey score --results` puts their files there.
    Step(
        "readers",
        ("tables/readers.csv", "tables/readers.json"),
        "miua readers .",
        ("{readers_files}", "tables/metrics.csv"),
        modules=("miua.survey.into_claims_table",), local=True,
    ),
    _of_tables(
        "claims",
        ("claims.json", "tables/claims.csv"),
        "miua claims . --study {study}",
        ("tables/{readers_tables}", "tables/{trainings}.csv", "tables/{measured}-summary.csv",
         "tables/clinician.csv", "tables/regression.csv", "tables/metrics.csv", "{claims}"),
        modules=("miua.analysis.claims_table",),
    ),
    _of_tables(
        "figures",
        ("figures/.done",),
        "miua figures . --study {study}",
        ("claims.json", "tables/claims.csv"),
        modules=("miua.report.figures",), mark=True,
    ),
    _of_tables(
        "paper",
        ("paper/main.pdf",),
        "miua paper . --study {study} --source {paper}",
        ("figures/.done", "{paper_files}"),
        modules=("miua.report.document",),
    ),
    # After the paper, which it links.
    _of_tables(
        "report",
        ("report.html",),
        "miua report . --study {study}",
        ("figures/.done", "paper/main.pdf"),
        modules=("miua.report.page",),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Job:
    """One step for one choice of its wildcards. name: its first output."""

    step: Step
    wildcards: dict[str, str]
    outputs: tuple[str, ...]
    inputs: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.outputs[0]


@dataclass(frozen=True)
class Study:
    """The steps of one reproduction.

    Attributes:
        profile: its scale.
        cells: its sets, the rows of sets.csv.
        study, paper: the folder that says what the study is, and that of the LaTeX sources.
        cores: CPU cores of the machine.
        weights: which weights FID is computed with, or NO_WEIGHTS.
        code: the hash of each step's code; empty where nothing is to be made.
        folder: the results folder, to look for readers in.
    """

    profile: Profile
    cells: tuple[Cell, ...]
    study: Path
    paper: Path
    cores: int = 1
    weights: str = NO_WEIGHTS
    code: Mapping[str, str] = field(default_factory=dict)
    folder: Path = Path()

    @classmethod
    def of(cls, config: dict[str, Any]) -> Study:
        """From Snakemake's configuration: a profile, and what `as_config` gives."""
        profile = {name: config[name] for name in Profile.model_fields if name in config}
        with Path(config["sets"]).open(newline="", encoding="utf-8") as file:
            cells = tuple(_as_cell(row) for row in csv.DictReader(file))
        return cls(
            Profile.model_validate(profile),
            cells,
            study=Path(config["study"]),
            paper=Path(config["paper"]),
            cores=int(config["cores"]),
            weights=config["weights"],
            code=config["code"],
        )

    def as_config(self, sets: Path) -> dict[str, object]:
        """All but the profile; the cells are in the file `sets`."""
        return {
            "sets": str(sets.resolve()),
            "study": str(self.study.resolve()),
            "paper": str(self.paper.resolve()),
            "cores": self.cores,
            "weights": self.weights,
            "code": dict(self.code),
        }

    def inputs(self, step: Step, wildcards: Mapping[str, str]) -> list[str]:
        """The files that a job is made from."""
        values = self.values(wildcards)
        return [path for each in step.inputs for path in _expand(each, values)]

    def command(self, step: Step, wildcards: Mapping[str, str], threads: int) -> str:
        """What a shell is to run for a job."""
        values = {**self.values(wildcards), "threads": threads}
        words = {name: _quoted(values[name]) for name in _names(step.command)}
        return step.command.format(**words)

    def reasons(self, step: Step, wildcards: Mapping[str, str]) -> str:
        """All but the inputs that a job rests on: when it changes, the job is to be done again."""
        values = self.values(wildcards)
        names = {*_names(step.command), *step.also} - _NO_REASON
        told = [f"{name}: {values[name]}" for name in sorted(names)]
        if step.modules:
            told.append(f"code: {self.code.get(step.name)}")
        return "; ".join(told)

    def threads(self, step: Step) -> int:
        return min(self.cores, int(self._number(step.threads, {})))

    def priority(self, step: Step, wildcards: Mapping[str, str]) -> int:
        return int(self._number(step.priority, wildcards))

    def resources(self, step: Step) -> dict[str, int]:
        """What a job asks of a cluster; nothing that is 0 or "one"."""
        gpus = self.profile.gpus_per_training
        if step.gpu == "" or (step.gpu == "fid" and self.weights == NO_WEIGHTS):
            gpus = 0
        asked = {"gpu": gpus, "mem_mb": step.megabytes, "runtime": step.minutes}
        asked["in_turn"] = 1 if step.group else 0  # see experiments/executors
        return {name: number for name, number in asked.items() if number}

    def constraints(self) -> dict[str, str]:
        """What each wildcard may be, as a regular expression."""
        known = {name: {getattr(c, name) for c in self.cells} for name in ("run", "preparation")}
        known["experiment"] = {*self._trainings}
        return {
            name: "|".join(sorted(map(re.escape, each))) or "(?!)" for name, each in known.items()
        } | {"epoch": r"\d+"}

    def jobs(self, targets: Iterable[str] = FINAL) -> list[Job]:
        """All that is needed for some files, each job after those whose outputs it needs."""
        makers: dict[str, Job] = {}
        for step in STEPS:
            for wildcards in self._choices(step):
                outputs = tuple(path.format(**wildcards) for path in step.outputs)
                job = Job(step, wildcards, outputs, tuple(self.inputs(step, wildcards)))
                makers |= dict.fromkeys(outputs, job)
        found: dict[str, Job] = {}

        def add(path: str) -> None:
            job = makers.get(path)  # none: a file that is there before the study
            if job is not None and job.name not in found:
                for needed in job.inputs:
                    add(needed)
                found[job.name] = job

        for target in targets:
            add(target)
        return list(found.values())

    def values(self, wildcards: Mapping[str, str]) -> dict[str, Any]:
        """What stands for the names in steps' paths and commands, for one choice of wildcards."""
        found = {**self._values, **wildcards}
        if "run" in found:
            of_run = [cell for cell in self.cells if cell.run == found["run"]]
            found["preparation"] = of_run[0].preparation
            found["training_size"] = of_run[0].training_size
            found["epochs"] = sorted({cell.epoch for cell in of_run})
        if "epoch" in found:
            found["epoch_number"] = int(found["epoch"])
        if "preparation" in found:
            found["size"], crop, pixels = str(found["preparation"]).partition("_crop")
            pixels = f" --crop-size {int(pixels)}" if pixels else ""
            found["crop"] = Shell(f" --fit crop{pixels}" if crop else "")
        if "experiment" in found:
            found["sets_of_experiment"] = self._sets(found["experiment"])
        return found

    @cached_property
    def _values(self) -> dict[str, Any]:
        profile, phantoms = self.profile, self.profile.data.source == "phantom"
        readers = sorted(self.folder.glob("readers/**/*.json"))
        scales = profile.experiments.items()
        measured = {name: scale for name, scale in scales if isinstance(scale, RealImages)}
        found = {
            "study": self.study,
            "paper": self.paper,
            "weights": self.weights,
            "cores": self.cores,
            "plan": config_hash(profile),
            "main": profile.image_size,
            "seed": profile.seed,
            "threads_per_training": profile.threads_per_training,
            "reference_images": profile.reference_images,
            "synthetic_images": profile.synthetic_images,
            "phantom_images": profile.data.images,
            "phantom_seed": profile.data.seed,
            "phantoms": list(STEPS[0].outputs) if phantoms else [],
            # As the shell is to see it: where the real images lie.
            "real": Shell("data/training_set" if phantoms else '"$(miua fetch hc18)"'),
            "study_files": sorted(str(path) for path in self.study.glob("data/*.csv")),
            "claims": str(self.study / f"{CLAIMS}.yaml"),
            "paper_files": sorted(str(path) for path in self.paper.glob("*") if path.is_file()),
            "trainings": self._trainings,
            "measured": list(measured),
            "sets_of_grid": self._sets(GRID),
            "readers_files": [str(path.relative_to(self.folder)) for path in readers],
            "readers_tables": ["readers.csv", "readers.json"] if readers else [],
        }
        for name, scale in measured.items():
            prefix = name.replace("-", "_")
            found |= {f"{prefix}_images": scale.images, f"{prefix}_repeats": scale.repeats}
        return found

    @property
    def _trainings(self) -> list[str]:
        return list(dict.fromkeys(cell.experiment for cell in self.cells))

    def _sets(self, experiment: str) -> list[str]:
        return list(dict.fromkeys(c.set for c in self.cells if c.experiment == experiment))

    def _choices(self, step: Step) -> Iterator[dict[str, str]]:
        """Every choice of wildcards that the plan has for a step."""
        if not step.wildcards:
            yield {}
            return
        chosen = [
            {name: f"{cell.epoch:04d}" if name == "epoch" else str(getattr(cell, name))
             for name in step.wildcards}
            for cell in self.cells
        ]  # fmt: skip
        yield from {tuple(sorted(each.items())): each for each in chosen}.values()

    def _number(self, given: int | str, wildcards: Mapping[str, str]) -> int:
        return given if isinstance(given, int) else self.values(wildcards)[given]


def _as_cell(row: Mapping[str, str]) -> Cell:
    whole = {each.name for each in fields(Cell) if each.type == "int"}
    return Cell(**{name: int(text) if name in whole else text for name, text in row.items()})  # type: ignore[arg-type]


def _names(template: str) -> list[str]:
    return [name for _, name, _, _ in Formatter().parse(template) if name]


def _expand(template: str, values: Mapping[str, Any]) -> Iterator[str]:
    """The template with its values; with every combination of those that are lists."""
    names = list(dict.fromkeys(_names(template)))
    several = [v if isinstance(v := values[name], list) else [v] for name in names]
    for chosen in product(*several):
        yield template.format(**dict(zip(names, chosen, strict=True)))


def _quoted(value: object) -> str:
    return value if isinstance(value, Shell) else shlex.quote(str(value))
