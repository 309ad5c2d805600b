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
nox.options.default_venv_backend = "none" if os.environ.get("MIUA_CONTAINER") else "uv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["tests", "lint"]

ROOT = Path(__file__).parent
LOCK = "requirements.lock"
# On the path, or in the environment that holds nox.
UV = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
# What the installed package is built from; the Python sources are used where they lie.
BUILT_FROM = (LOCK, "pyproject.toml", "CMakeLists.txt", "csrc/*")


def install(session: nox.Session) -> None:
    """Install the locked dependencies and the package, unless it was done for these very files.

    What an earlier session left in uv's cache is enough; the network is asked only for the rest.
    """
    if session.venv_backend == "none":
        return
    digest = hashlib.sha256()
    for path in sorted(path for pattern in BUILT_FROM for path in ROOT.glob(pattern)):
        digest.update(path.read_bytes())
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
def lint(session: nox.Session) -> None:
    """Check style, types and the C++ format; changes nothing."""
    install(session)
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    sources = [str(path.relative_to(ROOT)) for path in sorted((ROOT / "csrc").glob("*.?pp"))]
    session.run("clang-format", "--dry-run", "--Werror", *sources)


@nox.session
def bench(session: nox.Session) -> None:
    """Time the kernels beside their peers, in one run."""
    install(session)
    session.run(
        "pytest",
        "tests/benchmarks",
        "--benchmark-enable",
        "--benchmark-only",
        "--benchmark-group-by=group",
        "--benchmark-columns=min,median,ops,rounds",
        *session.posargs,
    )


@nox.session(venv_backend="none")
def lock(session: nox.Session) -> None:
    """Pin every dependency anew, with hashes: requirements.lock and requirements-run.lock."""
    pin = (UV, "pip", "compile", "--quiet", "--universal", "--python-version", "3.11",
           "--generate-hashes", "--no-emit-index-url", "--no-header", "pyproject.toml")  # fmt: skip
    groups = ("build", "tests", "lint", "run")
    everything = [argument for group in groups for argument in ("--group", group)]
    session.run(*pin, "--upgrade", "--extra", "study", *everything, "-o", LOCK)
    # Constrained by the first, so that both name the same versions.
    session.run(
        UV, "pip", "compile", "--quiet", "--universal", "--python-version", "3.11",
        "--generate-hashes", "--no-emit-index-url", "--no-header", "--no-annotate",
        "--group", "run", "-c", LOCK, "-o", "requirements-run.lock",
    )  # fmt: skip
