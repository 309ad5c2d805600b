"""What takes the space in the image; runs inside it: `python -m container.sizes`."""

import os
import sys
from collections import Counter
from pathlib import Path

ENVIRONMENT, LATEX = Path("/opt/miua"), "LaTeX: texmf trees and fonts"
# The first that a file lies in is the part it counts for.
PARTS = (
    ("NVIDIA's libraries (from PyPI)", "site-packages/nvidia/"),
    ("torch", "site-packages/torch/"),
    ("triton, which torch needs", "site-packages/triton/"),
    ("other Python packages", f"{ENVIRONMENT}/"),
    ("baked data", "/opt/data/"),
    *((LATEX, f"/usr/share/{folder}/") for folder in ("texlive", "texmf", "fonts")),
    (LATEX, "/var/lib/texmf/"),
    ("this repository", "/miua/"),
)
REST = "system packages, LaTeX's programs among them"


def measure(root: Path) -> tuple[Counter[str], int]:
    """Bytes of each part, and bytes of Python's byte code in all of them, below `root`.

    Other file systems, such as a mounted results folder, do not count, and hard links count once.
    """
    device = root.stat().st_dev
    seen: set[int] = set()
    parts: Counter[str] = Counter()
    byte_code = 0
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if os.lstat(Path(folder, name)).st_dev == device]
        for name in files:
            path = Path(folder, name)
            state = path.lstat()
            if state.st_dev != device or state.st_ino in seen:
                continue
            if state.st_nlink > 1:
                seen.add(state.st_ino)
            place = f"/{path.relative_to(root)}"
            parts[next((part for part, mark in PARTS if mark in place), REST)] += state.st_size
            byte_code += state.st_size if path.suffix == ".pyc" else 0
    return parts, byte_code


if __name__ == "__main__":
    parts, byte_code = measure(Path(sys.argv[1] if sys.argv[1:] else "/"))
    for part, size in parts.most_common():
        print(f"{size / 1e6:8.0f} MB  {part}")
    print(f"{parts.total() / 1e6:8.0f} MB  together; {byte_code / 1e6:.0f} MB of it is byte code")
