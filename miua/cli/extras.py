"""Packages that only an extra brings, and what a command says when they are missing."""

from __future__ import annotations

from miua.errors import MissingExtraError

STUDY_PACKAGES = {
    "jinja2",
    "matplotlib",
    "pandas",
    "pooch",
    "pydantic",
    "requests",
    "safetensors",
    "snakemake",
    "statsmodels",
    "torch",
    "torch_fidelity",
    "torchvision",
    "yaml",
}


def need(package: str, what: str, extra: str = "study") -> None:
    """Raise the error that names the extra, before any work, unless `package` is installed."""
    from importlib.util import find_spec

    if find_spec(package) is None:
        raise MissingExtraError(what, package, extra)
