"""Is all of LaTeX there that the paper needs?"""

from __future__ import annotations

import shutil
import subprocess

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


def missing_latex() -> str:
    """Everything that is missing, and the Debian packages that bring it; "" if all is there."""
    missing = {name: package for name, package in PROGRAMS.items() if shutil.which(name) is None}
    if "kpsewhich" not in missing:
        for name, package in TEX_FILES.items():
            found = subprocess.run(["kpsewhich", name], capture_output=True, check=False)
            if found.returncode:
                missing[name] = package
    else:
        missing |= TEX_FILES  # without kpsewhich there is no TeX that could hold them
    if not missing:
        return ""
    packages = " ".join(sorted(set(missing.values())))
    return (
        f"The paper needs LaTeX, and {', '.join(missing)} cannot be found. "
        f"On Debian or Ubuntu: apt-get install {packages}."
    )
