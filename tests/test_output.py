"""What a command made is there whatever becomes of its words: in a closed pipe, on a full disk."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from miua.cli.output import in_ascii
from tests.evaluation.textures import textures

MAIN = f"{sys.executable} -c 'from miua.cli import main; main()'"


@pytest.fixture
def arguments(tmp_path):
    """Of an evaluation of few images, whose table and files are whole."""
    for name, seed in (("real", 1), ("made", 2)):
        (tmp_path / name).mkdir()
        for number, image in enumerate(textures(seed, 6, size=16)):
            Image.fromarray(image).save(tmp_path / name / f"{number}.png")
    sides = ("--real", tmp_path / "real", "--synthetic", tmp_path / "made")
    quick = ("--floor-splits", 0, "--resamples", 0, "--metrics", "lbpv_total_difference")
    return [*map(str, ("evaluate", *sides, *quick, "--json", tmp_path / "o.json"))]


def shell(arguments, ending):
    """The exit status and standard error of a pipeline of bash."""
    quoted = " ".join(f"'{each}'" for each in arguments)
    script = f"set -o pipefail; {MAIN} {quoted} {ending}"
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("ending", ["| true", "2>&1 | true", ">&-", ">&- 2>&-"])
def test_a_closed_pipe_ends_quietly_with_the_files_written(arguments, ending, tmp_path):
    result = shell(arguments, ending)
    assert (result.returncode, result.stdout) == (0, "")
    assert "Traceback" not in result.stderr
    assert "BrokenPipe" not in result.stderr
    assert json.loads((tmp_path / "o.json").read_text())["sets"][0]["name"] == "made"


def test_a_full_disk_behind_the_words_is_said_and_costs_no_file(arguments, tmp_path):
    result = shell(arguments, "> /dev/full")
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert result.stderr.endswith(
        "miua: what is printed could not be written (No space left on device); files could.\n"
    )
    assert json.loads((tmp_path / "o.json").read_text())["sets"][0]["name"] == "made"
    assert shell(["env"], "> /dev/full").returncode == 1


@pytest.mark.parametrize(("encoding", "sum_of"), [("latin-1", "Sigma|V|"), ("utf-8", "Σ|V|")])
def test_a_terminal_without_a_sign_gets_another(arguments, encoding, sum_of, tmp_path):
    (tmp_path / "made").rename(tmp_path / "頭")
    arguments = [each.replace("made", "頭") for each in arguments]
    command = [sys.executable, "-c", "from miua.cli import main; main()", *arguments]
    result = subprocess.run(
        ["env", f"PYTHONIOENCODING={encoding}", *command], capture_output=True, check=False
    )
    assert result.returncode == 0, result.stderr
    said = result.stdout.decode(encoding)
    assert sum_of in said
    assert ("\\u982d" in said) == (encoding == "latin-1")
    assert (tmp_path / "o.json").exists()


def test_signs_in_ascii():
    signs = {"−": "-", "–": "-", "∞": "inf", "Σ": "Sigma", "δ": "delta", "ά": "alpha", "µ": "mu"}
    signs |= {"é": "e", "\u0301": "", "\u202f": " ", "\u00a0": " ", "½": "1/2", "頭": "\\u982d"}
    signs |= {"±": "+-", "²": "2", "ß": "\\xdf", "\x80": "\\x80"}
    assert {sign: in_ascii(sign) for sign in signs} == signs


def test_words_that_nobody_reads_stop_no_other_command(tmp_path):
    full = shell(["survey", "plan", "--json", tmp_path / "plan.json"], "> /dev/full")
    assert full.returncode == 1
    assert json.loads((tmp_path / "plan.json").read_text())["findings"]


def test_files_come_before_words(arguments, tmp_path, monkeypatch):
    """Also where the words fail in a way of their own."""
    from typer.testing import CliRunner

    from miua.cli import app, evaluation_tables, survey

    def fail(*_):
        raise UnicodeEncodeError("latin-1", "Σ", 0, 1, "no such sign")

    monkeypatch.setattr(evaluation_tables, "print_evaluation", fail)
    monkeypatch.setattr(survey, "print_plan", fail)
    monkeypatch.setattr(survey, "_print_built", fail)
    stack = np.random.default_rng(0).integers(0, 256, (99, 16, 16), np.uint8)
    np.save(tmp_path / "real.npy", stack[:20])
    np.save(tmp_path / "synthetic.npy", stack[20:])
    sides = ["--real", tmp_path / "real.npy", "--synthetic", tmp_path / "synthetic.npy"]
    for command, written in (
        (arguments, "o.json"),
        (["survey", "plan", "--json", tmp_path / "plan.json"], "plan.json"),
        (["survey", "build", *sides, "--out", tmp_path / "study"], "study/survey.html"),
    ):
        answer = CliRunner().invoke(app, [str(each) for each in command])
        assert isinstance(answer.exception, UnicodeEncodeError), answer.output
        assert (tmp_path / written).stat().st_size, command


def test_a_full_disk_is_one_message(tmp_path, arguments, monkeypatch, capsys):
    """Whatever the error says: some name no file, numpy's say no reason."""
    import sys

    from miua import cli
    from miua.data import stack

    told = {
        OSError(28, "No space left on device"): "miua: No space left on device.",
        OSError("800 requested and 96 written"): "miua: 800 requested and 96 written.",
        OSError(28, "No space left on device", "a.npy"): "miua: a.npy: No space left on device.",
        OSError(): "miua: OSError.",
    }
    monkeypatch.setattr(sys, "argv", ["miua", "stack", "real", "--out", "out"])
    for error, words in told.items():

        def fail(*_, error=error, **__):
            raise error

        monkeypatch.setattr(stack, "save_stack", fail)
        with pytest.raises(SystemExit) as ended:
            cli._run()
        assert ended.value.code == words
