"""A base image made from Debian's packages, where no registry can be reached."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from container import ImageError
from container.engines import has_image, import_root

SUITE = "bookworm"
NAME = f"localhost/miua-base:{SUITE}"


def make_base(engine: str) -> str:
    """The name of the base image; made now unless it is there. It takes a minute."""
    if has_image(engine, NAME):
        print(f"The base {NAME} is there.", flush=True)
        return NAME
    if os.geteuid() != 0 or not shutil.which("debootstrap"):
        raise ImageError(
            "A base from Debian's packages is made by debootstrap, as root. Install it "
            "(apt-get install debootstrap) and run this as root, or name a base: --base NAME"
        )
    print(f"Making {NAME} with debootstrap ...", flush=True)
    with tempfile.TemporaryDirectory(prefix="miua-base-") as name:
        root, archive = Path(name, "root"), Path(name, "root.tar")
        packages = "--include=ca-certificates"
        made = subprocess.run(["debootstrap", "--variant=minbase", packages, SUITE, str(root)],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, check=False)  # fmt: skip
        if made.returncode != 0:
            raise ImageError(f"debootstrap failed; its last words:\n{made.stdout[-2000:]}")
        # No package of another machine's cache in the image.
        shutil.rmtree(root / "var/cache/apt/archives")
        (root / "var/cache/apt/archives/partial").mkdir(parents=True)
        subprocess.run(["tar", "-C", str(root), "-cf", str(archive), "."], check=True)
        import_root(engine, archive, NAME)
    return NAME
