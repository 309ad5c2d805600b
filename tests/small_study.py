"""The one small results folder of all tests: a tiny study, really trained and measured.

Its steps are the Snakefile's commands, run in this process: a start of Python for each would take
minutes.
"""

import shutil
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from miua.cli import app
from miua.config import read_config
from miua.files import write_text
from miua.provenance import record_step
from miua.report.latex import write_latex
from miua.study.check import CHECKS, verify
from miua.study.manifest import write_manifest
from miua.study.plan import Profile, make_plan, read_experiments
from miua.study.run import _write_plan
from miua.study.store import Results

STUDY = Path(__file__).parents[1] / "experiments"
TINY = {
    "feature_maps": 2,
    "latent_size": 4,
    "image_size": 32,
    "reference_images": 4,
    "synthetic_images": 4,
    "data": {"source": "phantom", "images": 4, "seed": 2022},
    "experiments": {"training-size": {"training_sizes": [4], "epochs": [1]}},
}
# Of everything there is to verify and to compare, a little.
SMALL = {
    "feature_maps": 4,
    "reference_images": 5,
    "synthetic_images": 6,
    "data": {"source": "phantom", "images": 8, "seed": 2022},
    "experiments": {
        "training-size": {"training_sizes": [4, 6], "epochs": [1, 2]},
        "seeds": {"training_size": 4, "epochs": [2], "seeds": [0, 1]},
        "noise-floor": {"images": 3, "repeats": 3},
        "sensitivity": {"images": 3, "repeats": 2},
    },
}


class World:
    """Where the tiny study and its results lie."""

    def __init__(self, folder):
        self.folder = folder
        self.study = folder / "experiments"
        self.results = folder / "smoke"

    def verify(self, *checks):
        return verify(self.results, self.study, only=checks or CHECKS)

    def sign_anew(self):
        """Make the manifest of what is there now, as who covers up a change would."""
        write_manifest(self.results)

    def wrong(self, *checks):
        """Check and subject of all that these checks find wrong."""
        return {(finding.check, finding.subject) for finding in self.verify(*checks).of("failed")}


def call(*words):
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def write_profile(study, **changes):
    """A copy of the study whose smoke profile is tiny, and then changed; returns its folder."""
    if not study.exists():
        shutil.copytree(STUDY, study, ignore=shutil.ignore_patterns("expected"))
    profile = yaml.safe_load((STUDY / "profiles" / "smoke.yaml").read_text(encoding="utf-8"))
    write_text(study / "profiles" / "smoke.yaml", yaml.safe_dump(profile | TINY | changes))
    return study


def make_small_study(folder):
    """The results with a manifest, and the study that they are of, as a World."""
    world = World(folder)
    path = write_profile(world.study, **SMALL) / "profiles" / "smoke.yaml"
    plan = make_plan(read_config(path, Profile), read_experiments(world.study))
    _write_plan(world.results, plan, world.study)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(world.results)
        patch.setenv("MIUA_DATA_DIR", str(world.folder / "cache"))
        _make(plan)
    results = Results.open(world.results)
    generated = write_latex(results, world.study, results.paper / "generated")
    record_step(results.paper / "provenance.json", base=world.results, inputs=[], files=generated)
    write_manifest(world.results)
    return world


def _make(plan):
    call("phantom", "--out", "data", "--images", 8, "--seed", 2022)
    call("stack", "data/training_set", "--size", 32, "--out", "real/32")
    call("stack", "real/32/images.npy", "--images", 5, "--size", 32, "--out", "reference/32")
    for run in plan.runs:
        options = ("--images", "real/32/images.npy", "--out", f"runs/{run}", "--threads", 1)
        call("train", "--config", f"configs/{run}.yaml", *options)
    for cell in {cell.set: cell for cell in plan.cells}.values():
        options = ("--images", 6, "--threads", 1, "--out", f"sets/{cell.set}")
        call("generate", "--run", f"runs/{cell.run}", "--epoch", cell.epoch, *options)
        _evaluate(cell.set)
    call("phantom", "--out", "unseen_data", "--images", 2, "--seed", 2023)
    call("stack", "unseen_data/training_set", "--size", 32, "--out", "unseen/32")
    call("unseen", ".", "--threads", 1)
    call("lbpv", "reference/32/images.npy", "--out", "metrics/reference.npy")
    measured = ("data/training_set", "--size", 32, "--images", 3)
    call("noise-floor", *measured, "--repeats", 3, "--out", "tables/noise-floor.csv")
    call("sensitivity", *measured, "--repeats", 2, "--out", "tables/sensitivity.csv")
    for experiment in dict.fromkeys(cell.experiment for cell in plan.cells):
        call("collect", ".", experiment)
    call("clinician", ".", "--study", "../experiments")
    call("analyse", ".")
    call("claims", ".", "--study", "../experiments")


def _evaluate(name):
    options = ("--name", name, "--metrics", "study", "--floor-splits", 0, "--quiet")
    outputs = ("--csv", f"metrics/{name}.csv", "--lbpv", f"metrics/{name}.npy")
    reference = "reference/32/images.npy"
    call("evaluate", "--real", reference, "--synthetic", f"sets/{name}", *options, *outputs)
