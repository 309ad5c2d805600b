"""What is handed out: sdist, wheel, version, and what catalogues are told.

`./run package` builds both as people do, and uses the wheel in an empty environment.
"""

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import warnings
import zipfile
from pathlib import Path

import jsonschema
import pytest
import yaml
from packaging.metadata import Metadata
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from scikit_build_core.metadata.setuptools_scm import dynamic_metadata

from miua.conformance import FILE

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
ZENODO = json.loads((ROOT / ".zenodo.json").read_text(encoding="utf-8"))
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
BESIDE_THE_CODE = {
    "CHANGELOG.md",
    "CITATION.cff",
    "CMakeLists.txt",
    "LICENSE",
    "README.md",
    "pyproject.toml",
    "tests/conformance.json",
}
# Compiles an empty source in the place of each C++ source: the wheel holds files of the same names.
# The sources themselves are compiled wherever the package is installed.
COMPILE_NOTHING = """#!/bin/sh
for word; do
    case "$word" in */csrc/*.cpp) word=/dev/null;; esac
    shift; set -- "$@" "$word"
done
compiler=$1; shift
exec "$compiler" -x c++ "$@"
"""
# The fields that Zenodo documents for uploads of software, and their words.
ZENODO_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["upload_type", "title", "description", "creators", "access_right", "license"],
    "properties": {
        "upload_type": {"const": "software"},
        "title": {"type": "string", "minLength": 3},
        "description": {"type": "string", "minLength": 3},
        "access_right": {"enum": ["open", "embargoed", "restricted", "closed"]},
        "license": {"type": "string"},
        "language": {"type": "string", "pattern": "^[a-z]{3}$"},
        "keywords": {"type": "array", "items": {"type": "string"}},
        "creators": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name"],
                "properties": {key: {"type": "string"} for key in ("name", "affiliation", "orcid")},
            },
        },
        "related_identifiers": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["identifier", "relation"],
                "properties": {
                    "identifier": {"type": "string"},
                    "relation": {
                        "enum": ["cites", "references", "isSupplementTo", "isDerivedFrom"]
                    },
                    "resource_type": {
                        "enum": ["publication-article", "publication-conferencepaper", "dataset"]
                    },
                    "scheme": {"const": "doi"},
                },
            },
        },
    },
}


def build(kind, source, folder):
    """Build `kind`, sdist or wheel, of `source` with what is installed; its path."""
    code = (
        "import sys; from scikit_build_core import build;"
        f"print('built', build.build_{kind}(sys.argv[1]))"
    )
    launcher = folder.with_suffix(".sh")
    launcher.write_text(COMPILE_NOTHING)
    launcher.chmod(0o755)
    run = subprocess.run(
        [sys.executable, "-c", code, str(folder)],
        cwd=source,
        env={**os.environ, "CMAKE_CXX_COMPILER_LAUNCHER": str(launcher)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return folder / run.stdout.rpartition("built ")[2].strip()


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    return build("sdist", ROOT, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def unpacked(sdist, tmp_path_factory):
    place = tmp_path_factory.mktemp("unpacked")
    subprocess.run(["tar", "-xf", sdist, "-C", place], check=True)
    return next(place.iterdir())


@pytest.fixture(scope="module")
def wheel(unpacked, tmp_path_factory):
    if shutil.which("c++") is None:
        pytest.skip("there is no C++ compiler here, as in the container image")
    return build("wheel", unpacked, tmp_path_factory.mktemp("wheel"))


def sources(folder):
    """The files of a folder of the checkout, without what running leaves in it."""
    return {
        str(path.relative_to(ROOT))
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix not in (".pyc", ".so")
    }


def metadata_of(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
        return Metadata.from_email(archive.read(name), validate=True)


def test_the_sdist_holds_what_the_wheel_is_built_from_and_no_more(unpacked):
    found = {str(p.relative_to(unpacked)) for p in unpacked.rglob("*") if p.is_file()}
    assert found == {"PKG-INFO", *BESIDE_THE_CODE, *sources("miua"), *sources("csrc")}


def test_the_wheel_holds_package_kernels_and_licence(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (info,) = {name.split("/")[0] for name in names if ".dist-info/" in name}
        package = {name for name in names if not name.startswith(info)}
        (compiled,) = [name for name in package if name.startswith("miua/_kernels.cpython")]
        assert package == {compiled, "miua/conformance.json", *sources("miua")}
        assert archive.read("miua/conformance.json") == FILE.read_bytes()
        licences = [name for name in names if "/licenses/" in name]
        assert licences == [f"{info}/licenses/LICENSE"]
        assert archive.read(licences[0]) == (ROOT / "LICENSE").read_bytes()
        commands = archive.read(f"{info}/entry_points.txt").decode()
        assert "miua=miua.cli:main" in commands.replace(" ", "")
    for needed in ("py.typed", "_kernels.pyi", "report/templates/report.html"):
        assert f"miua/{needed}" in package


def test_the_metadata_is_valid_and_says_the_licence(wheel, sdist):
    metadata = metadata_of(wheel)
    assert metadata.name == "miua"
    assert metadata.license_expression == PROJECT["project"]["license"] == "Apache-2.0"
    assert metadata.license_files == ["LICENSE"]
    assert set(metadata.provides_extra) == set(PROJECT["project"]["optional-dependencies"])
    assert str(metadata.requires_python) == PROJECT["project"]["requires-python"]
    assert metadata.description_content_type == "text/markdown"
    # The version of the sdist, though nothing around the wheel's sources has a tag or a history.
    assert sdist.name == f"miua-{metadata.version}.tar.gz"


def test_every_build_tool_is_in_the_locked_group():
    locked = {Requirement(each).name for each in PROJECT["dependency-groups"]["build"]}
    assert {Requirement(each).name for each in PROJECT["build-system"]["requires"]} <= locked


@pytest.fixture
def repository(tmp_path):
    """A git repository with what the version depends on, and one commit."""
    for name in ("pyproject.toml", ".git_archival.txt", ".gitattributes"):
        shutil.copy(ROOT / name, tmp_path)
    git(tmp_path, "init", "--quiet")
    commit(tmp_path)
    return tmp_path


def git(folder, *arguments):
    settings = ("-c", "user.name=Nobody", "-c", "user.email=nobody@example.org")
    run = subprocess.run(
        ["git", *settings, *arguments], cwd=folder, capture_output=True, check=True
    )
    return run.stdout


def commit(folder):
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "change")


def version_in(folder, **variables):
    """The version that a build in `folder` would have."""
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of files without a history, which is what is tried
        patch.chdir(folder)
        for name, value in variables.items():
            patch.setenv(name, value)
        return dynamic_metadata("version")


def archived(repository, place):
    """What `git archive`, GitHub and so Zenodo hand out: the files, and no history."""
    place.mkdir()
    packed = place / "archive.tar"
    packed.write_bytes(git(repository, "archive", "HEAD"))
    subprocess.run(["tar", "-xf", packed, "-C", place], check=True)
    packed.unlink()
    return place


def test_the_version_is_the_tag(repository, tmp_path_factory):
    assert version_in(repository) == "0.dev1"
    places = tmp_path_factory.mktemp("archives")
    assert version_in(archived(repository, places / "untagged")) == "0.dev0"
    git(repository, "tag", "v1.2.0")
    assert version_in(repository) == "1.2.0"
    assert version_in(archived(repository, places / "tagged")) == "1.2.0"
    commit(repository)
    assert version_in(repository) == "1.2.1.dev1"


def test_without_a_history_the_version_is_given_or_before_all_others(repository):
    shutil.rmtree(repository / ".git")
    assert version_in(repository) == "0.dev0"
    assert version_in(repository, SETUPTOOLS_SCM_PRETEND_VERSION_FOR_MIUA="1.2.0") == "1.2.0"


def test_the_package_says_the_installed_version():
    import miua

    assert miua.__version__ == importlib.metadata.version("miua")
    assert Version(miua.__version__) >= Version("0.dev0")


def test_zenodo_is_told_what_it_knows():
    jsonschema.validate(ZENODO, ZENODO_SCHEMA)


def test_zenodo_and_citation_say_the_same():
    for key in ("title", "license", "keywords"):
        assert ZENODO[key] == CITATION[key], key
    assert CITATION["license"] == PROJECT["project"]["license"]
    names = [
        author.get("name") or f"{author['family-names']}, {author['given-names']}"
        for author in CITATION["authors"]
    ]
    assert [creator["name"] for creator in ZENODO["creators"]] == names
    cited = {reference["doi"] for reference in CITATION["references"]}
    assert {each["identifier"] for each in ZENODO["related_identifiers"]} == cited
    assert cited >= {"10.48550/arXiv.2206.01731", "10.5281/zenodo.1327317"}


def test_no_file_holds_a_version_that_a_tag_would_contradict():
    assert "version" not in CITATION
    assert "version" not in ZENODO
    assert PROJECT["project"]["dynamic"] == ["version"]


def test_the_changelog_has_its_form():
    headings = re.findall(r"^## (.+)$", CHANGELOG, re.MULTILINE)
    assert headings[0] == "[Unreleased]"
    released = [re.fullmatch(r"\[(.+)\] - \d{4}-\d\d-\d\d", heading) for heading in headings[1:]]
    assert all(released), headings
    versions = [Version(each[1]) for each in released]
    assert versions == sorted(versions, reverse=True)
    kinds = set(re.findall(r"^### (.+)$", CHANGELOG, re.MULTILINE))
    assert kinds
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_what_the_project_wants_is_locked():
    text = "".join(p.read_text(encoding="utf-8") for p in ROOT.glob("requirements*.lock"))
    locked = {canonicalize_name(name) for name in re.findall(r"^([\w.-]+)==", text, re.MULTILINE)}
    groups = PROJECT["dependency-groups"].values()
    wanted = [*PROJECT["project"]["dependencies"], *(each for group in groups for each in group)]
    wanted += [each for e in PROJECT["project"]["optional-dependencies"].values() for each in e]
    named = {canonicalize_name(Requirement(each).name) for each in wanted}
    assert named <= locked
