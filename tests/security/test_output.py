"""What is shown does not act: not in LaTeX, not in HTML, not in a terminal."""

import numpy as np
import pytest
from PIL import Image

from miua.data import read_stack
from miua.errors import MiuaError
from miua.report.document import build_document
from miua.report.latex import escape
from miua.wording import printable
from tests.test_cli import fails

IMAGE = np.random.default_rng(0).integers(0, 256, (6, 8), np.uint8)
ATTACKS = (
    r"\input{/etc/passwd}",
    r"\immediate\write18{mkdir pwned}",
    r"\immediate\openout7=../pwned \immediate\write7{x}\immediate\closeout7",
)


def document(folder, body):
    source, generated = folder / "source", folder / "generated"
    source.mkdir(exist_ok=True)
    generated.mkdir(exist_ok=True)
    (source / "main.tex").write_text(
        f"\\documentclass{{article}}\\usepackage[T1]{{fontenc}}\\begin{{document}}x {body}"
        "\\end{document}"
    )
    return source, generated, folder / "main.pdf"


def test_text_in_the_paper_is_no_latex(tmp_path):
    from pypdf import PdfReader

    places = document(tmp_path, " ".join(escape(attack) for attack in ATTACKS))
    build_document(*places)
    text = "".join(page.extract_text() for page in PdfReader(places[2]).pages)
    assert "write18" in text
    assert "root:" not in text


def test_the_papers_own_sources_start_no_programs_and_stay_in_their_folder(tmp_path):
    places = document(tmp_path, ATTACKS[1])
    build_document(*places)
    (tmp_path / "private.tex").write_text("harmless to print")
    for attack in (rf"\input{{{tmp_path / 'private.tex'}}}", ATTACKS[2]):
        with pytest.raises(MiuaError, match="LaTeX could not build the paper"):
            build_document(*document(tmp_path, attack))
    assert not list(tmp_path.rglob("pwned*"))


@pytest.mark.parametrize("name", ["\x1b]0;title\x07.png", "a\nb.png", "\x9b2J.png", "\udcff.png"])
def test_image_names_with_control_characters_are_refused(name, tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(IMAGE).save(path)
    path.rename(tmp_path / name)
    with pytest.raises(MiuaError, match=r"of 1 image in .* has control characters") as caught:
        read_stack(tmp_path, None)
    assert printable(str(caught.value)) == str(caught.value)


def test_no_message_controls_the_terminal(tmp_path):
    strange = tmp_path / "\x1b[2J\x1b]0;title\x07"
    said = fails("evaluate", "--real", strange, "--synthetic", strange)
    assert "\x1b" not in said
    assert r"\x1b[2J" in said


def test_a_set_is_not_called_by_control_characters(tmp_path):
    sets = tmp_path / "\x1b[2J"
    for folder in (tmp_path / "real", sets):
        folder.mkdir()
        for index in range(4):
            Image.fromarray(IMAGE + index).save(folder / f"{index}.png")
    said = fails("evaluate", "--real", tmp_path / "real", "--synthetic", sets, "--metrics", "psnr")
    assert r"The name of the synthetic set \x1b[2J has control characters" in said


def test_text_that_is_harmless_stays_as_it_is():
    assert printable("a\tb\nGröße 5 µm — 100 %") == "a\tb\nGröße 5 µm — 100 %"
    assert printable("\x9b\x7f\r\udc80") == r"\x9b\x7f\r\udc80"
