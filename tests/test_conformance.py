import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from miua import conformance, peers
from miua.cli import app
from miua.data import ReadingOptions
from miua.errors import MiuaError
from miua.metrics import lbp_codes
from tests.make_conformance import cases as listed_cases

ON_FILE = Path(__file__).with_name("conformance.json")


def test_the_build_carries_the_committed_file():
    assert conformance.FILE.read_bytes() == ON_FILE.read_bytes()


def test_the_file_holds_the_listed_cases():
    on_file = [replace(case, sha256="") for case in conformance.read_cases(ON_FILE)]
    assert on_file == listed_cases()


@pytest.mark.parametrize("threads", conformance.THREADS)
def test_the_kernels_conform_with_every_instruction_set(threads):
    cases = conformance.read_cases(ON_FILE)
    for name in conformance.instruction_sets():
        with conformance.forced(name):
            assert conformance.failures(cases, conformance.installed, threads) == []
    assert conformance.VARIABLE not in os.environ


def test_another_result_is_found_and_named():
    case = conformance.read_cases(ON_FILE)[0]
    wrong = replace(case, parameters=[8, 1.0, "ror"])
    assert conformance.failures([case, wrong], conformance.installed) == [wrong]
    assert str(wrong) == "lbp_histogram(8, 1.0, ror) of uint8 5 x 64 x 64, mask 0xff"


def test_a_file_without_cases_proves_nothing(tmp_path):
    empty = tmp_path / "conformance.json"
    with pytest.raises(MiuaError, match="is missing"):
        conformance.read_cases(empty)
    empty.write_text('{"version": 1, "cases": []}')
    with pytest.raises(MiuaError, match="holds no cases"):
        conformance.read_cases(empty)


def test_a_runner_that_fails_is_told():
    program = [sys.executable, "-c", "import sys; sys.exit('no such kernel')"]
    case = conformance.read_cases(ON_FILE)[0]
    with pytest.raises(MiuaError, match="no such kernel"):
        conformance.runner(program)(case, 1)


def test_the_command_checks_and_compares(monkeypatch):
    few = conformance.read_cases()[::20]  # all are checked above
    monkeypatch.setattr(conformance, "read_cases", lambda: few)
    answer = CliRunner().invoke(app, ["conformance"], catch_exceptions=False)
    assert answer.exit_code == 0
    assert answer.stdout.count(f"all {len(few)} results") == len(conformance.instruction_sets())
    assert answer.stdout.count("with 1, 2, 3 and 7 threads") == len(conformance.instruction_sets())
    assert "LBP, P=24 R=3" in answer.stdout
    assert "no ties" not in answer.stdout


def test_the_command_says_when_results_are_others(monkeypatch):
    few = conformance.read_cases(ON_FILE)[:2]
    monkeypatch.setattr(conformance, "read_cases", lambda path=None: few)
    wrong = f"{sys.executable} -c pass"
    answer = CliRunner().invoke(app, ["conformance", "--runner", wrong])
    assert isinstance(answer.exception, MiuaError)
    assert "Do not trust this build" in str(answer.exception)


def test_the_command_says_in_a_sentence_that_there_is_nothing_to_compare_with(monkeypatch):
    absent = [(name, "no_such_module", differences) for name, _, differences in peers._PEERS]
    monkeypatch.setattr(peers, "_PEERS", absent)
    monkeypatch.setattr(conformance, "read_cases", list)
    answer = CliRunner().invoke(app, ["conformance"])
    assert answer.exit_code == 0
    said = "No other library is installed to compare with: scikit-image, mahotas and OpenCV"
    assert answer.stdout.splitlines()[-1].startswith(said)


def ramp() -> np.ndarray:
    """Along its diagonals, pixels are equal: ties, some of which scikit-image decides otherwise."""
    return np.indices((80, 80)).sum(axis=0).astype(np.uint8) + 60


def test_scikit_image_differs_at_exact_ties_only():
    compared = peers.compare([np.stack([ramp(), ramp()[:, ::-1]])])
    rows = [row for row in compared.rows if row.peer == "scikit-image"]
    assert len(rows) == 2
    assert any(row.pixels for row in rows)
    for row in rows:
        assert row.ties == row.pixels
        assert row.remark == ("all exact ties" if row.pixels else "")


def test_a_difference_that_is_no_tie_is_told(monkeypatch):
    def wrong(image, P, R):
        codes = lbp_codes(image[None], P, R)[0]
        codes[0, :3] ^= 1
        return codes

    monkeypatch.setattr("skimage.feature.local_binary_pattern", wrong)
    noise = np.random.default_rng(0).integers(1, 256, (2, 9, 9), dtype=np.uint8)
    flat = np.full((1, 9, 9), 5, np.uint8)
    row = peers.compare([noise, flat]).rows[0]
    assert (row.pixels, row.ties, row.of) == (9, 3, 3 * 81)
    assert row.remark == "6 are no ties"


def test_images_of_several_sizes_are_compared_a_few_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(peers, "IMAGES_AT_ONCE", 2)
    shapes = [(80, 80), (80, 80), (80, 80), (20, 30), (80, 80)]
    for number, (height, width) in enumerate(shapes):
        Image.fromarray(ramp()[:height, :width]).save(tmp_path / f"{number:03}.png")
    stacks = list(peers.stacks_of(tmp_path, ReadingOptions()))
    assert [stack.shape for stack in stacks] == [
        (2, 80, 80), (1, 80, 80), (1, 20, 30), (1, 80, 80)
    ]  # fmt: skip
    compared = peers.compare(stacks)
    alone = peers.compare([ramp()[None]]).rows[1]
    assert compared.images == 5
    assert compared.sizes == {(80, 80), (20, 30)}
    assert compared.rows[1].of == 4 * 80 * 80 + 20 * 30
    assert compared.rows[1].pixels >= 4 * alone.pixels > 0

    monkeypatch.setattr(conformance, "read_cases", list)  # others check them
    answer = CliRunner().invoke(app, ["conformance", "--images", str(tmp_path)])
    assert answer.exit_code == 0
    assert "5 images of 2 sizes" in answer.stdout
    assert [stack.shape for stack in peers.stacks_of(tmp_path, ReadingOptions(8))] == [
        (2, 8, 8)
    ] * 2 + [(1, 8, 8)]


def test_an_image_that_cannot_be_taken_is_named(tmp_path):
    Image.new("RGB", (4, 4), (1, 2, 3)).save(tmp_path / "coloured.png")
    with pytest.raises(MiuaError, match=r"coloured\.png has coloured pixels"):
        list(peers.stacks_of(tmp_path, ReadingOptions()))


def test_deep_images_are_compared_through_a_window_without_the_bad_ones(tmp_path, capsys):
    for number in range(3):
        Image.fromarray(ramp().astype(np.uint16) * 16).save(tmp_path / f"{number}.png")
    (tmp_path / "bad.png").write_bytes(b"no image")
    Image.new("RGB", (4, 4), (1, 2, 3)).save(tmp_path / "0_seg.png")
    how = {"window": (0, 4080), "skip_bad": True, "exclude": ("*_seg.png",)}
    for size in (None, 80):
        (stack,) = peers.stacks_of(tmp_path, ReadingOptions(size, **how))
        np.testing.assert_array_equal(stack, np.stack([ramp()] * 3))
        told = capsys.readouterr().err
        assert "left out 1 file named *_seg.png" in told
        assert "3 images of 16 bits: window 0:4080" in told
        assert "left out bad.png: is damaged" in told
    with pytest.raises(MiuaError, match="No image is left"):
        list(peers.stacks_of(tmp_path, ReadingOptions(skip_bad=True)))
