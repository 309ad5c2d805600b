"""Where the steps run: executors are found by name or by folder, and what they lack is said."""

from pathlib import Path

import pytest
import yaml

from miua.config import read_config
from miua.errors import MiuaError
from miua.study.executors import find_executor, steps_environment
from miua.study.plan import Profile
from miua.study.steps import STEPS, Study

STUDY = Path(__file__).parents[1] / "experiments"
SHIPPED = sorted(path.parent.name for path in (STUDY / "executors").glob("*/config.yaml"))


@pytest.fixture
def settings(tmp_path):
    """Writes a folder of settings of one's own."""

    def write(text):
        folder = tmp_path / "mine"
        folder.mkdir()
        (folder / "config.yaml").write_text(text)
        return folder

    return write


def test_local_needs_no_settings():
    assert find_executor("local", Path("nowhere")) is None


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_executor_is_found_by_name_and_its_plugin_is_installed(name, commands):
    commands("sinfo", "exit 0")
    assert find_executor(name, STUDY) == STUDY / "executors" / name


def test_a_folder_of_ones_own_is_found_by_its_path(settings, commands):
    commands("sinfo", "exit 0")
    folder = settings("executor: slurm\n")
    assert find_executor(str(folder), STUDY) == folder


def test_an_unknown_executor_names_the_known_ones_and_where_they_lie():
    with pytest.raises(MiuaError, match=r"no executor 'cloud'\. Known: local, slurm \(in .*exec"):
        find_executor("cloud", STUDY)


def test_a_missing_plugin_is_named_with_how_to_install_it(settings):
    folder = settings("executor: some-cluster\n")
    with pytest.raises(MiuaError, match="pip install snakemake-executor-plugin-some-cluster"):
        find_executor(str(folder), STUDY)


@pytest.mark.parametrize("text", ["jobs: 3\n", "- executor\n", "", "executor: 3\n"])
def test_settings_that_name_no_executor_are_refused(settings, text):
    folder = settings(text)
    with pytest.raises(MiuaError, match=r"config\.yaml names no executor\. Add a line"):
        find_executor(str(folder), STUDY)


def test_settings_that_are_no_yaml_are_refused(settings):
    folder = settings("executor: [\n")
    with pytest.raises(MiuaError, match=r"config\.yaml is not valid YAML"):
        find_executor(str(folder), STUDY)


def test_without_slurm_it_says_so_instead_of_waiting(commands):
    with pytest.raises(MiuaError, match="command sinfo is not there"):
        find_executor("slurm", STUDY)
    commands("sinfo", "echo no controller >&2; exit 1")
    with pytest.raises(MiuaError, match="No Slurm answers here: no controller"):
        find_executor("slurm", STUDY)


def test_the_sets_of_one_training_are_one_job_whose_steps_take_turns():
    settings = yaml.safe_load((STUDY / "executors" / "slurm" / "config.yaml").read_text())
    (group,) = settings["group-components"]
    assert [step.name for step in STEPS if step.group == group] == ["generate", "evaluate"]
    profile = read_config(STUDY / "profiles" / "smoke.yaml", Profile)
    study = Study(profile, (), study=STUDY, paper=STUDY)
    in_turn = [step.name for step in STEPS if study.resources(step).get("in_turn") == 1]
    assert in_turn == ["generate", "evaluate"]
    assert settings["resources"] == {"in_turn": 1}
    assert settings["set-resource-scopes"] == {"in_turn": "local"}


@pytest.fixture
def homes(commands, monkeypatch, tmp_path):
    """A home that nothing can be written to, and no other place for caches."""
    commands("miua", "exit 0")
    monkeypatch.setenv("HOME", "/dev/null")
    for name in ("MIUA_DATA_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_snakemake_s_cache_goes_where_miua_data_dir_says(homes, monkeypatch):
    monkeypatch.setenv("MIUA_DATA_DIR", "data")  # not where the steps run
    environment = steps_environment()
    assert environment["MIUA_DATA_DIR"] == str(homes / "data")
    assert environment["XDG_CACHE_HOME"] == str(homes / "data" / "cache")
    assert (homes / "data" / "cache" / "snakemake").is_dir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(homes / "own"))
    assert steps_environment()["XDG_CACHE_HOME"] == str(homes / "own")


def test_without_a_place_for_snakemake_s_cache_the_variables_are_named(homes):
    with pytest.raises(MiuaError, match=r"/dev/null.*Set MIUA_DATA_DIR, or XDG_CACHE_HOME"):
        steps_environment()
