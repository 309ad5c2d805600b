"""The steps of the study, each declared once: what it makes, from what, by which command, and why
it would be made again.

The Snakefile makes a rule of each; forecast and verification know by them what follows from what. A
`Study` fills in what one plan says: which runs and sets there are, how many images.
"""

from __future__ import annotations

import csv
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import product
from pathlib import Path
from string import Formatter
from typing import Any

from pydantic import TypeAdapter

from miua.config import config_hash
from miua.study.plan import CLAIMS, GRID, Cell, Profile, RealImages

FINAL = ("paper/main.pdf", "report.html", "tables/claims.csv")  # what a reproduction ends with
BENCHMARKS = ".snakemake/benchmarks"
UNSEEN_PHANTOMS = "unseen_data/training_set_pixel_size_and_HC.csv"
NO_WEIGHTS = "absent"
FIRST = 10_000  # the priority of images: all trainings wait for them
# What a command may name without being made again for it: where things are, and how fast.
_NO_REASON = {"threads", "study", "paper", "real", "unseen"}
_SAID = ("cores", "weights", "code", "test_images")  # what Snakemake is told beside the places
_GREY_AS_RECORDED, _ROUNDING = 0.0, 1e-9


class Shell(str):
    """A part of a command that the shell is to read as it stands; all else is quoted."""


@dataclass(frozen=True)
class Step:
    """One step of the study, all of whose paths are in the results folder.

    In paths and in the command, `{name}` stands for a wildcard or another value of `Study.values`;
    an input whose value is a list stands for as many files.

    Attributes:
        modules: whose import closure (miua.study.closure) is the step's code. When it changes, the
            outputs are made again, which takes minutes. Training has none: it takes hours, and its
            provenance names the commit.
        also: values beside those in the command that make the outputs stale when they change.
        threads: that it takes; or the name of the value that says how many.
        gpu: "training" or "fid": on a cluster it asks for a GPU if these use one.
        megabytes, minutes: what it asks of a cluster.
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


_of_images = partial(Step, local=True, priority=FIRST, tolerance=_GREY_AS_RECORDED)
_of_tables = partial(Step, local=True, also=("plan",))
# Measured on the images' own files, whose names tell which subject each is of.
_of_real_images = partial(
    Step, inputs=("{phantoms}",), modules=("miua.analysis.real_images",), also=("weights",),
    threads="cores", gpu="fid", megabytes=16000, minutes=240,
)  # fmt: skip

STEPS = (
    _of_images(
        "phantoms", ("data/training_set_pixel_size_and_HC.csv",),
        # Snakemake makes the folder of an output beforehand; phantoms want to make it themselves.
        "rm -rf data && miua phantom --out data --images {phantom_images} --seed {phantom_seed}",
        modules=("miua.data.phantom",), threads="cores",
    ),
    _of_images(
        "real_images", ("real/{preparation}/images.npy",),
        "miua stack {real} --size {size}{crop} --out real/{preparation}",
        ("{phantoms}",), modules=("miua.data.stack", "miua.data.hc18"), threads="cores",
    ),
    _of_images(
        "reference", ("reference/{preparation}/images.npy",),
        "miua stack real/{preparation}/images.npy --images {reference_images} --seed {seed}"
        " --size {size} --out reference/{preparation}",
        ("real/{preparation}/images.npy",), modules=("miua.data.stack",),
    ),
    # Phantoms of other heads stand for HC18's test images, which no training sees.
    _of_images(
        "unseen_phantoms", (UNSEEN_PHANTOMS,),
        "rm -rf unseen_data && miua phantom --out unseen_data --images {unseen_images}"
        " --seed {unseen_seed}",
        modules=("miua.data.phantom",), threads="cores",
    ),
    _of_images(
        "unseen_images", ("unseen/{preparation}/images.npy",),
        "miua stack {unseen} --size {size}{crop} --out unseen/{preparation}",
        ("{unseen_phantoms}",), modules=("miua.data.stack", "miua.data.hc18"), threads="cores",
    ),
    Step(
        "train",
        # Only a mark: Snakemake removes the outputs of an interrupted job, and a run must survive.
        ("runs/{run}.done",),
        "miua train --config configs/{run}.yaml --images real/{preparation}/images.npy"
        " --allow-divergence --out runs/{run} --threads {threads}",
        ("real/{preparation}/images.npy",),
        also=("epochs",), threads="threads_per_training", gpu="training", megabytes=8000,
        minutes=720, mark=True,
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
        "evaluate", ("metrics/{run}_e{epoch}.csv", "metrics/{run}_e{epoch}.npy"),
        "OMP_NUM_THREADS={threads} miua evaluate --real reference/{preparation}/images.npy"
        " --allow-divergence --synthetic sets/{run}_e{epoch} --name {run}_e{epoch}"
        " --metrics study --floor-splits 0 --quiet --seed {seed} --threads {threads}"
        " --csv metrics/{run}_e{epoch}.csv --lbpv metrics/{run}_e{epoch}.npy",
        ("reference/{preparation}/images.npy", "sets/{run}_e{epoch}/provenance.json"),
        modules=("miua.evaluation.measure", "miua.data.stack"), also=("weights",), gpu="training",
        megabytes=8000, minutes=20, group="sets_{run}",
    ),
    # Of all sets at once: a start of Python for each would take longer than measuring it.
    Step(
        "unseen", ("tables/unseen.csv", "tables/unseen-copies.csv"),
        "miua unseen . --threads {threads}",
        ("{unseen_stacks}", "sets/{sets}/provenance.json"),
        modules=("miua.analysis.unseen",), also=("plan", "weights"), threads="cores", gpu="fid",
        megabytes=16000, minutes=240,
    ),
    Step(
        "reference_lbpv", ("metrics/reference.npy",),
        "miua lbpv reference/{main}/images.npy --out metrics/reference.npy",
        ("reference/{main}/images.npy",), modules=("miua.metrics.lbp",), local=True,
    ),
    _of_tables(
        "experiment", ("tables/{experiment}.csv", "tables/{experiment}-stability.csv"),
        "miua collect . {experiment}",
        ("metrics/{sets_of_experiment}.csv",), modules=("miua.analysis.tables",),
    ),
    Step(
        "clinician", ("tables/clinician.csv", "tables/regression.csv"),
        "miua clinician . --study {study}",
        ("{study_files}",), modules=("miua.analysis.clinician",), local=True,
    ),
    _of_real_images(
        "noise_floor",
        ("tables/noise-floor.csv", "tables/noise-floor-summary.csv",
         "tables/noise-floor-pairing.csv"),
        "miua noise-floor {real} --size {main} --images {noise_floor_images}"
        " --repeats {noise_floor_repeats} --seed {seed} --threads {threads}"
        " --out tables/noise-floor.csv",
    ),
    _of_real_images(
        "sensitivity", ("tables/sensitivity.csv", "tables/sensitivity-summary.csv"),
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
        "readers", ("tables/readers.csv", "tables/readers.json"), "miua readers .",
        ("{readers_files}", "tables/metrics.csv"),
        modules=("miua.survey.into_claims_table",), local=True,
    ),
    _of_tables(
        "claims", ("claims.json", "tables/claims.csv", "tables/evidence.csv"),
        "miua claims . --study {study}",
        ("tables/{readers_tables}", "tables/{trainings}.csv", "tables/{measured}-summary.csv",
         "tables/clinician.csv", "tables/regression.csv", "tables/metrics.csv",
         "tables/unseen.csv", "{claims}"),
        modules=("miua.analysis.claims_table",),
    ),
    _of_tables(
        "figures", ("figures/.done",), "miua figures . --study {study}",
        ("claims.json", "tables/claims.csv"), modules=("miua.report.figures",), mark=True,
    ),
    _of_tables(
        "paper", ("paper/main.pdf",), "miua paper . --study {study} --source {paper}",
        ("figures/.done", "{paper_files}"), modules=("miua.report.document",),
    ),
    # After the paper, which it links.
    _of_tables(
        "report", ("report.html",), "miua report . --study {study}",
        ("figures/.done", "paper/main.pdf"), modules=("miua.report.page",),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Job:
    """One step for one choice of its wildcards."""

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
        cells: its sets, the rows of sets.csv.
        study, paper: the folder that says what the study is, and that of the LaTeX sources.
        cores: CPU cores of the machine.
        weights: which weights FID is computed with, or NO_WEIGHTS.
        code: the hash of each step's code; empty where nothing is to be made.
        folder: the results folder, to look for readers in.
        test_images: the folder of HC18's test images, "" where they are not here.
    """

    profile: Profile
    cells: tuple[Cell, ...]
    study: Path
    paper: Path
    cores: int = 1
    weights: str = NO_WEIGHTS
    code: Mapping[str, str] = field(default_factory=dict)
    folder: Path = Path()
    test_images: str = ""

    @classmethod
    def of(cls, config: dict[str, Any]) -> Study:
        """From Snakemake's configuration: a profile, and what `as_config` gives."""
        profile = {name: config[name] for name in Profile.model_fields if name in config}
        with Path(config["sets"]).open(newline="", encoding="utf-8") as file:
            cells = TypeAdapter(tuple[Cell, ...]).validate_python([*csv.DictReader(file)])
        places = Path(config["study"]), Path(config["paper"])
        others = {name: config[name] for name in _SAID}
        return cls(Profile.model_validate(profile), cells, *places, **others)

    def as_config(self, sets: Path) -> dict[str, object]:
        """All but the profile; the cells are in the file `sets`."""
        places = {"sets": sets, "study": self.study, "paper": self.paper}
        others = {name: getattr(self, name) for name in _SAID} | {"code": dict(self.code)}
        return {name: str(place.resolve()) for name, place in places.items()} | others

    def inputs(self, step: Step, wildcards: Mapping[str, str]) -> list[str]:
        """The files that a job is made from."""
        values = self.values(wildcards)
        return [path for each in step.inputs for path in _expand(each, values)]

    def command(self, step: Step, wildcards: Mapping[str, str], threads: int) -> str:
        """What a shell is to run for a job."""
        values = {**self.values(wildcards), "threads": threads}
        quoted = {n: w if isinstance(w, Shell) else shlex.quote(str(w)) for n, w in values.items()}
        return step.command.format_map(quoted)

    def reasons(self, step: Step, wildcards: Mapping[str, str]) -> str:
        """All but the inputs that a job rests on: when it changes, the job is to be done again."""
        values = self.values(wildcards)
        names = {*_names(step.command), *step.also} - _NO_REASON
        code = [f"code: {self.code.get(step.name)}"] if step.modules else []
        return "; ".join([*(f"{name}: {values[name]}" for name in sorted(names)), *code])

    def threads(self, step: Step) -> int:
        return min(self.cores, self._number(step.threads, {}))

    def priority(self, step: Step, wildcards: Mapping[str, str]) -> int:
        return self._number(step.priority, wildcards)

    def resources(self, step: Step) -> dict[str, int]:
        """What a job asks of a cluster; nothing that is 0 or "one"."""
        uses_gpu = step.gpu == "training" or (step.gpu == "fid" and self.weights != NO_WEIGHTS)
        asked = {
            "gpu": uses_gpu * self.profile.gpus_per_training,
            "mem_mb": step.megabytes,
            "runtime": step.minutes,
            "in_turn": int(step.group is not None),  # see experiments/executors
        }
        return {name: number for name, number in asked.items() if number}

    def constraints(self) -> dict[str, str]:
        """What each wildcard may be, as a regular expression."""
        found = {"epoch": r"\d+"}
        for name in ("run", "preparation", "experiment"):
            known = {re.escape(getattr(cell, name)) for cell in self.cells}
            found[name] = "|".join(sorted(known)) or "(?!)"
        return found

    def jobs(self, targets: Iterable[str] = FINAL) -> list[Job]:
        """All that is needed for some files, each job after those whose outputs it needs."""
        makers: dict[str, Job] = {}
        found: dict[str, Job] = {}
        for step in STEPS:
            for wildcards in self._choices(step):
                outputs = tuple(path.format(**wildcards) for path in step.outputs)
                job = Job(step, wildcards, outputs, tuple(self.inputs(step, wildcards)))
                makers |= dict.fromkeys(outputs, job)

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
            found["epochs"] = sorted({cell.epoch for cell in of_run})
            found |= {name: getattr(of_run[0], name) for name in ("preparation", "training_size")}
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
        stacks = [f"unseen/{c.preparation}/images.npy" for c in self.cells]
        unseen = list(dict.fromkeys(stacks)) if phantoms or self.test_images else []
        found = {
            "study": self.study,
            "paper": self.paper,
            "weights": self.weights,
            "cores": self.cores,
            "plan": config_hash(profile),
            **profile.model_dump(),
            "main": profile.image_size,
            "phantom_images": profile.data.images,
            "phantom_seed": profile.data.seed,
            "phantoms": list(STEPS[0].outputs) if phantoms else [],
            "unseen": Shell("unseen_data/training_set") if phantoms else self.test_images,
            "unseen_phantoms": [UNSEEN_PHANTOMS] if phantoms else [],
            "unseen_stacks": unseen,
            "sets": list(dict.fromkeys(cell.set for cell in self.cells)),
            "real": Shell("data/training_set" if phantoms else '"$(miua fetch hc18)"'),
            "study_files": sorted(str(path) for path in self.study.glob("data/*.csv")),
            "claims": str(self.study / f"{CLAIMS}.yaml"),
            "paper_files": sorted(str(path) for path in self.paper.glob("*") if path.is_file()),
            "trainings": list(dict.fromkeys(cell.experiment for cell in self.cells)),
            "measured": list(measured),
            "sets_of_grid": self._sets(GRID),
            "readers_files": [str(path.relative_to(self.folder)) for path in readers],
            "readers_tables": ["readers.csv", "readers.json"] if readers else [],
        }
        found["unseen_images"], found["unseen_seed"] = profile.data.unseen
        for name, scale in measured.items():
            found |= {f"{name.replace('-', '_')}_{k}": v for k, v in scale.model_dump().items()}
        return found

    def _sets(self, experiment: str) -> list[str]:
        return list(dict.fromkeys(c.set for c in self.cells if c.experiment == experiment))

    def _choices(self, step: Step) -> Iterator[dict[str, str]]:
        """Every choice of wildcards that the plan has for a step."""
        names = sorted(step.wildcards)
        for chosen in dict.fromkeys(tuple(getattr(c, name) for name in names) for c in self.cells):
            named = zip(names, chosen, strict=True)
            yield {name: f"{value:04d}" if name == "epoch" else value for name, value in named}

    def _number(self, given: int | str, wildcards: Mapping[str, str]) -> int:
        return given if isinstance(given, int) else int(self.values(wildcards)[given])


def _names(template: str) -> list[str]:
    return [name for _, name, _, _ in Formatter().parse(template) if name]


def _expand(template: str, values: Mapping[str, Any]) -> Iterator[str]:
    """The template with its values; with every combination of those that are lists."""
    several = {name: v if isinstance(v := values[name], list) else [v] for name in _names(template)}
    for chosen in product(*several.values()):
        yield template.format(**dict(zip(several, chosen, strict=True)))
