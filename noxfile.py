"""The sessions: `nox -s reproduce`, `nox -s tests`, and what developers need (`nox --list`)."""

import hashlib
import json
import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nox

nox.needs_version = ">=2025.2"
# In the container the environment is there already. Elsewhere `install` makes one for all sessions.
IN_CONTAINER = bool(os.environ.get("MIUA_CONTAINER"))
nox.options.default_venv_backend = "none"
if IN_CONTAINER:
    # Nobody may write beside the sources there, where these tools would keep their notes.
    notes = Path.home() / ".cache"
    os.environ.setdefault("PYTEST_ADDOPTS", f"-o 'cache_dir={notes / 'pytest'}'")
    for tool in ("HYPOTHESIS_STORAGE_DIRECTORY", "RUFF_CACHE_DIR", "MYPY_CACHE_DIR"):
        os.environ.setdefault(tool, str(notes / tool.partition("_")[0].lower()))
nox.options.reuse_venv = "yes"
nox.options.sessions = ["tests", "lint"]

ROOT = Path(__file__).parent
DISTRIBUTIONS = ROOT / "dist"
ENVIRONMENT = ROOT / ".nox" / "environment"
LOCK = "requirements.lock"
# On the path, or in the environment that holds nox.
UV = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
# What the installed package is built from; the Python sources are used where they lie.
BUILT_FROM = (LOCK, "pyproject.toml", "CMakeLists.txt", "csrc/*", "tests/conformance.json")
# The schemas that check-jsonschema carries, and the files that are held against them.
SCHEMA_OPTIONS = ("--default-filetype=yaml", "--builtin-schema")
SCHEMAS = (
    ("vendor.github-workflows", ".github/workflows/*.yml"),
    ("custom.github-workflows-require-timeout", ".github/workflows/*.yml"),
    ("vendor.github-actions", ".github/actions/*/action.yml"),
    ("vendor.dependabot", ".github/dependabot.yml"),
    ("vendor.citation-file-format", "CITATION.cff"),
)
# Each takes hundreds of megabytes; tests that share what took long to make stay together.
WORKERS = ("--numprocesses", "logical", "--maxprocesses", "8", "--dist", "worksteal")
KERNEL_TESTS = (
    "tests/metrics/test_lbp.py",
    "tests/metrics/test_mutual_information.py",
    "tests/metrics/test_ssim.py",
)


def pip_install(session: nox.Session, *what: str) -> None:
    """Install into the session's environment, with uv."""
    session.run(UV, "pip", "install", "--quiet", *what, external=True)


def install(session: nox.Session) -> None:
    """Install the locked dependencies and the package, unless it was done for these very files.

    What an earlier session left in uv's cache is enough; the network is asked only for the rest.
    """
    if IN_CONTAINER:
        return
    digest = hashlib.sha256(sys.version.encode())
    for path in sorted(path for pattern in BUILT_FROM for path in ROOT.glob(pattern)):
        digest.update(path.read_bytes())
    # An installed package knows its modules by name; a module that moved needs another install.
    digest.update("\n".join(sorted(map(str, (ROOT / "miua").rglob("*.py")))).encode())
    commands = str(ENVIRONMENT / "bin")
    os.environ["VIRTUAL_ENV"] = str(ENVIRONMENT)
    if commands not in os.environ["PATH"].split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join([commands, os.environ["PATH"]])
    stamp = ENVIRONMENT / "installed-from.txt"
    if stamp.exists() and stamp.read_text() == digest.hexdigest():
        return
    stamp.unlink(missing_ok=True)
    made = (UV, "venv", "--quiet", "--allow-existing", "--python", sys.executable)
    session.run(*made, str(ENVIRONMENT))
    session.log("Installing the locked dependencies (about 3 GB the first time) ...")
    locked = ("--require-hashes", "-r", LOCK)
    offline = [UV, "pip", "install", *locked, "--offline"]
    if subprocess.run(offline, capture_output=True).returncode != 0:
        pip_install(session, *locked)
    pip_install(session, "--offline", "--no-deps", "--no-build-isolation", "--editable", ".")
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
def verify(session: nox.Session) -> None:
    """Recompute what a results folder says, and hold it against what is expected."""
    install(session)
    session.run("miua", "verify", *(session.posargs or ["results/smoke", "--strict"]))


@nox.session
def expected(session: nox.Session) -> None:
    """Make experiments/expected/PROFILE anew: a run and ten repeats. `-- --profile smoke`."""
    install(session)
    option, *named = session.posargs or ["--profile", "smoke"]
    if option != "--profile" or len(named) != 1:
        session.error("The only argument is --profile NAME.")
    (profile,) = named
    repeats = "results/repeats"
    session.run("miua", "reproduce", "--profile", profile)
    session.run("miua", "repeat", "--profile", profile, "--out", repeats)
    out = f"experiments/expected/{profile}"
    session.run("miua", "expected", f"results/{profile}", "--repeats", repeats, "--out", out)


@nox.session
def paper(session: nox.Session) -> None:
    """Rebuild figures, report and PDF from results that are there: `-- results/cpu`."""
    install(session)
    results = session.posargs or ["results/smoke"]
    for step in ("analyse", "figures", "paper", "report"):
        session.run("miua", step, *results)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests, on all cores; arguments go to pytest. `-- -n 0`: in one process."""
    install(session)
    session.run("pytest", *WORKERS, *session.posargs)


@nox.session
def explore(session: nox.Session) -> None:
    """Run the property tests with examples that no run had before. `-- --hypothesis-seed N`."""
    install(session)
    seed = ("--hypothesis-seed", str(secrets.randbelow(2**32)))
    given = () if "--hypothesis-seed" in session.posargs else seed
    explore = ("-m", "hypothesis", "--hypothesis-profile", "explore")
    session.run("pytest", *WORKERS, *explore, *given, *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Read image files changed at random: 100,000 mutations of each format. `-- 5000` for fewer."""
    install(session)
    session.run("python", "-m", "tests.data.mutations", *(session.posargs or ["100000"]))


@nox.session
def slurm(session: nox.Session) -> None:
    """Run the study on a real Slurm of one node and hold it against a local run."""
    install(session)
    session.run("pytest", "-m", "slurm", "tests/test_slurm.py", *session.posargs)


@nox.session
def browser(session: nox.Session) -> None:
    """Use the survey's page and the report in Debian's Chromium, as people do."""
    if IN_CONTAINER:
        session.error("The image holds no browser. Run this session outside of it.")
    install(session)
    pip_install(session, "--require-hashes", "-r", "requirements-browser.lock")
    session.run("pytest", "-m", "browser", "tests/browser", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, types and the C++ format; changes nothing."""
    install(session)
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    sources = [str(path.relative_to(ROOT)) for path in sorted((ROOT / "csrc").glob("*.?pp"))]
    session.run("clang-format", "--dry-run", "--Werror", *sources)
    for schema, pattern in SCHEMAS:
        files = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob(pattern))
        session.run("check-jsonschema", *SCHEMA_OPTIONS, schema, *files)
    session.run("zizmor", "--offline", "--quiet", ".")


def build_distribution(session: nox.Session, kind: str, source: Path) -> Path:
    """Build `kind`, sdist or wheel, in dist/ with the locked build tools; an sdist empties it."""
    if kind == "sdist":
        shutil.rmtree(DISTRIBUTIONS, ignore_errors=True)
    locked = ("--build-constraints", LOCK, "--require-hashes", "--out-dir", str(DISTRIBUTIONS))
    session.run(UV, "build", "--quiet", f"--{kind}", *locked, str(source), external=True)
    built = next(DISTRIBUTIONS.glob({"sdist": "*.tar.gz", "wheel": "*.whl"}[kind]))
    session.log(f"{built.name}: {built.stat().st_size / 1e6:.2f} MB")
    return built


@nox.session(venv_backend="uv", reuse_venv=False)
def package(session: nox.Session) -> None:
    """Build sdist and wheel, and use the wheel in an empty environment."""
    sdist = build_distribution(session, "sdist", ROOT)
    wheel = build_distribution(session, "wheel", sdist)
    # Away from the checkout, whose modules would be found before the installed ones.
    session.chdir(session.create_tmp())
    pip_install(session, "--constraints", str(ROOT / LOCK), str(wheel))
    session.run("miua", "conformance")
    for folder, seed in (("real", "1"), ("synthetic", "2")):
        session.run("miua", "phantom", "--out", folder, "--images", "24", "--seed", seed)
    session.run("miua", "evaluate", "--real", "real", "--synthetic", "synthetic", "--size", "64")
    # What a reader of the README does, with pip alone.
    session.run("python", "-m", "venv", "--clear", "plain")
    session.run("plain/bin/pip", "install", "--quiet", str(ROOT), external=True)
    session.run("plain/bin/miua", "conformance", external=True)


@nox.session(venv_backend="uv")
def wheels(session: nox.Session) -> None:
    """Build a wheel for each Python from the sdist: on Linux in containers."""
    sdist = build_distribution(session, "sdist", ROOT)
    pip_install(session, "--constraints", LOCK, "--group", "wheels")
    session.run("cibuildwheel", "--output-dir", str(DISTRIBUTIONS), *session.posargs, str(sdist))


def build_kernels(session: nox.Session, name: str, *options: str) -> Path:
    """Build the kernels' programs without Python; the folder they are in.

    The container has no compiler, and brings them as they are without options.
    """
    if IN_CONTAINER and not options:
        return Path(sys.prefix) / "kernels"
    folder = ROOT / "build" / "kernels" / name
    run_cmake(session, folder, "-DMIUA_PYTHON=OFF", "-DMIUA_RUNNER=ON", *options)
    return folder


def run_cmake(session: nox.Session, folder: Path, *options: str) -> None:
    """Configure and build the sources in `folder`."""
    configure = ("-S", str(ROOT), "-B", str(folder), "-Wno-dev", *options)
    session.run("cmake", *configure, silent=True)
    session.run("cmake", "--build", str(folder), "--parallel", silent=True)


@nox.session
def bench(session: nox.Session) -> None:
    """Time kernels and training loops beside peers, count cycles, and how often intervals hold."""
    install(session)
    report = ROOT / "results" / "kernels-benchmark.json"
    report.parent.mkdir(exist_ok=True)
    options = ("--quiet", "--benchmark-enable", "--benchmark-quiet", f"--benchmark-json={report}")
    session.run("pytest", "tests/benchmarks", *options, *session.posargs)
    session.run(str(build_kernels(session, "bench") / "kernel_cycles"), external=True)
    session.run("python", "-m", "tests.benchmarks.interval_coverage")


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
    target = {
        "SYSTEM_NAME": "Linux",
        "SYSTEM_PROCESSOR": "aarch64",
        "CXX_COMPILER": "aarch64-linux-gnu-g++",
    }
    options = (f"-DCMAKE_{name}={value}" for name, value in target.items())
    emulator = "qemu-aarch64 -L /usr/aarch64-linux-gnu"
    check_kernels(session, "aarch64", *options, emulator=emulator)


@nox.session
def sanitize(session: nox.Session) -> None:
    """Run the kernels and their tests under AddressSanitizer and UndefinedBehaviorSanitizer."""
    install(session)
    sanitizers = "-DMIUA_SANITIZE=address,undefined"
    check_kernels(session, "sanitized", sanitizers, UBSAN_OPTIONS="print_stacktrace=1")
    folder = ROOT / "build" / "sanitized"
    where = "import sys, pybind11; print(sys.executable, pybind11.get_cmake_dir())"
    python, pybind11 = str(session.run("python", "-c", where, silent=True)).split()
    options = (sanitizers, f"-DPython_EXECUTABLE={python}", f"-Dpybind11_DIR={pybind11}")
    run_cmake(session, folder, *options)
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


@nox.session(venv_backend="uv")
def audit(session: nox.Session) -> None:
    """Ask PyPI's advisory service about every locked package; needs the network."""
    pip_install(session, "--require-hashes", "-r", "requirements-audit.lock")
    report = Path(session.create_tmp()) / "audit.json"
    report.unlink(missing_ok=True)
    said = ("--format", "json", "--output", str(report), "--progress-spinner", "off")
    # It ends with 1 where it found something, and with 0 even where it was told nothing at all.
    for locked in (LOCK, "requirements-audit.lock"):
        asked = ("--requirement", locked, "--disable-pip", "--require-hashes")
        session.run("pip-audit", *asked, *said, success_codes=[0, 1], silent=True)
        if not report.exists():
            session.error(f"{locked} was not audited: PyPI's advisory service does not answer.")
        judge_audit(session, locked, json.loads(report.read_text())["dependencies"])
        report.unlink()


def judge_audit(session: nox.Session, locked: str, packages: list[dict[str, Any]]) -> None:
    """Stop at the first advisory, or where the service was silent about a package."""
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    found = [
        f"{package['name']} {package['version']}: {advisory['id']}"
        f" (mended in {', '.join(advisory['fix_versions']) or 'no version yet'})"
        for package in packages
        for advisory in package.get("vulns", ())
    ]
    for line in found:
        session.warn(line)
    if unknown:
        if len(unknown) < len(packages):
            session.warn(f"Nothing was said about: {', '.join(unknown)}")
        session.error(
            f"{locked}: PyPI's advisory service was silent about {len(unknown)} of {len(packages)} "
            "packages: this is no audit. Ask again where PyPI itself can be reached: a mirror of "
            "its packages often has no advisories."
        )
    if found:
        session.error(f"{locked}: {len(found)} advisories. Update with: nox -s lock")
    session.log(f"{locked}: no advisory for any of {len(packages)} packages")


@nox.session(venv_backend="none")
def lock(session: nox.Session) -> None:
    """Pin every dependency anew, with hashes: requirements.lock, and those beside it."""
    pin = (UV, "pip", "compile", "--quiet", "--universal", "--python-version", "3.11",
           "--generate-hashes", "--no-emit-index-url", "--no-header")  # fmt: skip
    groups = ("build", "tests", "lint", "wheels", "run")
    everything = [argument for group in groups for argument in ("--group", group)]
    extras = [argument for extra in ("study", "survey", "slurm") for argument in ("--extra", extra)]
    session.run(*pin, "pyproject.toml", "--upgrade", *extras, *everything, "-o", LOCK)
    # Constrained by the first, so that all name the same versions.
    for group in ("run", "audit", "browser"):
        to = ("--group", group, "-c", LOCK, "-o", f"requirements-{group}.lock")
        session.run(*pin, "--no-annotate", *to)
