"""The command line: reads well, chains the steps, and fails with one message and status 1."""

import json
import os
import signal
import subprocess
import sys
import time
from importlib.metadata import version

import numpy as np
import pytest
from PIL import Image

from miua.cli import COMMANDS, main
from tests.small_study import call


def miua(*arguments, **environment):
    """Run the command as a person does, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", "from miua.cli import main; main()", *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "100", **environment},
        check=False,
    )


def in_a_process(*arguments, **environment):
    """Run a command that must fail, in a process of its own; return its one message."""
    result = miua(*arguments, **environment)
    assert result.returncode == 1, result.stderr
    assert "Traceback" not in result.stderr
    assert result.stderr.startswith("miua: ") or "\nmiua: " in result.stderr
    return result.stderr


def fails(*arguments):
    """Run a command that must fail, in this process; return its one message."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as stopped:
        patch.setattr(sys, "argv", ["miua", *map(str, arguments)])
        main()
    assert isinstance(stopped.value.code, str), "Python prints a text, and ends with status 1"
    assert stopped.value.code.startswith("miua: ")
    return stopped.value.code


@pytest.fixture
def folder(tmp_path):
    """A folder of twelve small grey images."""
    images = tmp_path / "images"
    images.mkdir()
    noise = np.random.default_rng(0)
    for index in range(12):
        pixels = noise.integers(0, 256, (48, 64), dtype=np.uint8)
        Image.fromarray(pixels).save(images / f"{index:03d}.png")
    return images


def test_help_names_every_command_with_a_sentence():
    result = miua("--help", COLUMNS="80")
    assert result.returncode == 0
    lines = [line.split(maxsplit=1) for line in result.stdout.splitlines() if line.strip()]
    sentences = {words[0]: words[1] for words in lines if len(words) == 2}
    for command in COMMANDS:
        assert len(sentences[command]) > 10
        assert not sentences[command].endswith("..."), "cut short, at 80 columns"
        call(command, "--help")


def test_the_version_is_the_installed_one():
    assert call("--version").strip() == version("miua")


def test_help_is_there_without_what_takes_long_to_load():
    program = (
        "import sys, miua.cli;"
        "print({'torch', 'numpy', 'pandas', 'pydantic', 'rich.console'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.stdout == "set()\n", result.stderr


def test_the_steps_chain_on_folders(folder, tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text("{image_size: 32, feature_maps: 2, latent_size: 4, epochs: [2]}")
    run, images = tmp_path / "run", tmp_path / "set"
    call("train", "--config", config, "--images", folder, "--out", run)
    call("generate", "--run", run, "--epoch", 2, "--images", 6, "--png", "--out", images)
    said = call("evaluate", "--real", folder, "--synthetic", images, "--size", 32)
    for label in ("MI", "PSNR", "FID", "V8", "V20", "V143", "V240", "FD-LBP", "Diversity"):
        assert label in said
    assert "miua fetch inception" in " ".join(said.split())


@pytest.fixture
def named_as_hc18(folder):
    """The twelve images again, named as HC18's: three of eight subjects have further ones."""
    names = [f"{subject:03d}_HC.png" for subject in range(8)]
    names += ["000_2HC.png", "000_3HC.png", "004_2HC.png", "007_2HC.png"]
    for path, name in zip(sorted(folder.iterdir()), names, strict=True):
        path.rename(folder / name)
    return folder


def test_real_against_real_and_against_itself_damaged(named_as_hc18, tmp_path):
    for command in ("noise-floor", "sensitivity"):
        out = tmp_path / command / "table.csv"
        said = call(command, named_as_hc18, "--size", 16, "--repeats", 2, "--out", out)
        assert said.splitlines()[0] == str(out)
        head, *rows = out.read_text().splitlines()
        record = json.loads(out.with_suffix(".json").read_text())
        assert record["settings"]["images"] == 5
        assert "miua fetch inception" in record["settings"]["fid"]
        if command == "noise-floor":
            assert head == "split,images,repeat,shared_subjects,metric,value,status"
            assert len(rows) == (2 + 2 + 1) * (8 + 256)  # there is one order of the files
            assert all(row.startswith("subject,5,0,0,") for row in rows[: 8 + 256])
            pairing = (out.parent / f"{out.stem}-pairing.csv").read_text().splitlines()
            assert pairing[0] == "pairing,metric,value"
            assert len(pairing) == 1 + 3 * 2
        else:
            assert head == "degradation,level,amount,unit,repeat,metric,value,status"


def test_real_against_real_needs_subjects_and_enough_images(folder, tmp_path):
    out = ["--size", 16, "--out", tmp_path / "table.csv"]
    for command in ("noise-floor", "sensitivity"):
        message = fails(command, folder, *out)
        assert "'000.png' is not named as HC18's images are" in message
    for number, path in enumerate(sorted(folder.iterdir())[:9], start=1):
        path.rename(folder / f"000_{number}HC.png")
    for path in folder.glob("0??.png"):
        path.unlink()
    assert "9 images of 1 subject are too few" in fails("noise-floor", folder, *out)
    assert not (tmp_path / "table.csv").exists()


def test_printed_configuration_is_valid(folder, tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text(call("train-config", "--variant", "notebook-128"))
    message = fails("train", "--config", config, "--images", folder / "x", "--out", tmp_path / "r")
    assert "x does not exist" in message


def test_unknown_key_in_a_configuration(folder, tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text("epochen: [3]")
    message = fails("train", "--config", config, "--images", folder, "--out", tmp_path / "run")
    assert "config.yaml" in message
    assert "epochen: unknown key" in message
    assert not (tmp_path / "run").exists()


def test_missing_folder_and_folder_without_images(tmp_path):
    (tmp_path / "empty").mkdir()
    assert "nowhere does not exist" in fails("stack", tmp_path / "nowhere", "--out", tmp_path / "o")
    assert "holds no images" in fails("stack", tmp_path / "empty", "--out", tmp_path / "o")
    assert not (tmp_path / "o").exists()


def test_truncated_png_is_named(folder, tmp_path):
    bad = folder / "007.png"
    bad.write_bytes(bad.read_bytes()[:700])
    message = fails("stack", folder, "--out", tmp_path / "stack")
    assert "007.png" in message
    assert "damaged" in message
    assert not (tmp_path / "stack").exists()


def test_run_without_the_asked_epoch(tmp_path):
    message = fails("generate", "--run", tmp_path, "--epoch", 3, "--out", tmp_path / "set")
    assert "is not a run folder" in message
    assert not (tmp_path / "set").exists()


def test_a_traceback_is_there_for_who_asks(tmp_path):
    result = miua("stack", tmp_path / "nowhere", "--out", tmp_path / "o", MIUA_TRACEBACK="1")
    assert "Traceback" in result.stderr


def test_a_command_that_needs_the_study_extra_says_so(tmp_path):
    """As in an environment of the light install: these imports fail."""
    hook = tmp_path / "sitecustomize.py"
    hook.write_text(
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in {'torch', 'yaml', 'pandas', 'pooch'}:\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Absent())\n"
    )
    light = {"PYTHONPATH": str(tmp_path)}
    train = ["train", "--config", "c", "--images", "i", "--out", "o"]
    assert "pip install 'miua[study]'" in in_a_process(*train, **light)
    # The others in one process, which takes as long to start as any of them.
    program = (
        "import sys; from miua.cli import main\n"
        "for command in ('fetch hc18', 'noise-floor . --out o.csv', 'analyse .', 'reproduce',"
        " 'phantom --help'):\n"
        "    sys.argv = ['miua', *command.split()]\n"
        "    try: main()\n"
        "    except SystemExit as stop: print(stop.code, file=sys.stderr)\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, **light},
        check=True,
    ).stderr.splitlines()
    assert [line.endswith("pip install 'miua[study]'") for line in said] == 4 * [True] + [False]
    assert said[-1] == "0"


def test_ctrl_c_ends_a_training_with_one_sentence(folder, tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text("{image_size: 32, feature_maps: 2, latent_size: 4, epochs: [100000]}")
    arguments = ["train", "--config", config, "--images", folder, "--out", tmp_path / "run"]
    command = [sys.executable, "-c", "from miua.cli import main; main()", *map(str, arguments)]
    log = tmp_path / "run" / "log.jsonl"
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None and not log.exists():
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
    assert process.returncode == 130
    assert said.endswith("miua: interrupted. The same command goes on or starts again.\n")
    assert "Traceback" not in said
