"""What made a file: command, configuration, code, versions, device, seed and inputs."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from miua.files import write_json

RECORDED_PACKAGES = ("miua", "numpy", "scipy", "pillow", "torch", "torchvision", "torch-fidelity")


def provenance(
    *, inputs: dict[str, str], settings: dict[str, Any], device: str = "cpu", threads: int = 1
) -> dict[str, Any]:
    """Describe how an output comes to be. Nothing in it changes between identical reruns.

    Args:
        inputs: SHA-256 of each input by name.
        settings: the resolved settings, seed included.
        device: the device that computed.
        threads: how many threads computed; results on a CPU may depend on it.
    """
    return {
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "settings": settings,
        "inputs": inputs,
        **code_version(),
        "packages": _versions(),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "device": device,
        "threads": threads,
    }


def code_version() -> dict[str, Any]:
    """The commit that this package is of, and whether its files were changed; None if unknown."""
    commit, dirty = _commit()
    return {"commit": commit, "uncommitted_changes": dirty}


def write_provenance(folder: Path, record: dict[str, Any]) -> None:
    """Save `record` as provenance.json in `folder`."""
    write_json(folder / "provenance.json", record)


def _versions() -> dict[str, str]:
    found = {}
    for name in RECORDED_PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _commit() -> tuple[str | None, bool | None]:
    """The git commit of the source this package runs from, if it runs from a checkout."""
    if commit := os.environ.get("MIUA_COMMIT"):  # set in the container image, which has no .git
        return commit, None
    root = Path(__file__).parent.parent
    if not (root / ".git").exists():
        return None, None
    try:
        commit = _git(root, "rev-parse", "HEAD")
        return commit, bool(_git(root, "status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.CalledProcessError):
        return None, None


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True
    ).stdout.strip()
