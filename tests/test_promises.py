"""What users can do today is kept in promises.yaml: nothing of it goes, and what comes is added."""

import shutil

import pytest
import yaml

from tests.promises import CHEAP, IN_A_FOLDER, KEPT, results

PROMISES = yaml.safe_load(KEPT.read_text(encoding="utf-8"))
EACH = [(section, name) for section, kept in PROMISES.items() for name in kept]


@pytest.fixture(scope="module")
def present(tmp_path_factory, small_study):
    """A function that gives a section of the list as the code has it now, made when asked for."""
    made, folder = {}, tmp_path_factory.mktemp("promises")

    def of(section):
        if section not in made:
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("MIUA_DATA_DIR", str(folder / "cache"))
                if section in IN_A_FOLDER:
                    (folder / section).mkdir()
                    made[section] = IN_A_FOLDER[section](folder / section)
                elif section == "results":
                    shutil.copytree(small_study.folder, folder / "world")
                    made[section] = results(folder / "world")
                else:
                    made[section] = CHEAP[section]()
        return made[section]

    return of


@pytest.mark.parametrize(("section", "name"), EACH, ids=[f"{s}: {n}" for s, n in EACH])
def test_it_is_still_there(section, name, present):
    assert name in present(section), f"{section}: {name} is gone"
    missing = [each for each in PROMISES[section][name] if each not in present(section)[name]]
    assert not missing, f"{name} lacks {', '.join(missing)}"


@pytest.mark.parametrize("section", PROMISES)
def test_what_is_new_is_on_the_list(section, present):
    for name, now in present(section).items():
        kept = PROMISES[section].get(name)
        assert kept is not None, f"new: {name}; add it with: python -m tests.promises"
        new = [each for each in now if each not in kept]
        assert not new, f"new in {name}: {', '.join(new)}; add it with: python -m tests.promises"
