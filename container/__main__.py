"""`python -m container`: build the image, and with --check try it."""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from container import engines
from container.check import check_image
from container.engines import ImageError

ROOT = Path(__file__).parents[1]
DEBOOTSTRAP, DOWNLOAD = "debootstrap", "download"


def main() -> None:
    """Do what the arguments say; an ImageError ends it with its message and status 1."""
    options = _arguments().parse_args()
    try:
        engine = engines.choose_engine(options.engine)
        seconds = build_image(engine, options)
        if options.check:
            check_image(engine, options.tag, ROOT / "results" / "image", build_seconds=seconds)
    except ImageError as error:
        sys.exit(f"image: {error}")


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="nox -s image --", description="Build the image.")
    parser.add_argument("--base", help=f"base image, or {DEBOOTSTRAP}: made here from Debian")
    parser.add_argument("--engine", choices=engines.ENGINES, help="default: the first that works")
    parser.add_argument("--tag", default="miua2022", help="the image's name (%(default)s)")
    hc18 = f"bake HC18 in: its folder, its training_set.zip, or {DOWNLOAD}"
    parser.add_argument("--hc18", help=hc18)
    weights = f"bake the Inception weights in: their file, or {DOWNLOAD}"
    parser.add_argument("--inception", help=weights)
    parser.add_argument(
        "--certificates",
        type=Path,
        default=os.environ.get("SSL_CERT_FILE"),
        help="PEM file to trust in the build, not kept (default: what SSL_CERT_FILE names)",
    )
    parser.add_argument(
        "--check", action="store_true", help="then try it, network off: tests, smoke reproduction"
    )
    return parser


def build_image(engine: str, options: argparse.Namespace) -> float:
    """Build the image that the options describe; the seconds it took, without the base."""
    if options.certificates and not options.certificates.is_file():
        raise ImageError(f"{options.certificates} does not exist (--certificates).")
    arguments, contexts = {}, {}
    with ExitStack() as stack:
        for name, data in (("hc18", options.hc18), ("inception", options.inception)):
            if data:
                arguments[f"BAKE_{name.upper()}"] = DOWNLOAD if data == DOWNLOAD else "context"
            if data and data != DOWNLOAD:
                contexts[name] = as_context(name, Path(data), stack)
        source = source_arguments()
        if not source:
            print("This is no git checkout: the image will not name its commit.", flush=True)
        if options.base == DEBOOTSTRAP:
            base = engines.make_base(engine)
        else:
            base = options.base or default_base()
            engines.get_base(engine, base)
        arguments |= {"BASE_IMAGE": base, **source}
        command = engines.build_command(
            engine, ROOT, options.tag, arguments, contexts, options.certificates
        )
        print("+", " ".join(command), flush=True)
        start = time.monotonic()
        if subprocess.run(command, check=False).returncode != 0:
            raise ImageError(f"The build failed; {engine}'s words are above.")
    # Some engines read the files when they come to them, minutes after the commit was asked for.
    if source_arguments() != source:
        raise ImageError("The checkout changed while the image was built. Build it again.")
    return time.monotonic() - start


def default_base() -> str:
    """The base that the Dockerfile names."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    found = re.search(r"^ARG BASE_IMAGE=(\S+)$", text, re.MULTILINE)
    if found is None:
        raise ImageError("The Dockerfile names no default base. Name one: --base NAME")
    return found[1]


def source_arguments(root: Path = ROOT) -> dict[str, str]:
    """Commit and version of this checkout as build arguments; none where it is no checkout.

    A commit ends in -dirty where there are changes that it does not have. ImageError: git fails.
    """
    if not (root / ".git").exists():
        return {}
    arguments = {"MIUA_COMMIT": _git(root, "rev-parse", "HEAD")}
    if _git(root, "status", "--porcelain"):
        arguments["MIUA_COMMIT"] += "-dirty"
    tags = _git(root, "tag", "--points-at", "HEAD", "--list", "v[0-9]*").split()
    if tags:
        arguments["MIUA_VERSION"] = tags[-1].removeprefix("v")
    return arguments


def _git(root: Path, *arguments: str) -> str:
    """What git prints; ImageError where it fails or is not there."""
    if shutil.which("git") is None:
        raise ImageError(f"git is not installed, and {root} is a checkout. Install git.")
    command = ["git", "-C", str(root), *arguments]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    if asked.returncode != 0:
        raise ImageError(f"git {' '.join(arguments)} fails in {root}: {asked.stderr.strip()}")
    return asked.stdout.strip()


def as_context(name: str, source: Path, stack: ExitStack) -> Path:
    """The folder itself, or one with the file alone, since engines take folders."""
    if source.is_dir():
        return source.resolve()
    if not source.is_file():
        raise ImageError(f"{source} does not exist (--{name}).")
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="miua-")))
    shutil.copy(source, folder / ("training_set.zip" if name == "hc18" else source.name))
    return folder


if __name__ == "__main__":
    main()
