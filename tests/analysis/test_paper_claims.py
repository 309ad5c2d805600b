"""claims.yaml: nine claims with their evidence, errors in words, and the commit it was fixed in."""

import re
import shutil
import subprocess

import pytest
import yaml

from miua.analysis.claim_tests.base import TESTS
from miua.analysis.paper_claims import DECIDED_BY, read_claims, when_fixed
from miua.config import read_config
from miua.errors import MiuaError
from miua.study.plan import Profile, make_plan, read_experiments
from miua.study.scales import Arms
from tests.analysis.claim_tests.world import PAPER_IDS, STUDY, damaged

CLAIMS = read_claims(STUDY)
EVIDENCE = [row for claim in CLAIMS for row in claim.evidence]
ROOT = STUDY.parent
PLACE = "experiments/claims.yaml"


def test_the_claims_are_the_nine_of_the_paper_and_hold_all_the_evidence():
    assert tuple(claim.id for claim in CLAIMS) == PAPER_IDS
    document = yaml.safe_load((STUDY / "claims.yaml").read_text(encoding="utf-8"))
    assert sorted(row.id for row in EVIDENCE) == sorted(row["id"] for row in document["evidence"])
    for claim in CLAIMS:
        assert {row.of for row in claim.evidence} == {claim.id}
        for kind, row in claim.deciding.items():
            assert row in claim.evidence
            assert row.basis in DECIDED_BY[kind]


def test_what_a_row_rests_on_agrees_with_what_it_needs():
    people = {"readers", "clinician_scores_of_our_sets"}
    for row in EVIDENCE:
        assert (row.basis == "readers") == bool(people & set(row.needs)), row.id
        if row.basis == "training":
            assert "real_images" in row.needs, row.id
        if row.basis == "published":
            assert row.needs == [], row.id
            assert row.experiments == ["clinician"], row.id


def test_every_registered_test_judges_a_claim():
    assert {claim.test for claim in EVIDENCE} == set(TESTS)


@pytest.mark.parametrize("profile", ["smoke", "cpu", "paper"])
def test_every_arm_of_a_claim_is_one_of_its_experiment(profile):
    settings = read_config(STUDY / "profiles" / f"{profile}.yaml", Profile)
    # A profile may leave arms out, and their claims untested.
    scales = {
        name: scale.model_copy(update={"arms": None}) if isinstance(scale, Arms) else scale
        for name, scale in settings.experiments.items()
    }
    settings = settings.model_copy(update={"experiments": scales})
    plan = make_plan(settings, read_experiments(STUDY))
    known = {(cell.experiment, cell.arm) for cell in plan.cells}
    for claim in EVIDENCE:
        experiment, inputs = claim.experiments[0], claim.inputs
        # sets-within-floor takes its sets from the grid, whatever the experiment of the claim.
        one = ("arm", "best", "control", "neither", "flip", "rotation", "both")
        named = [inputs.get(key) for key in (*one, "equal_updates", "equal_epochs")]
        for key in ("others", "beside", "stable", "unstable"):
            named += inputs.get(key, [])
        assert {(experiment, arm) for arm in named if arm} <= known, claim.id
        for runs in (inputs.get("wide"), inputs.get("narrow")):
            if runs and "arm" in runs:
                assert (runs["experiment"], runs["arm"]) in known


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"experiments": ["training-sizes"]}, r"unknown experiment 'training-sizes'.*seeds"),
        ({"test": "t-test"}, r"unknown test 't-test'.*best-arm"),
        ({"inputs": {"metrics": ["vif"], "arm": "equal epochs"}}, r"'vif' is no metric.*fd_lbp"),
        ({"inputs": {"metrics": ["psnr"], "arm": "a", "arms": 1}}, r"arms: unknown key.*metrics"),
        ({"needs": ["money"]}, r"needs\.0.*'real_images', 'fid', 'readers'"),
        ({"thresholds": {"alpha": 1.5, "effect": 1.0}}, r"thresholds.*alpha.*less than 1"),
        ({"thresholds": {"alpha": 0.05}}, r"effect: Field required"),
        ({"verdict": "reproduced"}, r"verdict: unknown key. Known keys: id, claim"),
        ({"claim": None}, r"claim: Field required"),
        ({"of": "size"}, r"unknown claim 'size'. Known: stability, .*collapse\."),
        ({"of": None}, r"of: Field required"),
        ({"basis": "hearsay"}, r"basis.*'published', 'training', 'readers' or 'method'"),
    ],
)
def test_a_wrong_row_is_named_with_what_is_known(study, changes, said):
    damaged(study, "training-size-psnr", **changes)
    with pytest.raises(MiuaError, match=said) as caught:
        read_claims(study)
    assert "claims.yaml: evidence training-size-psnr" in str(caught.value)


def test_an_id_given_twice_is_an_error(study):
    damaged(study, "training-size-psnr", id="training-size-fid")
    with pytest.raises(MiuaError, match=r"evidence training-size-fid is there twice"):
        read_claims(study)


FITTING = "Evidence of this claim that may decide it: "


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"published": "guess"},
            r"published names no row of evidence: 'guess'\. " + FITTING + "correlation, .*holm",
        ),
        (
            {"replicated": "closeness"},
            r"replicated names closeness, which is evidence of closeness\. " + FITTING,
        ),
        (
            {"published": "own-correlation"},
            r"published names own-correlation, whose basis is readers, not published\. " + FITTING,
        ),
        (
            {"replicated": "pairing"},
            r"replicated names pairing, whose basis is method, not training or readers\. "
            + FITTING,
        ),
        (
            {"published": None, "replicated": None},
            r"has nothing that decides it\. Give it published or replicated\.",
        ),
        ({"verdict": "reproduced"}, r"verdict: unknown key"),
    ],
)
def test_a_claim_that_no_fitting_row_decides_is_named(study, changes, said):
    damaged(study, "correlation", "claims", **changes)
    with pytest.raises(MiuaError, match=r"claims\.yaml: claim correlation:? " + said):
        read_claims(study)


def test_a_claim_without_evidence_and_one_given_twice_are_errors(study):
    path = study / "claims.yaml"
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    bare = {"id": "speed", "claim": "It is fast.", "section": "Results", "published": "speed"}
    path.write_text(yaml.safe_dump(document | {"claims": [*document["claims"], bare]}))
    with pytest.raises(MiuaError, match=r"claim speed has no evidence\. Add .* of: speed\."):
        read_claims(study)
    path.write_text(yaml.safe_dump(document | {"claims": document["claims"] * 2}))
    with pytest.raises(MiuaError, match=r"claim stability is there twice"):
        read_claims(study)


def test_a_missing_and_an_empty_file_are_named(study):
    (study / "claims.yaml").write_text("claims: []\n", encoding="utf-8")
    with pytest.raises(MiuaError, match=r"claims\.yaml"):
        read_claims(study)
    (study / "claims.yaml").unlink()
    with pytest.raises(MiuaError, match=r"claims\.yaml: no such"):
        read_claims(study)


def git(folder, *arguments):
    who = ("-c", "user.name=t", "-c", "user.email=t@t", "-c", "commit.gpgsign=false")
    done = subprocess.run(
        ["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def fixed_in(folder):
    return yaml.safe_load((folder / PLACE).read_text(encoding="utf-8"))["fixed_in"]


def check(folder):
    """The rows are those of the commit that the file names; it is one of this history."""
    now = yaml.safe_load((folder / PLACE).read_text(encoding="utf-8"))
    if not now["fixed_in"]:
        return
    git(folder, "merge-base", "--is-ancestor", now["fixed_in"], "HEAD")
    then = yaml.safe_load(git(folder, "show", f"{now['fixed_in']}:{PLACE}"))
    assert now | {"fixed_in": ""} == then | {"fixed_in": ""}


def test_the_claims_are_those_of_the_commit_that_they_name():
    if (ROOT / ".git").exists() or not fixed_in(ROOT):
        check(ROOT)


@pytest.fixture
def history(tmp_path):
    """A repository whose claims were committed once, and that commit."""
    (tmp_path / "experiments").mkdir()
    shutil.copy(ROOT / PLACE, tmp_path / PLACE)
    text = (tmp_path / PLACE).read_text(encoding="utf-8")
    text = re.sub(r'fixed_in: "[0-9a-f]*"', 'fixed_in: ""', text)
    (tmp_path / PLACE).write_text(text, encoding="utf-8")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "Fix the claims")
    return tmp_path, git(tmp_path, "rev-parse", "HEAD")


def changed(folder, old, new):
    text = (folder / PLACE).read_text(encoding="utf-8")
    assert old in text
    (folder / PLACE).write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_threshold_that_changed_after_the_commit_is_noticed(history):
    folder, commit = history
    check(folder)  # not fixed yet
    changed(folder, 'fixed_in: ""', f'fixed_in: "{commit}"')
    check(folder)
    changed(folder, "alpha: 0.05", "alpha: 0.06")
    with pytest.raises(AssertionError):
        check(folder)
    changed(folder, "alpha: 0.06", "alpha: 0.05")
    changed(folder, commit, "0" * 40)
    with pytest.raises(subprocess.CalledProcessError):
        check(folder)


def test_the_commit_is_printed_and_so_is_that_there_is_none_yet(history):
    folder, commit = history
    study = folder / "experiments"
    assert "not fixed yet" in when_fixed(study)
    changed(folder, 'fixed_in: ""', f'fixed_in: "{commit}"')
    assert f"were fixed in commit {commit[:12]}, before the recorded" in when_fixed(study)
    changed(folder, commit, commit[:12])
    with pytest.raises(MiuaError, match="fixed_in"):
        when_fixed(study)
