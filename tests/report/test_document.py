"""The paper: built once for real, whole or not at all, with errors that say what to do."""

import json
import re
import shutil

import pytest
from pypdf import PdfReader

from miua.errors import MiuaError
from miua.report import make_paper
from miua.report.document import build_document, log_errors
from tests.drawn_results import BANNER, PAPER, STUDY


@pytest.fixture(scope="module")
def paper(smoke, tmp_path_factory):
    folder = shutil.copytree(smoke, tmp_path_factory.mktemp("paper") / "results")
    return make_paper(folder, STUDY, PAPER)


def text_of(pdf):
    return re.sub(r"\s+", " ", " ".join(page.extract_text() for page in PdfReader(pdf).pages))


@pytest.fixture
def small(tmp_path):
    """The sources and generated files of a document that builds in a second."""
    source, generated = tmp_path / "source", tmp_path / "generated"
    source.mkdir()
    generated.mkdir()
    (source / "main.tex").write_text(
        "\\documentclass{article}\\input{generated/numbers}\\begin{document}\\N\\end{document}"
    )
    (generated / "numbers.tex").write_text("\\newcommand{\\N}{42}")
    return source, generated, tmp_path / "out" / "main.pdf"


def test_the_paper_is_built_and_nothing_else_is_left(paper):
    assert paper.parts[-3:] == ("results", "paper", "main.pdf")
    assert paper.read_bytes().startswith(b"%PDF")
    assert sorted(path.name for path in paper.parent.iterdir()) == [
        "generated",
        "main.pdf",
        "provenance.json",
    ]
    assert not list(PAPER.glob("*.aux"))


def test_the_paper_says_what_it_is_and_holds_the_numbers(paper):
    text = text_of(paper)
    assert "??" not in text  # no reference is undefined
    assert text.count(BANNER) > 10
    assert "no scientific result" in text
    assert "FID was not computed in this run" in text
    assert "r = 0.26 to 0.41, p = 0.076 to 0.270, n = 20" in text
    assert "none reaches p < 0.05" in text
    assert "0 of 5 correlations have p < 0.05" in text


def test_another_verdict_prints_another_sentence(folder):
    path = folder / "claims.json"
    claims_table = json.loads(path.read_text(encoding="utf-8"))
    for row in claims_table["evidence"]:
        if row["id"] == "augmentation":
            row.update(verdict="not reproduced", reason="Flips alone came closest of all.")
    claims_table["evidence"] = [r for r in claims_table["evidence"] if r["id"] != "collapse"]
    path.write_text(json.dumps(claims_table), encoding="utf-8")
    text = text_of(make_paper(folder, STUDY, PAPER))
    assert text.count("Flips alone came closest of all. [not reproduced]") == 1
    assert "These results do not hold the evidence collapse" not in text
    assert "does not hold the evidence collapse. [not judged]" in text


def test_the_paper_of_a_run_without_the_other_experiments_says_so(few):
    text = text_of(make_paper(few, STUDY, PAPER))
    assert "??" not in text
    assert text.count("This experiment is not part of this run.") == 6
    assert "An arm with equal updates is not part of this run." in text
    assert "FID was not computed" not in text


def test_stand_in_weights_are_marked_wherever_fid_is_shown(stand_in, tmp_path):
    folder = shutil.copytree(stand_in, tmp_path / "results")
    text = text_of(make_paper(folder, STUDY, PAPER))
    assert "other weights, 0123abcd, stand in for the published ones" in text
    assert text.lower().count("with stand-in weights") >= 3
    assert "stand-ins were used" in text  # the claims table: not testable with them


def test_no_number_of_a_result_is_typed_into_the_text():
    sources = (PAPER / "main.tex").read_text(encoding="utf-8")
    for number in ("56.14", "999", "806", "0.41", "240.9", "256"):
        assert not re.search(rf"(?<![\d.]){re.escape(number)}(?![\d.]| pixels)", sources)


def test_the_same_files_give_the_same_bytes(small):
    source, generated, output = small
    build_document(source, generated, output)
    first = output.read_bytes()
    output.unlink()
    build_document(source, generated, output)
    assert output.read_bytes() == first


def test_a_missing_latex_is_named_with_its_packages(small, monkeypatch, tmp_path):
    source, generated, output = small
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MiuaError, match=r"apt-get install .*latexmk") as caught:
        build_document(source, generated, output)
    message = str(caught.value)
    assert "pdflatex" in message
    assert "texlive-publishers" in message
    assert not output.parent.exists()


def test_a_missing_class_is_named_with_its_package(small, monkeypatch, tmp_path):
    source, generated, output = small
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("latexmk", "pdflatex", "bibtex"):
        (programs / name).symlink_to(shutil.which(name))
    kpsewhich = programs / "kpsewhich"
    kpsewhich.write_text('#!/bin/sh\nshift\nfor each; do echo "/texmf/$each"; done\n')
    kpsewhich.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/bin")
    with pytest.raises(
        MiuaError, match=r"llncs\.cls cannot be found.*install texlive-publishers\.$"
    ):
        build_document(source, generated, output)
    assert not output.parent.exists()


def test_an_error_of_latex_shows_its_lines_and_keeps_the_old_paper(small):
    source, generated, output = small
    build_document(source, generated, output)
    before = output.read_bytes()
    (generated / "numbers.tex").write_text("\\newcommand{\\M}{42}")
    with pytest.raises(MiuaError, match=r"! Undefined control sequence") as caught:
        build_document(source, generated, output)
    assert "l.1" in str(caught.value)
    assert output.read_bytes() == before
    assert [path.name for path in output.parent.iterdir()] == ["main.pdf"]


def test_a_document_cannot_run_commands(small):
    source, generated, output = small
    canary = output.parent.parent / "canary"
    (generated / "numbers.tex").write_text(
        f"\\newcommand{{\\N}}{{42}}\\immediate\\write18{{touch {canary}}}"
    )
    build_document(source, generated, output)
    assert not canary.exists()


def test_a_folder_without_a_paper_and_missing_figures_are_named(folder, tmp_path):
    with pytest.raises(MiuaError, match="holds no paper"):
        make_paper(folder, STUDY, tmp_path)
    (folder / "figures" / "overview.pdf").unlink()
    with pytest.raises(MiuaError, match=r"overview\.pdf is missing"):
        make_paper(folder, STUDY, PAPER)


def test_log_errors_picks_the_lines_that_matter():
    log = "fine\n! Missing $ inserted.\n<inserted text>\nl.17 a_b\nmore\n"
    assert log_errors(log) == "! Missing $ inserted.\nl.17 a_b"
    assert log_errors("fine\n") == ""
