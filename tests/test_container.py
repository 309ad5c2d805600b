"""The container image, as far as no engine is needed to judge it; `nox -s image` does the rest."""

import fnmatch
import os
import re
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from container.__main__ import (
    _arguments,
    as_context,
    build_image,
    default_base,
    source_arguments,
)
from container.check import WRITABLE
from container.engines import ImageError, build_command, choose_engine, get_base, run_command
from container.sizes import measure
from miua.provenance import code_version

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
LOCKS = ("requirements.lock", "requirements-run.lock")


def instructions():
    """The Dockerfile's instructions with their arguments, continued lines joined."""
    lines = [line for line in DOCKERFILE.splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [tuple(line.split(None, 1)) for line in joined.splitlines() if line.strip()]


def stages():
    """The instructions of each stage, the last one last."""
    found = []
    for name, arguments in instructions():
        if name == "FROM":
            found.append([])
        if found:
            found[-1].append((name, arguments))
    return found


def commands(of):
    return [
        command.strip()
        for name, arguments in of
        if name == "RUN"
        for command in re.split(r"&&|;|\|", arguments)
    ]


def test_python_packages_come_from_the_locks_with_their_hashes_alone():
    installs = [command for command in commands(instructions()) if "pip install" in command]
    locked = [c for c in installs if "--require-hashes" in c]
    assert {re.search(r"-r /tmp/(\S+)", c)[1] for c in locked} == set(LOCKS)
    # The package itself, as the image built it: no network, no dependency.
    (own,) = [c for c in installs if c not in locked]
    assert "--offline" in own
    assert "--no-deps" in own
    assert own.endswith(" /dist/*.whl")
    assert not re.search(r"\b(easy_install|pipx|conda|curl|wget|git clone)\b", DOCKERFILE)


def test_nothing_is_added_from_an_address():
    assert not [arguments for name, arguments in instructions() if name == "ADD"]
    assert "://" not in DOCKERFILE


def test_what_runs_has_no_compiler():
    final, system = stages()[-1], next(s for s in stages() if s[0][1].endswith(" AS system"))
    assert final[0] == ("FROM", "system")
    assert "sed '/# build:/d;" in dict(system)["RUN"]
    packages = (ROOT / "system-packages.txt").read_text(encoding="utf-8").splitlines()
    compiling = {line.split()[0] for line in packages if "# build:" in line}
    assert compiling >= {"build-essential", "python3-dev"}
    assert not [c for c in commands(final) if "apt-get" in c or "cmake" in c]


def test_it_does_not_run_as_root():
    users = [arguments for name, arguments in stages()[-1] if name == "USER"]
    user, group = users[-1].split(":")
    assert int(user) > 0
    assert int(group) > 0


def test_labels_invent_nothing():
    (labels,) = [arguments for name, arguments in stages()[-1] if name == "LABEL"]
    keys = set(re.findall(r"org\.opencontainers\.image\.([\w.]+)=", labels))
    assert keys >= {"title", "description", "licenses", "version", "revision", "base.name"}
    assert not keys & {"source", "url", "documentation", "vendor"}


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_is_pinned_and_has_hashes_and_no_address(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    packages = re.split(r"\n(?=\S)", "\n".join(
        line for line in text.splitlines() if line and not line.lstrip().startswith("#")
    ))  # fmt: skip
    assert len(packages) > 10
    for package in packages:
        assert re.match(r"[a-z0-9][\w.\-]*(\[[\w,\-]+\])?==\S+", package), package.splitlines()[0]
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", package), package.splitlines()[0]
    assert "://" not in text
    assert "index-url" not in text


def test_pip_refuses_what_the_lock_does_not_know(tmp_path):
    """The hash is what stops another file under the same name."""
    wheel = tmp_path / "thing-1.0-py3-none-any.whl"
    record = "thing-1.0.dist-info"
    made = tmp_path / "made"
    (made / record).mkdir(parents=True)
    (made / record / "METADATA").write_text("Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n")
    (made / record / "WHEEL").write_text(
        "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    (made / record / "RECORD").write_text("")
    shutil.make_archive(str(wheel), "zip", made)
    wheel.with_name(f"{wheel.name}.zip").rename(wheel)
    lock = tmp_path / "lock.txt"
    lock.write_text(f"thing==1.0 --hash=sha256:{'0' * 64}\n")
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if uv is None:
        pytest.skip("uv is not in this environment nor on the path")
    target, links = str(tmp_path / "target"), ("--no-index", "--find-links", str(tmp_path))
    install = [uv, "pip", "install", "--target", target, *links, "--require-hashes", "-r"]
    refused = subprocess.run([*install, str(lock)], capture_output=True, text=True, check=False)
    assert refused.returncode != 0
    assert "Hash mismatch" in refused.stderr
    assert not (tmp_path / "target" / record).exists()


def ignored(path: str) -> bool:
    """Whether .dockerignore keeps a path of the repository out; knows the forms that it uses."""
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        assert not line.startswith("!"), "this reader knows no exceptions"
        parts = path.split("/")
        if line.startswith("**/"):
            if any(fnmatch.fnmatchcase(part, line[3:]) for part in parts):
                return True
        elif fnmatch.fnmatchcase(path, line) or path.startswith(f"{line}/"):
            return True
    return False


@pytest.mark.parametrize(
    "path",
    [
        ".git/config",
        ".nox/environment/bin/python",
        ".run/bin/nox",
        "results/smoke/claims.json",
        "build/kernels/bench/kernel_cycles",
        "dist/miua.whl",
        "miua/__pycache__/config.pyc",
        "tests/data/__pycache__/x.pyc",
        "miua/_kernels.so",
        ".hypothesis/examples/a",
        ".pytest_cache/v",
        "shared/data/hc18/training_set/000_HC.png",
        "paper/build/main.pdf",
        "paper/main.log",
    ],
)
def test_what_git_does_not_keep_stays_out(path):
    assert ignored(path)


def test_everything_that_git_ignores_stays_out():
    for line in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            assert ignored(line.rstrip("/").replace("*", "some")), line


def test_what_the_study_needs_goes_in():
    wanted = [path for path in ROOT.rglob("*") if path.suffix in (".py", ".cpp", ".hpp", ".yaml")]
    sources = [path.relative_to(ROOT).as_posix() for path in wanted]
    sources = [p for p in sources if p.split("/")[0] in ("miua", "csrc", "experiments", "tests")]
    assert len(sources) > 200
    assert not [path for path in sources if ignored(path)]
    for name in ("README.md", "LICENSE", "paper/main.tex", "noxfile.py", *LOCKS):
        assert not ignored(name)


def test_a_client_without_its_daemon_is_passed_over(commands):
    commands("docker", "exit 1")
    commands("buildah", '[ "$1" = info ]')
    assert choose_engine() == "buildah"
    commands("podman", '[ "$1" = info ]')
    assert choose_engine() == "podman"
    commands("docker", '[ "$1" = info ]')
    assert choose_engine() == "docker"
    assert choose_engine("buildah") == "buildah"


def test_without_an_engine_it_says_what_to_install(commands):
    commands("docker", "echo no daemon >&2; exit 1")
    with pytest.raises(ImageError, match="`docker info` says 'no daemon'; podman is not installed"):
        choose_engine()
    with pytest.raises(ImageError, match=r"podman is not installed.*apt-get install buildah"):
        choose_engine("podman")


def test_what_is_to_be_baked_in_is_looked_for_before_anything_is_pulled(commands, tmp_path):
    commands("buildah", "exit 9")
    for option in ("hc18", "inception", "certificates"):
        missing = ["--" + option, str(tmp_path / "nothing")]
        with pytest.raises(ImageError, match=f"nothing does not exist .--{option}"):
            build_image("buildah", _arguments().parse_args(missing))


def test_a_base_that_cannot_be_pulled_names_the_way_out(commands, tmp_path):
    commands("buildah", f'echo "$*" >> {tmp_path}/asked; exit 1')
    with pytest.raises(ImageError, match="--base debootstrap"):
        get_base("buildah", "docker.io/some/base")
    asked = (tmp_path / "asked").read_text().splitlines()
    assert asked == ["inspect --type image docker.io/some/base", "pull docker.io/some/base"]
    commands("buildah", '[ "$1" = inspect ]')
    get_base("buildah", "docker.io/some/base")  # it is there: not pulled


@pytest.mark.parametrize("engine", ["docker", "podman", "buildah"])
def test_each_engine_is_told_the_same(engine, tmp_path):
    contexts, certificates = {"hc18": tmp_path / "a"}, tmp_path / "certificates.pem"
    arguments = {"BASE_IMAGE": "base"}
    text = " ".join(build_command(engine, ROOT, "name", arguments, contexts, certificates))
    assert "--tag name --build-arg BASE_IMAGE=base" in text
    assert f"--build-context hc18={tmp_path / 'a'}" in text
    assert f"--secret id=certificates,src={certificates}" in text
    assert text.endswith(f" {ROOT}")
    run = " ".join(run_command(engine, "name", "5:6", tmp_path, "id"))
    assert f"--user 5:6 --volume {tmp_path}:/miua/results" in run
    assert "--network none" in run or run.startswith("unshare --net ")


@pytest.mark.parametrize(("uid", "own"), [(1000, True), (0, False)])
def test_podman_without_root_keeps_the_user(uid, own, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    run = run_command("podman", "name", "1000:1000", tmp_path, "id")
    assert ("--userns=keep-id" in run) is own
    assert f"{tmp_path}:/miua/results{':Z' if own else ''}" in run
    assert "--userns=keep-id" not in run_command("docker", "name", "5:6", tmp_path, "id")


def test_each_folder_is_tried_by_itself(tmp_path):
    def status(closed, opened):
        command = ["sh", "-c", WRITABLE, "sh", closed, opened]
        return subprocess.run(command, capture_output=True, check=False).returncode

    assert status("/proc /proc/self", str(tmp_path)) == 0
    assert not any(tmp_path.iterdir())
    assert status(f"/proc {tmp_path}", "") != 0
    assert status("/proc", f"{tmp_path} /proc") != 0


def git(folder, *arguments):
    name = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    return subprocess.run(["git", "-C", str(folder), *name, *arguments],
                          check=True, capture_output=True, text=True).stdout.strip()  # fmt: skip


def test_the_commit_is_that_of_the_checkout(tmp_path):
    assert source_arguments(tmp_path) == {}
    git(tmp_path, "init", "-q")
    with pytest.raises(ImageError, match="git rev-parse HEAD fails"):
        source_arguments(tmp_path)
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "first")
    commit = git(tmp_path, "rev-parse", "HEAD")
    assert source_arguments(tmp_path) == {"MIUA_COMMIT": commit}
    git(tmp_path, "tag", "v1.2")
    (tmp_path / "new").touch()
    expected = {"MIUA_COMMIT": f"{commit}-dirty", "MIUA_VERSION": "1.2"}
    assert source_arguments(tmp_path) == expected


@pytest.mark.parametrize(("said", "known"), [("abc-dirty", ("abc", True)), ("abc", ("abc", None))])
def test_in_the_image_provenance_tells_the_commit_from_its_changes(said, known, monkeypatch):
    monkeypatch.setenv("MIUA_COMMIT", said)
    assert tuple(code_version().values()) == known


def test_the_default_base_is_an_official_cuda_base_on_ubuntu():
    assert re.fullmatch(r"docker\.io/nvidia/cuda:[\d.]+-base-ubuntu24\.04", default_base())
    # Its CUDA is of the same family as the locked torch's, and no newer.
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = re.search(r"^nvidia-cuda-runtime==(\d+)\.(\d+)", lock, re.MULTILINE)
    base = re.search(r"cuda:(\d+)\.(\d+)", default_base())
    assert base[1] == locked[1]
    assert int(base[2]) <= int(locked[2])


def test_a_file_to_bake_becomes_a_folder_of_its_own(tmp_path):
    archive = tmp_path / "some.zip"
    archive.write_bytes(b"zip")
    with ExitStack() as stack:
        folder = as_context("hc18", archive, stack)
        assert [path.name for path in folder.iterdir()] == ["training_set.zip"]
        assert as_context("hc18", tmp_path, stack) == tmp_path.resolve()
        with pytest.raises(ImageError, match="does not exist"):
            as_context("inception", tmp_path / "absent.pth", stack)
    assert not folder.exists()


def bake(tmp_path, *arguments):
    """Run container/bake with this environment's miua."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [str(ROOT / "container" / "bake"), *arguments],
        capture_output=True, text=True, check=False, cwd=tmp_path,
        env={**os.environ, "PATH": path, "MIUA_BAKE_ROOT": str(tmp_path)},
    )  # fmt: skip


def test_nothing_to_bake_makes_nothing(tmp_path):
    assert bake(tmp_path, "", "").returncode == 0
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("yes", ""), "BAKE_HC18 is 'yes': say download or context."),
        (("", "yes"), "BAKE_INCEPTION is 'yes': say download or context."),
        (("", "context"), "a folder with the weights file alone"),
        (("context", ""), "does not exist"),
    ],
)
def test_what_cannot_be_baked_says_so(arguments, message, tmp_path):
    result = bake(tmp_path, *arguments)
    assert result.returncode != 0
    assert message in result.stderr
    assert not list(tmp_path.rglob("*.p*"))


def test_other_weights_are_not_baked(tmp_path):
    (tmp_path / "run" / "inception").mkdir(parents=True)
    (tmp_path / "run" / "inception" / "weights.pth").write_bytes(b"something else")
    result = bake(tmp_path, "", "context")
    assert result.returncode != 0
    assert "is not the published file of Inception weights" in result.stderr
    assert not list((tmp_path / "opt").rglob("*.pth"))


def test_sizes_by_part_add_up(tmp_path):
    for name, size in (
        ("opt/miua/lib/python3.11/site-packages/torch/a.so", 300),
        ("opt/miua/lib/python3.11/site-packages/nvidia/b.so", 500),
        ("opt/miua/lib/python3.11/site-packages/c.pyc", 20),
        ("miua/README.md", 7),
        ("usr/bin/x", 11),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"0" * size)
    (tmp_path / "usr/bin/y").hardlink_to(tmp_path / "usr/bin/x")
    parts, byte_code = measure(tmp_path)
    assert parts.total() == 838
    assert byte_code == 20
    assert parts["torch"] == 300
    assert parts["other Python packages"] == 20
    assert parts["this repository"] == 7


def nox(*arguments, **environment):
    """Run nox as from a fresh shell, whatever the nox around these tests has set."""
    command = [sys.executable, "-m", "nox", "--noxfile", str(ROOT / "noxfile.py"), *arguments]
    set_by_nox = ("PYTEST_ADDOPTS", "HYPOTHESIS_STORAGE_DIRECTORY", "NOX_CURRENT_SESSION")
    inherited = {name: value for name, value in os.environ.items() if name not in set_by_nox}
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={**inherited, **environment}
    )


def test_in_the_image_nox_makes_no_environment_and_notes_go_home(tmp_path):
    pytest.importorskip("nox", reason="nox is in the environment that starts the tests, not here")
    home, envdir = tmp_path / "home", tmp_path / "environments"
    command = (
        "-s",
        "tests",
        "--envdir",
        str(envdir),
        "--",
        "-n",
        "0",
        "-q",
        "tests/test_wording.py",
    )
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    result = nox(*command, MIUA_CONTAINER="1", HOME=str(home), PATH=path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert not envdir.exists() or not any(envdir.iterdir())
    assert (home / ".cache" / "pytest").is_dir()
