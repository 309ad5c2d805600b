"""The doors: `nox -s reproduce`, `nox -s tests`, and what developers need (`nox --list`)."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2025.2"
# In the container the environment is there already, and no session makes another.
IN_CONTAINER = bool(os.environ.get("MIUA_CONTAINER"))
nox.options.default_venv_backend = "none" if IN_CONTAINER else "uv"
if IN_CONTAINER:
    # Nobody may write beside the sources there, where these tools would keep their notes.
    notes = Path.home() / ".cache"
    os.environ.setdefault("PYTEST_ADDOPTS", f"-o 'cache_dir={notes / 'pytest'}'")
    for tool in ("HYPOTHESIS_STORAGE_DIRECTORY", "RUFF_CACHE_DIR", "MYPY_CACHE_DIR"):
        os.environ.setdefault(tool, str(notes / tool.partition("_")[0].lower()))
nox.options.reuse_venv = "yes"
nox.options.sessions = ["tests", "lint"]

ROOT = Path(__file__).parent
LOCK = "requirements.lock"
# On the path, or in the environment that holds nox.
UV = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
# What the installed package is built from; the Python sources are used where they lie.
BUILT_FROM = (LOCK, "pyproject.toml", "CMakeLists.txt", "csrc/*", "tests/conformance.json")
KERNEL_TESTS = (
    "tests/metrics/test_lbp.py",
    "tests/metrics/test_mutual_information.py",
    "tests/metrics/test_ssim.py",
)


def install(session: nox.Session) -> None:
    """Install the locked dependencies and the package, unless it was done for these very files.

    What an earlier session left in uv's cache is enough; the network is asked only for the rest.
    """
    if session.venv_backend == "none":
        return
    digest = hashlib.sha256()
    for path in sorted(path for pattern in BUILT_FROM for path in ROOT.glob(pattern)):
        digest.update(path.read_bytes())
    # An installed package knows its modules by name; a module that moved needs another install.
    digest.update("\n".join(sorted(map(str, (ROOT / "miua").rglob("*.py")))).encode())
    stamp = Path(session.virtualenv.location) / "installed-from.txt"
    if stamp.exists() and stamp.read_text() == digest.hexdigest():
        return
    stamp.unlink(missing_ok=True)
    session.log("Installing the locked dependencies (about 3 GB the first time) ...")
    locked = [UV, "pip", "install", "--quiet", "--require-hashes", "-r", LOCK]
    into = ["--python", session.virtualenv.location]
    if subprocess.run([*locked, *into, "--offline"], capture_output=True).returncode != 0:
        session.run(*locked, external=True)
    package = ("--no-deps", "--no-build-isolation", "--editable", ".")
    session.run(UV, "pip", "install", "--quiet", "--offline", *package, external=True)
    stamp.write_text(digest.hexdigest())


@nox.session
def reproduce(session: nox.Session) -> None:
    """Rerun the study, from images to the printed paper. `-- --profile cpu` chooses the scale."""
    install(session)
    session.run("miua", "reproduce", *session.posargs)


@nox.session
def experiment(session: nox.Session) -> None:
    """Rerun one experiment: `-- training-size --profile cpu`."""
    install(session)
    session.run("miua", "experiment", *session.posargs)


@nox.session
def paper(session: nox.Session) -> None:
    """Rebuild figures, report and PDF from results that are there: `-- results/cpu`."""
    install(session)
    results = session.posargs or ["results/smoke"]
    for step in ("analyse", "figures", "paper", "report"):
        session.run("miua", step, *results)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests; arguments go to pytest."""
    install(session)
    session.run("pytest", *session.posargs)


@nox.session
def slurm(session: nox.Session) -> None:
    """Run the study on a real Slurm of one node and hold it against a local run."""
    install(session)
    session.run("pytest", "-m", "slurm", "tests/test_slurm.py", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, types and the C++ format; changes nothing."""
    install(session)
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    sources = [str(path.relative_to(ROOT)) for path in sorted((ROOT / "csrc").glob("*.?pp"))]
    session.run("clang-format", "--dry-run", "--Werror", *sources)


def build_kernels(session: nox.Session, name: str, *options: str) -> Path:
    """Build the kernels' programs without Python; the folder they are in.

    The container has no compiler, and brings them as they are without options.
    """
    if IN_CONTAINER and not options:
        return Path(sys.prefix) / "kernels"
    folder = ROOT / "build" / "kernels" / name
    only = ("-DMIUA_PYTHON=OFF", "-DMIUA_RUNNER=ON", "-Wno-dev")
    session.run("cmake", "-S", str(ROOT), "-B", str(folder), *only, *options, silent=True)
    session.run("cmake", "--build", str(folder), "--parallel", silent=True)
    return folder


@nox.session
def bench(session: nox.Session) -> None:
    """Time kernels and training loop beside their peers, in one run; count the kernels' cycles."""
    install(session)
    report = ROOT / "results" / "kernels-benchmark.json"
    report.parent.mkdir(exist_ok=True)
    session.run(
        "pytest",
        "tests/benchmarks",
        "--quiet",
        "--benchmark-enable",
        "--benchmark-quiet",
        f"--benchmark-json={report}",
        *session.posargs,
    )
    session.run(str(build_kernels(session, "bench") / "kernel_cycles"), external=True)


@nox.session(venv_backend="none")
def image(session: nox.Session) -> None:
    """Build the container image; `-- --check` also tries it with the network off."""
    session.run(sys.executable, "-m", "container", *session.posargs, external=True)


def check_kernels(
    session: nox.Session, name: str, *options: str, emulator: str = "", **env: str
) -> None:
    """Build the kernels without Python and hold them against the conformance file."""
    command = f"{emulator} {build_kernels(session, name, *options) / 'kernel_runner'}".strip()
    session.run("miua", "conformance", "--runner", command, env=env)


@nox.session
def compilers(session: nox.Session) -> None:
    """Build the kernels with GCC and Clang, with and without OpenMP, and check each build."""
    install(session)
    for compiler in ("g++", "clang++"):
        for openmp in ("ON", "OFF"):
            options = (f"-DCMAKE_CXX_COMPILER={compiler}", f"-DMIUA_OPENMP={openmp}")
            check_kernels(session, f"{compiler}-openmp-{openmp}", *options)


@nox.session
def arm(session: nox.Session) -> None:
    """Build the kernels for 64-bit Arm and check them in an emulator."""
    install(session)
    check_kernels(
        session,
        "aarch64",
        "-DCMAKE_SYSTEM_NAME=Linux",
        "-DCMAKE_SYSTEM_PROCESSOR=aarch64",
        "-DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++",
        emulator="qemu-aarch64 -L /usr/aarch64-linux-gnu",
    )


@nox.session
def sanitize(session: nox.Session) -> None:
    """Run the kernels and their tests under AddressSanitizer and UndefinedBehaviorSanitizer."""
    install(session)
    sanitizers = "-DMIUA_SANITIZE=address,undefined"
    check_kernels(session, "sanitized", sanitizers, UBSAN_OPTIONS="print_stacktrace=1")
    folder = ROOT / "build" / "sanitized"
    where = "import sys, pybind11; print(sys.executable, pybind11.get_cmake_dir())"
    python, pybind11 = str(session.run("python", "-c", where, silent=True)).split()
    options = (
        "-Wno-dev",
        sanitizers,
        f"-DPython_EXECUTABLE={python}",
        f"-Dpybind11_DIR={pybind11}",
    )
    session.run("cmake", "-S", str(ROOT), "-B", str(folder), *options, silent=True)
    session.run("cmake", "--build", str(folder), "--parallel", silent=True)
    # The C++ library as well, or the sanitizer does not see where exceptions are thrown.
    preloaded = [
        str(session.run("g++", f"-print-file-name={name}", external=True, silent=True)).strip()
        for name in ("libasan.so", "libstdc++.so")
    ]
    env = {
        "MIUA_KERNELS": str(next(folder.glob("_kernels*.so"))),
        "LD_PRELOAD": " ".join(preloaded),
        "ASAN_OPTIONS": "detect_leaks=0",  # Python keeps what it needs until the end
    }
    session.run(
        "python", "-m", "pytest", "-p", "tests.sanitized", *KERNEL_TESTS, *session.posargs, env=env
    )


@nox.session(venv_backend="none")
def lock(session: nox.Session) -> None:
    """Pin every dependency anew, with hashes: requirements.lock and requirements-run.lock."""
    pin = (UV, "pip", "compile", "--quiet", "--universal", "--python-version", "3.11",
           "--generate-hashes", "--no-emit-index-url", "--no-header", "pyproject.toml")  # fmt: skip
    groups = ("build", "tests", "lint", "run")
    everything = [argument for group in groups for argument in ("--group", group)]
    session.run(*pin, "--upgrade", "--extra", "study", "--extra", "slurm", *everything, "-o", LOCK)
    # Constrained by the first, so that both name the same versions.
    session.run(
        UV, "pip", "compile", "--quiet", "--universal", "--python-version", "3.11",
        "--generate-hashes", "--no-emit-index-url", "--no-header", "--no-annotate",
        "--group", "run", "-c", LOCK, "-o", "requirements-run.lock",
    )  # fmt: skip
