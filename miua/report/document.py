"""The printed paper: generated numbers, tables and figures beside the sources, then LaTeX."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from miua.errors import MiuaError
from miua.files import atomic_path
from miua.report.figures import study_figures
from miua.report.latex import write_latex
from miua.study.store import Results

MAIN = "main.tex"
GENERATED = "generated"  # the folder that the sources read generated files from
SOURCE_ENDINGS = (".tex", ".bib", ".cls", ".sty", ".bst")
SECONDS_PER_BUILD = 300

LOG_LINES_SHOWN = 12
# What the sources need, and the Debian package that brings it.
PROGRAMS = {
    "latexmk": "latexmk",
    "pdflatex": "texlive-latex-base",
    "bibtex": "texlive-binaries",
    "kpsewhich": "texlive-binaries",
}
TEX_FILES = {
    "llncs.cls": "texlive-publishers",
    "splncs04.bst": "texlive-publishers",
    "array.sty": "texlive-latex-base",
    "longtable.sty": "texlive-latex-base",
    "booktabs.sty": "texlive-latex-recommended",
    "microtype.sty": "texlive-latex-recommended",
    "xcolor.sty": "texlive-latex-recommended",
    "lmodern.sty": "lmodern",
}


def write_paper(results: Path, study: Path, source: Path) -> Path:
    """Write numbers and tables, build the paper of `source`; returns results/paper/main.pdf."""
    opened = Results.open(results)
    generated = opened.paper / GENERATED
    write_latex(opened, study, generated)
    for figure in study_figures(opened, study):
        drawn = opened.figures / f"{figure.name}.pdf"
        if not drawn.exists():
            raise MiuaError(f"{drawn} is missing. Draw the figures first.")
        with atomic_path(generated / drawn.name) as temporary:
            shutil.copyfile(drawn, temporary)
    output = opened.paper / "main.pdf"
    build_document(source, generated, output)
    return output


def build_document(source: Path, generated: Path, output: Path) -> None:
    """Run LaTeX on a copy of `source`, with `generated` beside it, and put the PDF at `output`.

    The same files give the same bytes. Nothing is written but `output`, and that only when whole.
    Where LaTeX fails, the message shows the lines of its log that say why.
    """
    if not (source / MAIN).is_file():
        raise MiuaError(f"{source / MAIN} is missing: {source} holds no paper.")
    if not generated.is_dir():
        raise MiuaError(f"The folder of generated files {generated} is missing.")
    if problem := missing_latex():
        raise MiuaError(problem)
    with tempfile.TemporaryDirectory(prefix="miua-paper-") as name:
        build = Path(name)
        for path in sorted(source.iterdir()):
            if path.suffix in SOURCE_ENDINGS:
                shutil.copyfile(path, build / path.name)
        shutil.copytree(generated, build / GENERATED)
        _run_latexmk(build)
        with atomic_path(output) as temporary:
            shutil.copyfile((build / MAIN).with_suffix(".pdf"), temporary)


def _run_latexmk(build: Path) -> None:
    command = [
        "latexmk",
        "-norc",  # a user's settings would change the build
        "-pdf",
        "-pdflatex=pdflatex -no-shell-escape -interaction=nonstopmode -halt-on-error %O %S",
        "-silent",
        MAIN,
    ]
    environment = {
        **os.environ,
        "SOURCE_DATE_EPOCH": os.environ.get("SOURCE_DATE_EPOCH", "0"),
        "FORCE_SOURCE_DATE": "1",
        "max_print_line": "1000",  # or TeX breaks its messages at 79 columns
        # The sources read and write beside themselves alone: no absolute path, no "..".
        "openin_any": "p",
        "openout_any": "p",
    }
    try:
        finished = subprocess.run(
            command,
            cwd=build,
            env=environment,
            timeout=SECONDS_PER_BUILD,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
        )
    except subprocess.TimeoutExpired:
        raise MiuaError(f"LaTeX did not end within {SECONDS_PER_BUILD} s.") from None
    if finished.returncode or not (build / MAIN).with_suffix(".pdf").exists():
        log = (build / MAIN).with_suffix(".log")
        text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
        reason = log_errors(text) or (finished.stdout + finished.stderr).strip()[-1000:]
        raise MiuaError(f"LaTeX could not build the paper:\n{reason}")


def log_errors(log: str) -> str:
    """The lines of a LaTeX log that say what is wrong: each `! ...` and its line number."""
    return "\n".join(re.findall(r"^(?:!|l\.\d).*", log, re.MULTILINE)[:LOG_LINES_SHOWN])


def missing_latex() -> str:
    """Which programs and files are missing, and the Debian packages that bring them; "" if none."""
    missing = {name: package for name, package in PROGRAMS.items() if shutil.which(name) is None}
    found = set()
    if "kpsewhich" not in missing:
        find = ["kpsewhich", *TEX_FILES]
        told = subprocess.run(find, capture_output=True, text=True, check=False).stdout
        found = {Path(line).name for line in told.splitlines()}
    missing |= {name: package for name, package in TEX_FILES.items() if name not in found}
    if not missing:
        return ""
    packages = " ".join(sorted(set(missing.values())))
    return (
        f"The paper needs LaTeX, and {', '.join(missing)} cannot be found. "
        f"On Debian or Ubuntu: apt-get install {packages}."
    )
