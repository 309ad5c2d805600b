"""The declared steps: what follows from what, and which code makes which of them stale."""

import shutil
from pathlib import Path

import pytest

from miua.config import read_config
from miua.study.closure import PACKAGE, closure, code_hash
from miua.study.plan import Profile, make_plan, read_experiments
from miua.study.steps import FINAL, STEPS, Study

ROOT = Path(__file__).parents[2]
STUDY = ROOT / "experiments"
PROFILES = sorted(path.stem for path in (STUDY / "profiles").glob("*.yaml"))
STACKS = {"real_images", "reference", "unseen_images"}
IMAGES = {"phantoms", "unseen_phantoms", *STACKS}
ON_REAL = {"noise_floor", "sensitivity"}
TABLES = {"experiment", "analyse"}
SHOWN = {"figures", "paper", "report"}


def study_of(name, **options):
    profile = read_config(STUDY / "profiles" / f"{name}.yaml", Profile)
    plan = make_plan(profile, read_experiments(STUDY))
    return plan, Study(profile, tuple(plan.cells), study=STUDY, paper=ROOT / "paper", **options)


def counted(jobs):
    counts = {}
    for job in jobs:
        counts[job.step.name] = counts.get(job.step.name, 0) + 1
    return counts


@pytest.mark.parametrize("name", PROFILES)
def test_there_is_a_job_for_all_that_is_planned_and_it_follows_what_it_needs(name):
    plan, study = study_of(name)
    jobs = study.jobs()
    counts = counted(jobs)
    sets = len({cell.set for cell in plan.cells})
    assert counts["train"] == len(plan.runs)
    assert counts["generate"] == counts["evaluate"] == sets
    assert counts["real_images"] == counts["reference"] == len(plan.preparations())
    assert counts["experiment"] == len({cell.experiment for cell in plan.cells})
    assert counts.get("phantoms", 0) == (plan.profile.data.source == "phantom")
    phantoms = plan.profile.data.source == "phantom"
    assert counts.get("unseen_images", 0) == (len(plan.preparations()) if phantoms else 0)
    assert counts["unseen"] == 1  # it says that there are no such images
    made = set()
    everything = {output for job in jobs for output in job.outputs}
    for job in jobs:
        assert everything.intersection(job.inputs) <= made, job.name
        made.update(job.outputs)
    assert made.issuperset(FINAL)


def test_an_experiment_alone_needs_its_own_trainings_only():
    plan, study = study_of("smoke")
    jobs = study.jobs(["tables/seeds.csv"])
    runs = {cell.run for cell in plan.cells if cell.experiment == "seeds"}
    assert {job.wildcards["run"] for job in jobs if job.step.name == "train"} == runs
    assert not {"claims", "noise_floor", *SHOWN} & set(counted(jobs))
    assert set(counted(study.jobs(["tables/clinician.csv"]))) == {"clinician"}
    assert counted(study.jobs(["tables/noise-floor.csv"])) == {"phantoms": 1, "noise_floor": 1}


def test_sets_are_measured_against_the_test_images_where_these_are():
    plan, study = study_of("cpu", test_images="a place/of images")
    jobs = study.jobs()
    (unseen,) = (job for job in jobs if job.step.name == "unseen")
    stacks = [job for job in jobs if job.step.name == "unseen_images"]
    assert {job.name for job in stacks} == {f"unseen/{n}/images.npy" for n in plan.preparations()}
    assert {job.name for job in stacks} < {*unseen.inputs}
    assert {f"sets/{cell.set}/provenance.json" for cell in plan.cells} < {*unseen.inputs}
    command = study.command(stacks[0].step, stacks[0].wildcards, 1)
    assert command.startswith("miua stack 'a place/of images' --size ")
    # Elsewhere the images lie elsewhere, and are the same.
    _, other = study_of("cpu", test_images="b")
    reasons = [each.reasons(stacks[0].step, stacks[0].wildcards) for each in (study, other)]
    assert reasons[0] == reasons[1]
    assert other.as_config(Path("sets.csv"))["test_images"] == "b"


def test_phantoms_that_no_training_sees_have_heads_of_their_own():
    _, study = study_of("smoke")
    (made, unseen) = (job for job in study.jobs() if job.step.name.endswith("phantoms"))
    assert "--seed 2022" in study.command(made.step, {}, 1)
    assert "--images 40 --seed 2023" in study.command(unseen.step, {}, 1)


def test_readers_are_scored_only_where_any_answered(tmp_path):
    assert "readers" not in counted(study_of("smoke", folder=tmp_path)[1].jobs())
    (tmp_path / "readers").mkdir()
    (tmp_path / "readers" / "reader-1.json").touch()
    jobs = study_of("smoke", folder=tmp_path)[1].jobs()
    (readers,) = (job for job in jobs if job.step.name == "readers")
    assert "readers/reader-1.json" in readers.inputs
    assert {job.step for job in jobs} == {*STEPS}


def test_a_step_is_made_again_for_its_settings_and_its_code_but_not_for_speed_or_places():
    _, study = study_of("smoke", code={"evaluate": "1"})
    evaluate = next(job for job in study.jobs() if job.step.name == "evaluate")
    asked = study.reasons(evaluate.step, evaluate.wildcards)
    _, elsewhere = study_of("smoke", code={"evaluate": "1"}, cores=9, folder=Path("x"))
    assert elsewhere.reasons(evaluate.step, evaluate.wildcards) == asked
    for change in ({"code": {"evaluate": "2"}}, {"weights": "abc"}):
        _, other = study_of("smoke", **{"code": {"evaluate": "1"}, **change})
        assert other.reasons(evaluate.step, evaluate.wildcards) != asked


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A copy of the package's sources."""
    ignored = shutil.ignore_patterns("__pycache__", "*.so")
    return shutil.copytree(PACKAGE, tmp_path_factory.mktemp("code") / "miua", ignore=ignored)


@pytest.fixture(scope="module")
def stale(package):
    """The steps that an edit of a file makes stale."""
    before = {step.name: code_hash(step.modules, package) for step in STEPS}

    def edit(name):
        path = package / name
        text = path.read_bytes()
        path.write_bytes(text + b"\n# edited\n")
        try:
            after = {step.name: code_hash(step.modules, package) for step in STEPS}
        finally:
            path.write_bytes(text)
        return {step for step in after if after[step] != before[step]}

    return edit


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("report/page.py", {"report"}),
        ("report/templates/report.css", {"report"}),
        ("report/document.py", {"paper"}),
        ("analysis/claim_tests/arms.py", {"claims", "paper", "report"}),
        ("survey/score.py", {"readers"}),
        ("sampling.py", {"generate"}),
        ("training/loop.py", set()),
        ("study/executors.py", set()),
        ("cli/study.py", set()),
    ],
)
def test_exactly_the_right_steps_become_stale(stale, name, steps):
    assert stale(name) == steps


@pytest.mark.parametrize(
    ("name", "steps", "others"),
    [
        ("data/resize.py", {*STACKS, *ON_REAL, "evaluate", "unseen"}, {"claims", *TABLES}),
        ("data/stack.py", {*STACKS, *ON_REAL, "evaluate", "unseen"}, {"claims", *TABLES}),
        ("training/draws.py", {"generate"}, {*IMAGES, "evaluate", "claims"}),
        ("dcgan.py", {"generate", *SHOWN}, {*IMAGES, "evaluate", "claims"}),
        ("config.py", {"generate", "experiment", "claims", *SHOWN}, {"phantoms", "evaluate"}),
        (
            "metrics/lbp.py",
            {"evaluate", "reference_lbpv", "unseen", *ON_REAL},
            {*IMAGES, "generate"},
        ),
        ("metrics/registry.py", {"evaluate", "claims", *TABLES, *SHOWN}, {*IMAGES, "generate"}),
        ("study/store.py", {"claims", *TABLES, *SHOWN}, {*IMAGES, "evaluate", "generate"}),
        ("analysis/real_images.py", ON_REAL, {*IMAGES, "evaluate", "experiment", "claims"}),
        ("data/degradation.py", ON_REAL, {*IMAGES, "evaluate", "experiment", "claims"}),
        ("analysis/unseen.py", {"unseen"}, {*IMAGES, "evaluate", "claims", *SHOWN}),
        ("analysis/tables.py", {*TABLES, "report"}, {*IMAGES, "evaluate", "clinician", "claims"}),
        ("files.py", {step.name for step in STEPS} - {"train", "reference_lbpv"}, {"train"}),
    ],
)
def test_what_is_shared_makes_its_users_stale_and_no_others(stale, name, steps, others):
    found = stale(name)
    assert steps <= found
    assert not others & found


def test_training_is_never_made_again_for_its_code():
    assert [step.name for step in STEPS if not step.modules] == ["train"]


def test_no_page_makes_anything_stale_but_the_report(package):
    """What a page looks like is no reason to measure, judge or draw anything again."""
    pages = {*package.rglob("page*.py"), *package.rglob("pages/*"), *package.rglob("templates/*")}
    for step in STEPS:
        if step.name != "report":
            assert not pages & set(closure(step.modules, package)), step.name


def test_the_kernels_are_code_of_what_uses_them():
    kernels = [path for path in closure(["miua.metrics.lbp"]) if path.suffix != ".py"]
    assert [path.name.partition(".")[0] for path in kernels] == ["_kernels"]
    assert all(path.suffix == ".py" for path in closure(["miua.sampling"]))


def test_an_import_that_is_added_counts_in_the_same_process(package):
    before = closure(["miua.errors"], package)
    source = package / "errors.py"
    source.write_text(source.read_text(encoding="utf-8") + "\nfrom miua import wording\n")
    assert {*closure(["miua.errors"], package)} - {*before} == {package / "wording.py"}


def test_an_unknown_module_is_refused():
    with pytest.raises(ValueError, match=r"no module miua\.nowhere"):
        closure(["miua.nowhere"])
