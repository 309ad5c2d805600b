"""From a number of the paper back to its run: every link there, checked, and errors that help."""

import json
import re
import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

from miua.cli import app
from miua.errors import MiuaError
from miua.files import read_json, write_json
from miua.study.store import Results
from miua.study.trace import as_lines, listing, read_values, trace


@pytest.fixture
def printed(folder, generated):
    """A results folder whose paper's numbers are written."""
    shutil.copytree(generated, folder / "paper" / "generated", dirs_exist_ok=True)
    return folder


def test_a_number_of_a_set_leads_to_its_row_set_run_and_images(printed):
    values = read_values(Results.open(printed))
    entry = values["set-n0300-e0500-psnr"]
    assert entry["sets"] == ["n0300_e0500"]
    assert entry["runs"] == ["n0300"]
    assert entry["sources"] == ["tables/metrics.csv"]
    steps = {step.kind: step for step in trace(printed, "set-n0300-e0500-psnr")}
    assert list(steps) == ["text", "table", "set", "run"]
    assert steps["text"].facts == (f"prints: {entry['text']}",)
    (value,) = [fact for fact in steps["table"].facts if fact.startswith("value: ")]
    assert f"{float(value.removeprefix('value: ')):.2f}" == entry["text"]
    record = json.loads((printed / "sets" / "n0300_e0500" / "provenance.json").read_text())
    checkpoint = f"checkpoint sha256: {record['inputs']['checkpoint']}"
    assert checkpoint in steps["set"].facts
    assert checkpoint in steps["run"].facts
    assert "code: commit " + "1" * 40 in steps["run"].facts
    assert "log: runs/n0300/log.jsonl, line of epoch 500" in steps["run"].facts
    assert any("as images.npy has it" in fact for fact in steps["set"].facts)


def test_images_that_were_changed_are_found_out(printed):
    path = printed / "sets" / "n0300_e0500" / "images.npy"
    np.save(path, 255 - np.load(path))
    assert "NOT that of images.npy" in "\n".join(as_lines(trace(printed, "set-n0300-e0500-psnr")))


def test_a_claim_leads_to_its_test_and_tables(printed):
    text = "\n".join(as_lines(trace(printed, "correlation-significance")))
    assert "verdict: undecided" in text
    assert "correlations-significant, thresholds alpha 0.05" in text
    assert "p fid = 0.0758" in text
    assert "read from: tables/clinician.csv" in text
    text = "\n".join(as_lines(trace(printed, "augmentation")))
    assert "run    runs/augmentation_none" in text


def test_macros_are_found_with_and_without_their_backslash(printed):
    chain = trace(printed, "refit-fid-r")
    assert trace(printed, "\\RefitFIDR") == trace(printed, "RefitFIDR") == chain
    assert chain[0].place == "\\RefitFIDR"
    assert "pearson_r: 0.405" in "\n".join(chain[1].facts)


def test_a_set_that_was_not_made_says_why(printed):
    text = "\n".join(as_lines(trace(printed, "arm-learning-rate-rate-times-10-mi")))
    assert "no images: a loss is not finite at epoch 5" in text


def test_what_a_record_says_does_not_control_the_terminal(printed):
    name = "arm-learning-rate-rate-times-10-mi"
    (chosen,) = read_values(Results.open(printed))[name]["sets"]
    path = printed / "sets" / chosen / "provenance.json"
    write_json(path, read_json(path) | {"not_made": "\x1b[2Ja loss \x9b2J"})
    done = CliRunner().invoke(app, ["trace", name, str(printed)])
    assert done.exit_code == 0
    assert r"no images: \x1b[2Ja loss \x9b2J" in done.stdout
    assert not {"\x1b", "\x9b"} & set(done.stdout)


def test_an_unknown_value_names_its_neighbours(printed):
    with pytest.raises(
        MiuaError, match=r"no value or claim 'augmentatoin'.*augmentation"
    ) as caught:
        trace(printed, "augmentatoin")
    assert "miua trace --list" in str(caught.value)


def test_without_a_paper_there_is_nothing_to_trace(folder):
    # Others of these tests may have printed the results that this is a copy of.
    shutil.rmtree(folder / "paper", ignore_errors=True)
    with pytest.raises(MiuaError, match=r"values\.json is missing.*miua paper"):
        trace(folder, "refit-fid-r")


def test_the_list_holds_every_claim_and_every_macro_of_the_paper(printed):
    lines = listing(printed)
    assert "augmentation: not testable here" in lines
    assert any(line.startswith("sets-psnr-lowest: ") for line in lines)
    numbers = (printed / "paper" / "generated" / "numbers.tex").read_text(encoding="utf-8")
    macros = set(re.findall(r"newcommand\{\\(\w+)\}", numbers))
    known = {entry["macro"] for entry in read_values(Results.open(printed)).values()}
    assert macros <= known


def test_every_value_can_be_traced(printed):
    for name in ("plan-batch-size", "study-sets", "claims-replicated-reproduced",
                 "runs-fewest-updates", "floor-subject-mi-mean", "pairing-all-mi",
                 "seeds-mi-deviation", "if-any-significant",
                 "claim-noise-floor-reason"):  # fmt: skip
        assert len(trace(printed, name)) >= 2
