"""The claims table as a whole: claims.yaml, the rule on phantoms, what is written and printed."""

import functools
import json
import os
import re
import shutil
import subprocess
import sys

import pandas as pd
import pytest

from miua.analysis.claim_tests.base import TESTS, VERDICTS, ClaimFinding, ClaimTest, Evidence
from miua.analysis.claims_table import (
    CLAIMS_COLUMNS,
    EVIDENCE_COLUMNS,
    at_scale,
    count_verdicts,
    in_one_line,
    judge,
    read_claims_table,
    write_claims,
)
from miua.analysis.clinician import read_scores, refit, strengths
from miua.analysis.columns import COLUMNS
from miua.analysis.paper_claims import DECIDED_BY, read_claims
from miua.errors import MiuaError
from miua.metrics.registry import element_name
from miua.study.plan import read_experiments
from miua.study.store import Results
from tests.analysis.claim_tests.world import (
    DAMAGES,
    FIVE,
    FOUR,
    PAPER_IDS,
    STUDY,
    World,
    damaged,
    drawn,
)

CLAIMS = read_claims(STUDY)
BY_ID = {row.id: row for claim in CLAIMS for row in claim.evidence}
NAMES = list(BY_ID)


def plant(folder, *, scientific):
    """A results folder in which nearly every claim holds."""
    world = World(folder, scientific=scientific)
    draw = drawn(1)
    closest = {element_name(e): 0.1 * (e % 7 + 1) for e in (8, 20, 143, 240)}

    def metrics(*_):
        return (
            {"mutual_information": draw(0.4, 0.001), "psnr": draw(11, 0.1), "fid": draw(245, 2)}
            | {"fd_lbp": draw(100), "diversity": (0.8, 0.7, 0.9)}
            | {element_name(e): draw(20, 0.5) for e in range(256)}
            | {name: value + draw(0, 0.01) for name, value in closest.items()}
        )

    world.grid(metrics, updates_value_of=lambda _: {"fid": draw(245, 0.1), "fd_lbp": draw(100)})
    study = read_experiments(STUDY)
    # Flip and rotation add up.
    distances = {("learning-rate", "text"): 200.0, ("augmentation", "both"): 200.0}
    distances["augmentation", "none"] = 400.0
    for name in ("augmentation", "learning-rate"):
        arms = study[name].arms
        world.sets(name, [(a, 300, 1000, {"fid": distances.get((name, a), 300.0)}) for a in arms])
    world.sets(
        "seeds",
        [(f"seed-{i}", 300, 1000, metrics() | {"fid": 200.0 + 0.1 * i}) for i in range(3)],
    )
    # As far from unseen images as from the reference, but for a little.
    tables = [pd.read_csv(folder / "tables" / f"{name}.csv") for name in ("training-size", "seeds")]
    sets, further = pd.concat(tables).drop_duplicates(["set", "metric"]), drawn(3)
    sets = sets.assign(reference="test", value=[value + further() for value in sets["value"]])
    world.write("unseen", sets[list(COLUMNS["unseen"])], COLUMNS["unseen"])
    signs = {
        ("image-size", arm): "" if arm == "64" else "non-finite loss"
        for arm in study["image-size"].arms
    }
    signs |= {
        ("learning-rate", arm): "" if arm == "text" else "non-finite loss"
        for arm in study["learning-rate"].arms
    }
    signs[("training-size", "equal epochs")] = ""
    tables = []
    for experiment in ("image-size", "learning-rate", "training-size"):
        world.stability(experiment, {a: seen for (e, a), seen in signs.items() if e == experiment})
        tables.append(pd.read_csv(folder / "tables" / "stability.csv"))
    pd.concat(tables).to_csv(folder / "tables" / "stability.csv", index=False)
    world.floor(
        {"fid": (30, 28, 32), "mutual_information": (0.4, 0.39, 0.41), "psnr": (11, 10.9, 11.1)}
        | dict.fromkeys(FOUR, (0, -8, 8)),
        in_order=dict.fromkeys(FOUR, 9),
    )
    rows = [(s, 400, r, 90 * (s == "image"), "psnr", 11, "computed") for s in ("image", "subject")
            for r in range(2)]  # fmt: skip
    world.write("noise-floor", rows, COLUMNS["noise-floor"])
    pairs = [(way, metric, value) for metric in ("psnr", "mutual_information")
             for way, value in (("all", 1), ("nearest", 9))]  # fmt: skip
    world.write("noise-floor-pairing", pairs, COLUMNS["noise-floor-pairing"])
    judged = [*FIVE, "mutual_information", "psnr", "fd_lbp", "diversity"]
    world.sensitivity({(damage, metric): "as it should" for damage in DAMAGES for metric in judged})
    refit(STUDY).to_csv(folder / "tables" / "regression.csv", index=False)
    published_strengths().to_csv(folder / "tables" / "clinician.csv", index=False)
    return folder


@functools.cache
def published_strengths():
    return strengths(read_scores(STUDY))


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    return plant(tmp_path_factory.mktemp("claims-table") / "paper", scientific=True)


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    return plant(tmp_path_factory.mktemp("claims-table") / "smoke", scientific=False)


@pytest.fixture(scope="module")
def both(real, smoke):
    """The evidence of claims.json of both, by id."""
    for folder in (real, smoke):
        write_claims(folder, STUDY)
    documents = [read_claims_table(Results.open(folder)) for folder in (real, smoke)]
    return [{entry["id"]: entry for entry in document["evidence"]} for document in documents]


@pytest.mark.parametrize("claim_id", NAMES)
def test_phantoms_reproduce_nothing_that_needs_real_images(both, smoke, claim_id, monkeypatch):
    claim, (real, phantoms) = BY_ID[claim_id], both
    if "real_images" in claim.needs:
        entry = phantoms[claim_id]
        assert entry["verdict"] == "not testable here"
        assert entry["missing"][0] == "real images"
        # What the phantoms gave stays: same numbers as with the same tables of real images.
        assert entry["numbers"] == real[claim_id]["numbers"]
        if real[claim_id]["verdict"] != "not testable here":
            assert real[claim_id]["reason"] in entry["reason"]
    # Whatever a test says.
    test = TESTS[claim.test]
    agreeing = ClaimTest(
        lambda *_, **__: ClaimFinding("reproduced", "Yes."), test.inputs, test.thresholds
    )
    monkeypatch.setitem(TESTS, claim.test, agreeing)
    evidence = Evidence(Results.open(smoke), STUDY, tuple(claim.experiments))
    free = not {"real_images", "readers", "clinician_scores_of_our_sets"} & set(claim.needs)
    assert (judge(claim, evidence).verdict == "reproduced") == free


def test_where_the_tables_agree_the_claims_are_reproduced(both):
    real, _ = both
    others = {name: entry["verdict"] for name, entry in real.items()
              if entry["verdict"] != "reproduced"}  # fmt: skip
    assert others.pop("indistinguishable") == "not testable here"
    assert others.pop("clinician") == "not testable here"
    assert others.pop("correlation-others") == "not testable here"
    assert others.pop("own-correlation") == "not testable here"
    assert others.pop("own-correlation-family") == "not testable here"
    # By the published data alone:
    assert others.pop("correlation-significance") == "undecided"
    assert others.pop("correlation-holm") == "undecided"
    assert others.pop("correlation-family") == "undecided"
    assert others.pop("indistinguishable-chance") == "undecided"
    assert others.pop("correlation-direction") == "undecided"
    assert others.pop("correlation-reliability") == "undecided"
    assert others.pop("correlation-few-points") == "not reproduced"
    assert others.pop("closeness-published") == "not reproduced"
    assert others.pop("closeness-quality") == "undecided"
    # Sets without any trend have none over the epochs, which five trainings leave open.
    assert others.pop("epochs") == "undecided"
    assert others.pop("upper-limit", "undecided") == "undecided"
    assert others.pop("updates-not-images") == "undecided"  # one training of each size
    # Without an effect, so few trainings show no equivalence, and sizes spread as seeds would.
    assert {name for name in others if not name.startswith("training-size")} == set()
    assert set(others.values()) <= {"undecided", "not reproduced"}


def test_the_published_data_are_judged_alike_in_every_profile(both):
    for claims_table in both:
        coefficients, significance = (
            claims_table[f"correlation-{name}"] for name in ("coefficients", "significance")
        )
        assert coefficients["verdict"] == "reproduced"
        p = refit(STUDY).set_index("metric")["p_value"]
        assert significance["numbers"]["p fid"] == pytest.approx(p["fid"])
        assert (p > 0.05).all()
        assert significance["verdict"] == "undecided"
        assert significance["power"] == pytest.approx(0.135, abs=0.001)
        assert significance["numbers"]["smallest r found"] == pytest.approx(0.579, abs=0.001)
        assert claims_table["correlation"]["verdict"] == "reproduced"
        assert claims_table["correlation-direction"]["verdict"] == "undecided"
        assert claims_table["clinician-information"]["verdict"] == "reproduced"
        assert claims_table["closeness-published"]["verdict"] == "not reproduced"


def test_an_undecided_claim_tells_power_or_reason(both):
    for entry in (entry for claims_table in both for entry in claims_table.values()):
        if entry["verdict"] == "undecided":
            assert entry["power"] is not None or "no answer" in entry["reason"]
        if entry["verdict"] == "not testable here":
            assert entry["missing"]


@pytest.fixture
def copy(real, tmp_path):
    shutil.copytree(real, tmp_path / "results")
    return tmp_path / "results"


def test_a_folder_that_holds_no_study_is_named_with_the_option(copy, tmp_path):
    for study in (tmp_path / "none", tmp_path):
        with pytest.raises(MiuaError, match=r"training-size\.yaml is missing.*--study"):
            write_claims(copy, study)


def judged(folder, study=STUDY):
    write_claims(folder, study)
    return read_claims_table(Results.open(folder))


def verdicts(folder):
    return {entry["id"]: entry for entry in judged(folder)["evidence"]}


def test_without_any_table_nothing_that_needs_one_is_decided(copy):
    shutil.rmtree(copy / "tables")
    claims_table = verdicts(copy)
    decided = {
        name for name, entry in claims_table.items() if entry["verdict"] != "not testable here"
    }
    assert decided == {
        "training-size-power", "indistinguishable-counts", "indistinguishable-chance",
        "clinician-information", "accuracy-on-real", "correlation-reliability",
        "closeness-published", "closeness-quality",
    }  # fmt: skip
    assert "training-size" in claims_table["training-size-psnr"]["missing"][0]


def test_without_fid_no_claim_on_fid_is_decided(copy):
    for path in (copy / "tables").glob("*.csv"):
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        if (
            "metric" not in table
            or "status" not in table
            or path.stem in ("regression", "clinician")
        ):
            continue
        fid = table["metric"] == "fid"
        table.loc[fid, "status"] = "not computed: no Inception weights"
        table.loc[fid, [c for c in ("value", "mean", "low", "high") if c in table]] = ""
        table.to_csv(path, index=False)
    claims_table = verdicts(copy)
    for claim in BY_ID.values():
        if "fid" in claim.needs:
            assert claims_table[claim.id]["verdict"] == "not testable here"
            assert "no Inception weights" in claims_table[claim.id]["missing"][0]
    assert "no Inception weights" in claims_table["training-size"]["reason"]
    assert claims_table["epochs-or-updates"]["reason"].startswith("FD-LBP")


def test_an_empty_table_is_an_error_that_names_it(copy):
    path = copy / "tables" / "training-size.csv"
    path.write_text(path.read_text().splitlines()[0] + "\n")
    with pytest.raises(MiuaError, match=r"training-size\.csv has a head and no rows"):
        write_claims(copy, STUDY)


# --- what is written --------------------------------------------------------------------------


def test_json_and_tables_hold_the_same(real, both):
    document = json.loads((real / "claims.json").read_text(encoding="utf-8"))
    assert document["schema"] == 2
    assert document["scientific"] is True
    table = pd.read_csv(real / "tables" / "evidence.csv", keep_default_na=False)
    assert tuple(table.columns) == EVIDENCE_COLUMNS
    assert table["id"].tolist() == NAMES == [entry["id"] for entry in document["evidence"]]
    for key in ("verdict", "of", "basis"):
        assert table[key].tolist() == [entry[key] for entry in document["evidence"]]
    for entry in document["evidence"]:
        assert entry["reason"].strip().endswith(".")
        assert not re.search(r"nan|inf\b", entry["reason"])
        assert entry["reason"].startswith(entry["line"]) or entry["verdict"] != "not testable here"
        for source in entry["sources"]:
            there = STUDY.parent / source if source.startswith("experiments") else real / source
            assert there.is_file()


def test_the_claims_come_first_each_with_the_verdict_of_the_row_that_decides_it(real, both):
    document = json.loads((real / "claims.json").read_text(encoding="utf-8"))
    evidence = {entry["id"]: entry for entry in document["evidence"]}
    assert tuple(entry["id"] for entry in document["claims"]) == PAPER_IDS
    for entry, claim in zip(document["claims"], CLAIMS, strict=True):
        assert {kind for kind in DECIDED_BY if entry[kind]} == set(claim.deciding)
        for kind, row in claim.deciding.items():
            assert entry[kind] == {
                "evidence": row.id, "test": row.test, "means": row.reproduced,
                "verdict": evidence[row.id]["verdict"], "line": evidence[row.id]["line"],
            }  # fmt: skip
    for kind, counts in document["verdicts"].items():
        assert counts == count_verdicts(entry[kind] for entry in document["claims"] if entry[kind])
        assert set(counts) == set(VERDICTS)
        assert sum(counts.values()) == sum(kind in claim.deciding for claim in CLAIMS)
    assert set(document["verdicts"]) == set(DECIDED_BY)
    assert sum(document["verdicts"]["replicated"].values()) == len(PAPER_IDS)
    table = pd.read_csv(real / "tables" / "claims.csv", keep_default_na=False)
    assert tuple(table.columns) == CLAIMS_COLUMNS
    assert tuple(table["id"]) == PAPER_IDS
    for row, entry, claim in zip(
        table.to_dict(orient="records"), document["claims"], CLAIMS, strict=True
    ):
        assert row["evidence"].split("; ") == [each.id for each in claim.evidence]
        for kind in DECIDED_BY:
            cells = {key: row[f"{kind}_{key}"] for key in ("verdict", "line", "evidence")}
            assert cells == {key: (entry[kind] or {}).get(key, "") for key in cells}


def test_another_row_that_decides_gives_another_verdict(copy, study):
    for name in ("correlation", "correlation-significance"):
        damaged(study, "correlation", "claims", published=name)
        document = judged(copy, study)
        (claim,) = [each for each in document["claims"] if each["id"] == "correlation"]
        (row,) = [each for each in document["evidence"] if each["id"] == name]
        assert claim["published"]["verdict"] == row["verdict"]
        assert claim["published"]["evidence"] == name
    assert row["verdict"] == "undecided"


@pytest.mark.parametrize(
    ("finding", "line"),
    [
        (ClaimFinding("reproduced", "It has 0.5 %. More is said."), "It has 0.5 %."),
        (ClaimFinding("undecided", "It has 0.5. 3 of 5 are.", line="Short."), "Short."),
        (
            ClaimFinding("not testable here", "Missing: a. What phantoms give: b.", line="Short."),
            "Missing: a.",
        ),
    ],
)
def test_a_line_is_the_first_sentence_or_what_the_test_says_in_short(finding, line):
    assert in_one_line(finding) == line


def test_counting_verdicts_tells_also_what_none_has():
    counts = count_verdicts([{"verdict": "undecided"}, {"verdict": "undecided"}])
    assert counts == {
        "reproduced": 0, "not reproduced": 0, "undecided": 2, "not testable here": 0
    }  # fmt: skip


def test_judging_twice_writes_the_same_bytes(real, both, copy):
    (copy / "claims.json").unlink()
    write_claims(copy, STUDY)
    assert (copy / "claims.json").read_bytes() == (real / "claims.json").read_bytes()


def test_a_claims_table_of_another_schema_is_refused(copy):
    (copy / "claims.json").write_text('{"schema": 0}')
    with pytest.raises(MiuaError, match="schema 2"):
        read_claims_table(Results.open(copy))


def test_the_command_prints_every_claim_at_80_columns(smoke):
    command = "from miua.cli import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", command, "claims", str(smoke), "--study", str(STUDY)],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "80", "NO_COLOR": "1"},
        check=True,
    )
    lines = result.stdout.splitlines()
    assert max(len(line) for line in lines if "claims." not in line) <= 80
    text = re.sub(r"\s+", "", result.stdout)
    for name in NAMES:
        first_line = name[:18]
        assert first_line in text
    assert "notascientificresult" in text
    assert "nottestablehere" in text
    assert "claims.json" in text
    # The claims come before the evidence, and what is counted is claims.
    first = result.stdout.index("Evidence for ")
    for claim in CLAIMS:
        assert re.search(rf"^{claim.id}: ", result.stdout[:first], re.MULTILINE)
        assert f"Evidence for {claim.id}: " in result.stdout[first:]
    assert "replicated, 9 of 9 claims: 0 reproduced" in result.stdout
    assert f"evidence: {len(BY_ID)} rows" in result.stdout


def test_a_claim_is_judged_by_its_thresholds(real, study):
    damaged(study, "collapse", thresholds={"ratio": 0.5, "margin": 0.05, "share": 0.5})
    found = {}
    for folder in (STUDY, study):
        rows = {row.id: row for claim in read_claims(folder) for row in claim.evidence}
        evidence = Evidence(Results.open(real), folder, tuple(rows["collapse"].experiments))
        found[folder] = judge(rows["collapse"], evidence).verdict
    assert found == {STUDY: "reproduced", study: "not reproduced"}


@pytest.mark.parametrize(
    ("verdict", "epochs", "said"),
    [
        ("reproduced", [12, 40], True),
        ("not reproduced", [40], True),
        ("undecided", [40], True),
        ("not testable here", [40], False),
        ("reproduced", [300, 1000], False),
        ("reproduced", [], False),  # trains nothing
    ],
)
def test_a_finding_on_shorter_trainings_says_so(verdict, epochs, said):
    finding = at_scale(ClaimFinding(verdict, "So it is."), epochs, {"epochs": [300, 1000]})
    scale = " Trained for 40 epochs here, up to 1000 in the study."
    assert finding.reason == "So it is." + (scale if said else "")
    assert finding.verdict == verdict
