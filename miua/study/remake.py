"""Steps of the study made again beside their results, and compared.

A step is repeated in a scratch folder that links to the results, so that it has their inputs and
not its own outputs; what it makes there is held against theirs by one comparator. All steps can be
repeated but training, of which the samples are drawn again that a checkpoint is kept of.
"""

import posixpath
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from functools import cache, cached_property, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from miua.analysis import real_images
from miua.analysis.claims_table import write_claims
from miua.analysis.clinician import refit_clinician
from miua.analysis.tables import analyse, collect
from miua.analysis.unseen import UNSEEN_TABLES, unseen_tables
from miua.checkpoint import Position, load_checkpoint, saved_epochs
from miua.data import ReadingOptions, write_phantoms
from miua.data.hc18 import hc18_folder
from miua.data.hc18_test import folder_of_test_set
from miua.data.stack import save_stack
from miua.data.threads import usable_cores
from miua.environment import hardware
from miua.errors import MissingExtraError, MiuaError
from miua.evaluation.evaluate import evaluate
from miua.evaluation.measure import one_blas_thread
from miua.files import read_array, write_array, write_png
from miua.locked_packages import installed_packages
from miua.metrics import lbp_vector
from miua.metrics.lbpv import LBPV_DIFFERENCES
from miua.metrics.records import write_records
from miua.metrics.registry import LBPV_ELEMENTS, STUDY_METRICS, not_computed_records
from miua.progress import Progress
from miua.provenance import PROVENANCE, platform_name
from miua.report.document import GENERATED, MAIN, build_document, missing_latex
from miua.report.figures import draw_figures
from miua.report.latex import write_latex
from miua.report.page import write_report
from miua.sampling import generate
from miua.study.compare import Tolerance, compare
from miua.study.finding import Finding, Verdict, guarded, problem
from miua.study.manifest import MARK, named_files, read_manifest, read_record
from miua.study.plan import Plan, RealImages
from miua.study.steps import Job, Study
from miua.study.store import Results, write_table
from miua.survey.into_claims_table import write_reader_tables
from miua.training.adversaries import Adversaries
from miua.training.device import choose_device, set_precision
from miua.training.run_folder import (
    damaged_sample_grids,
    divergence,
    has_sample_grid,
    sample_grid,
    sample_grid_name,
)

IMAGES, METRICS, TABLES, FIGURES = "images", "metrics", "tables", "figures"
CHECK_OF = {
    "phantoms": IMAGES, "real_images": IMAGES, "reference": IMAGES, "generate": IMAGES,
    "unseen_phantoms": IMAGES, "unseen_images": IMAGES, "unseen": METRICS,
    "evaluate": METRICS, "reference_lbpv": METRICS, "noise_floor": METRICS, "sensitivity": METRICS,
    "experiment": TABLES, "clinician": TABLES, "analyse": TABLES, "readers": TABLES,
    "claims": TABLES, "paper": TABLES, "report": TABLES, "figures": FIGURES,
}  # fmt: skip
PAPERS_VALUES = f"paper/{GENERATED}"  # what is compared of the paper
ABSENT = {
    "claims": "There is no claims table: not all experiments were run.",
    "paper": "There is no paper: it was not printed.",
    "report": "There is no report: it was not written.",
    "figures": "There are no figures: they were not drawn.",
}
PRINTED = "paper/main.pdf"
FORMER_REPORT = "report/index.html"  # where the report was before it was one file

# Measured: at most 1 level in 0.001 % of the pixels, between AVX-512, AVX2 and SSE4.1.
OTHER_PROCESSOR = Tolerance(
    levels=1, share=1e-3, why="made on another processor or with another torch"
)
# A GPU that torch is left to convolves with 10 bits of mantissa (TensorFloat-32): 1/1000 of the
# range of 255, and the error of a layer goes through the next. An estimate, not measured.
OTHER_DEVICE = Tolerance(levels=4, share=1.0, why="made on another kind of device")
# Where letters and lines are drawn by other libraries, their edges differ by any grey level.
DRAWN_ELSEWHERE = Tolerance(
    levels=255, share=1.0, why="drawn with other packages or on another processor"
)
DRAWN_WITH = ("contourpy", "fonttools", "matplotlib", "numpy", "pillow", "scipy")
# Distances of covariances come from singular values, which libraries give to about six digits
# where features are nearly dependent; a network's features also depend on the device.
LOOSE = {"fd_lbp": 1e-6, "fid": 1e-3, "fd_efficientnet": 1e-3, "kd_efficientnet": 1e-3}


class _NotHereError(MiuaError):
    """What a step is made from is not at hand on this machine."""


class Remake:
    """The steps of a results folder, made again beside it; nothing in it is changed."""

    def __init__(self, results: Results, plan: Plan, study: Path) -> None:
        self.results, self.plan, self.study = results, plan, study
        self.folder = results.folder
        # Whoever made the results may have had the test images, or not: then the tables say so.
        measured = "unseen" if (results.folder / "unseen").exists() else ""
        cells, folder = tuple(plan.cells), results.folder
        steps = Study(plan.profile, cells, study, study, folder=folder, test_images=measured)
        self.known = steps.jobs()
        made = (job.name for job in self.known if self._is_there(job))
        self._jobs = steps.jobs(made)  # all that is there, and what it is made from

    def check(self, check: str) -> Iterator[Finding]:
        """Findings on all that the steps of one of these checks make."""
        jobs = [job for job in self._jobs if CHECK_OF.get(job.step.name) == check]
        if check == FIGURES:
            jobs = [job for job in jobs if self._is_there(job)]
        outputs = [output for job in jobs for output in _compared(job)]
        seen = set()
        # One scratch folder for all, so that a fault is named once, where it came in.
        with (
            tempfile.TemporaryDirectory(prefix="miua-verify-") as name,
            Progress(f"Making {check} again", len(jobs), "steps") as shown,
        ):
            _link(self.folder, Path(name), outputs)
            for job in jobs:
                for finding in self._again(check, job, Path(name)):
                    seen.add(finding.subject)
                    yield finding
                shown.advance(note=job.name)
        for job in self.known:
            name = job.step.name
            if name in ABSENT and CHECK_OF[name] == check and not self._is_there(job):
                yield Finding(check, job.name, "not checked", ABSENT[name])
        if check == TABLES:
            yield from self._rest(seen)
        if check == FIGURES:
            yield from guarded(check, PRINTED, self._printed)
            for run in (run for run in self.plan.runs if self.results.run(run).exists()):
                yield from guarded(check, f"runs/{run}/samples", self._samples, run)

    def _printed(self) -> Iterator[Finding]:
        """The paper, printed again of its generated files."""
        source, there = self.study.parent / "paper", self.folder / PRINTED
        if not there.exists():
            return  # the check of the tables says so
        if not (source / MAIN).is_file():
            missing = f"There is no {source / MAIN}, so it was not printed again."
        else:
            missing = missing_latex()
        if missing:
            yield Finding(FIGURES, PRINTED, "not checked", missing)
            return
        with tempfile.TemporaryDirectory(prefix="miua-verify-") as name:
            again = Path(name) / there.name
            build_document(source, self.folder / PAPERS_VALUES, again)
            yield from compare(FIGURES, PRINTED, there, again, Tolerance())

    def _samples(self, run: str) -> Iterator[Finding]:
        """The samples of a run: whole, and those that a checkpoint is kept of drawn again."""
        folder, config = self.results.run(run), self.plan.runs[run]
        diverged = divergence(folder)
        saved = saved_epochs(folder)
        last = max(saved, default=0) if diverged is None else diverged["epoch"] - 1
        damaged = damaged_sample_grids(folder, config, last)
        for epoch in damaged:
            name = f"runs/{run}/{sample_grid_name(epoch)}"
            yield Finding(FIGURES, name, "failed", "It is missing, or no picture of samples.")
        record = read_record(folder / PROVENANCE)
        device = choose_device(**_where_like(record))
        set_precision(config.precision if device.type == "cuda" else "float32", device)
        networks = Adversaries(config, device)
        kept = {each for each in saved if has_sample_grid(config, each)}
        with tempfile.TemporaryDirectory(prefix="miua-verify-") as scratch:
            for epoch in sorted(kept.difference(damaged)):
                name = sample_grid_name(epoch)
                again = Path(scratch) / Path(name).name
                networks.load(load_checkpoint(folder, Position(epoch), config)[0])
                write_png(again, sample_grid(networks, config))
                subject, tolerance = f"runs/{run}/{name}", self._of_network(record)
                yield from compare(FIGURES, subject, folder / name, again, tolerance)

    def _rest(self, seen: set[str]) -> Iterator[Finding]:
        """What of the tables' check no step has made again."""
        of_metrics = (job for job in self._jobs if CHECK_OF.get(job.step.name) == METRICS)
        seen |= {output for job in of_metrics for output in job.outputs}
        said = "Nothing makes it here: what it is made of is missing, or it does not belong."
        for name in sorted(_files_in(self.folder, "tables") - seen):
            yield Finding(TABLES, name, "failed", said)
        if (self.folder / FORMER_REPORT).exists():
            said = "A page of an earlier version, which nothing makes or checks. Remove its folder."
            yield Finding(TABLES, FORMER_REPORT, "failed", said)

    def _is_there(self, job: Job) -> bool:
        return any((self.folder / path).exists() for path in (*job.outputs, *_compared(job)))

    def _again(self, check: str, job: Job, scratch: Path) -> Iterator[Finding]:
        outputs, before = _compared(job), _files_in(scratch, ".")
        try:
            self._make(job, scratch)
            tolerance = self._tolerance(job)
        except MissingExtraError:
            raise
        except Exception as error:
            verdict: Verdict = "not checked" if isinstance(error, _NotHereError) else "failed"
            for output in outputs:
                said = problem(error).replace(str(scratch), str(self.folder))
                yield Finding(check, output, verdict, said)
                there, again = self.folder / output, scratch / output
                if there.exists() and not again.exists():
                    again.parent.mkdir(parents=True, exist_ok=True)
                    again.symlink_to(there.resolve())
            return
        inside = {output: _files_in(scratch, output) for output in outputs}
        others = (_files_in(scratch, ".") - before).difference(*inside.values())
        inside |= {other: {other} for other in sorted(others)}
        for output, made in inside.items():
            names = made | _files_in(self.folder, output)
            found: list[Finding] = []
            for each in sorted(names):
                subject = each.removesuffix("/images.npy")
                both = self.folder / each, scratch / each
                found += guarded(check, subject, compare, check, subject, *both, tolerance)
            if len(found) > 1 and all(finding.verdict == "passed" for finding in found):
                said = f"Made again, all {len(names)} files have the same content."
                found = [Finding(check, output, "passed", said)]
            yield from found

    def _make(self, job: Job, at: Path) -> None:
        """What the step makes, in a folder where everything else of the results is."""
        profile, study, chosen = self.plan.profile, self.study, job.wildcards
        results = Results(at, profile)
        match job.step.name:
            case "phantoms":
                assert profile.data.images is not None
                write_phantoms(at / "data", profile.data.images, profile.data.seed)
            case "real_images":
                config = self.plan.preparations()[chosen["preparation"]]
                how = ReadingOptions(config.image_size, config.fit, config.crop_size)
                save_stack(self._real_images, results.real(chosen["preparation"]), how, cache=False)
            case "unseen_phantoms":
                write_phantoms(at / "unseen_data", *profile.data.unseen)
            case "unseen_images":
                config = self.plan.preparations()[chosen["preparation"]]
                how = ReadingOptions(config.image_size, config.fit, config.crop_size)
                out = results.unseen(chosen["preparation"])
                save_stack(self._unseen_images, out, how, cache=False)
            case "reference":
                name, drawn = chosen["preparation"], profile.reference_images
                source, out = results.real(name) / "images.npy", results.reference(name)
                save_stack(source, out, ReadingOptions(), drawn, profile.seed, cache=False)
            case "generate":
                self._generate(chosen["run"], chosen["epoch"], results)
            case "evaluate":
                self._evaluate(f"{chosen['run']}_e{chosen['epoch']}", results)
            case "unseen":
                for name, table in zip(UNSEEN_TABLES, unseen_tables(results), strict=True):
                    write_table(results.table_path(name), table)
            case "reference_lbpv":
                write_array(results.reference_lbpv, lbp_vector(read_array(results.reference_stack)))
            case "noise_floor":
                self._measure_real_images("noise-floor", real_images.noise_floor_tables, results)
            case "sensitivity":
                self._measure_real_images("sensitivity", real_images.sensitivity_tables, results)
            case "experiment":
                collect(at, chosen["experiment"])
            case "clinician":
                refit_clinician(at, study)
            case "analyse":
                analyse(at)
            case "readers":
                write_reader_tables(at)
            case "claims":
                write_claims(at, study)
            case "figures":
                draw_figures(at, study)
            case "paper":
                write_latex(Results.open(at), study, at / PAPERS_VALUES)
                for figure in (at / "figures").glob("*.pdf"):  # the paper has copies of them
                    shutil.copyfile(figure, at / PAPERS_VALUES / figure.name)
            case "report":
                write_report(at, study)

    def _generate(self, run: str, epoch: str, at: Results) -> None:
        """On a device of the kind that made the set, where there is one."""
        name, profile = f"{run}_e{epoch}", self.plan.profile
        record = self._record(name)
        how: dict[str, Any] = {"images": profile.synthetic_images, "seed": profile.seed}
        how |= _where_like(record)
        generate(at.run(run), int(epoch), at.set(name), **how, record_divergence=True)

    def _evaluate(self, name: str, at: Results) -> None:
        if reason := read_record(at.set(name) / PROVENANCE).get("not_made"):
            write_records(at.set_metrics(name), not_computed_records(name, str(reason)))
            write_array(at.set_lbpv(name), np.full(LBPV_ELEMENTS, np.nan))
            return
        preparation = next(c.preparation for c in self.plan.cells if c.set == name)
        real, sets = at.reference(preparation) / "images.npy", {name: at.set(name)}
        how: dict[str, Any] = {"metrics": STUDY_METRICS, "floor_splits": 0, "seed": at.plan.seed}
        with one_blas_thread():
            found = evaluate(real, sets, **how)
        found.write_csv(at.set_metrics(name))
        write_array(at.set_lbpv(name), found.sets[0].lbpv)

    def _measure_real_images(
        self, name: str, tables_of: Callable[..., real_images.Tables], at: Results
    ) -> None:
        scale = self.plan.profile.experiments[name]
        assert isinstance(scale, RealImages)
        with one_blas_thread():
            tables = tables_of(self._measured(scale.images), scale.repeats, self.plan.profile.seed)
        for ending, table in tables.items():
            write_table(at.table_path(f"{name}{ending}"), table)

    @cached_property
    def _measured(self) -> Callable[[int], real_images.MeasuredImages]:
        """Halves of so many real images, measured once for all that is asked of them."""
        options = ReadingOptions(self.plan.profile.image_size)
        return cache(partial(real_images.measure_images, self._real_images, options))

    @cached_property
    def _real_images(self) -> Path:
        """The folder of the images that the study is of."""
        if self.plan.profile.data.source == "phantom":
            return self.folder / "data" / "training_set"
        try:
            return hc18_folder()
        except MiuaError as error:
            raise _NotHereError(f"The real images are not at hand. {error}") from None

    @cached_property
    def _unseen_images(self) -> Path:
        """The folder of the images that no training saw."""
        if self.plan.profile.data.source == "phantom":
            return self.folder / "unseen_data" / "training_set"
        try:
            return folder_of_test_set()
        except MiuaError as error:
            raise _NotHereError(str(error)) from None

    def _record(self, name: str) -> dict[str, Any]:
        return read_record(self.results.set(name) / PROVENANCE)

    def _tolerance(self, job: Job) -> Tolerance:
        """Of a set by where and with what it was made, as its provenance and the manifest say.

        A network's arithmetic is the same bit for bit on the same processor with the same torch.
        Another one sums in another order, and some grey values are rounded to the neighbour. A set
        that is a little off is then undecided, and never agrees: anybody can write a record.
        """
        usual = Tolerance(relative=job.step.tolerance)
        match job.step.name:
            case "noise_floor" | "sensitivity":
                return replace(usual, metrics=LOOSE)
            case "evaluate" | "unseen":  # the LBP vectors come from integer counts
                return replace(usual, metrics=LOOSE, exact=frozenset(LBPV_DIFFERENCES))
            case "generate":
                return self._of_network(self._record("{run}_e{epoch}".format(**job.wildcards)))
            case "figures":
                here = {**installed_packages(), "on": hardware()["processor"]}
                made = {**self._manifest.get("packages", {}), "on": self._processor}
                if any(here.get(name) != made.get(name) for name in (*DRAWN_WITH, "on")):
                    return DRAWN_ELSEWHERE
        return usual

    def _of_network(self, record: dict[str, Any]) -> Tolerance:
        """Of images that a network made, by the record of that."""
        if record["device"] != "cpu":
            return OTHER_DEVICE
        here = version("torch"), platform_name(), hardware()["processor"]
        made = record["packages"].get("torch"), record["platform"], self._processor
        # A training that went on may have done so on another machine.
        alike = made == here and not record.get("resumed")
        return Tolerance(relative=0.0) if alike else OTHER_PROCESSOR

    @cached_property
    def _manifest(self) -> dict[str, Any]:
        try:
            return read_manifest(self.folder)
        except MiuaError:
            return {}

    @cached_property
    def _processor(self) -> str | None:
        """Of the machine that made the results, as their manifest says."""
        hardware = self._manifest.get("hardware")
        return str(hardware.get("processor")) if isinstance(hardware, dict) else None


def _where_like(record: dict[str, Any]) -> dict[str, Any]:
    """A device of the kind that a record names, where there is one, and its threads."""
    cuda = record["device"] != "cpu" and torch.cuda.is_available()
    threads = min(max(1, int(record["threads"])), usable_cores())
    return {"device": "cuda" if cuda else "cpu", "threads": threads}


def _compared(job: Job) -> tuple[str, ...]:
    """What is compared of a job's outputs, files or folders."""
    if job.step.name == "paper":
        return (PAPERS_VALUES,)
    whole = CHECK_OF.get(job.step.name) in (IMAGES, FIGURES)
    return (posixpath.dirname(job.name),) if whole else job.outputs


def _link(folder: Path, scratch: Path, without: Collection[str]) -> None:
    """Fill a folder with links to all that is in another, but for these paths in it."""
    parts = [path.partition("/") for path in without]
    for path in folder.iterdir():
        inner = [rest for first, _, rest in parts if first == path.name]
        if not inner:
            (scratch / path.name).symlink_to(path.resolve())
        elif "" not in inner and path.is_dir():
            (scratch / path.name).mkdir()
            _link(path, scratch / path.name, inner)


def _files_in(folder: Path, place: str) -> set[str]:
    """The files at a place in a folder, as seen from it, without links, and without records.

    Records say what made other files: `files` and `plan` check them.
    """
    start = folder / place
    paths = start.rglob("*") if start.is_dir() else [start]
    files = (path for path in paths if path.is_file() and not path.is_symlink())
    return {path.relative_to(folder).as_posix() for path in files if not _is_record(path)}


def _is_record(path: Path) -> bool:
    """Whether a file says what made others, or that it was made: `files` and `plan` check those."""
    record = path.suffix == ".json" and named_files(path) is not None
    mark = path.name.endswith(MARK) and not path.stat().st_size
    return record or mark or path.name == PROVENANCE
