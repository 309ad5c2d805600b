"""Docker, Podman and Buildah: which of them works here, and how each is told the same thing."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ENGINES = ("docker", "podman", "buildah")  # in the order they are preferred
DEBIAN = "bookworm"  # the suite that a base is made from
DEBIAN_BASE = f"localhost/miua-base:{DEBIAN}"


class ImageError(Exception):
    """Something the user can fix: says what is wrong and what to do."""


def choose_engine(wanted: str | None = None) -> str:
    """The engine of that name, else the first that works; ImageError where there is none."""
    said = []
    for name in (wanted,) if wanted else ENGINES:
        if shutil.which(name) is None:
            said.append(f"{name} is not installed")
            continue
        # The client is often there without its daemon.
        probe = subprocess.run([name, "info"], capture_output=True, text=True, check=False)
        if probe.returncode == 0:
            return name
        words = probe.stderr.strip().splitlines() or ["nothing"]
        said.append(f"{name} does not work: `{name} info` says {words[-1]!r}")
    raise ImageError(
        f"There is no engine to build with: {'; '.join(said)}. Install or start one: as root, "
        "`apt-get install buildah` is enough."
    )


def has_image(engine: str, name: str) -> bool:
    """Whether the engine has that image already."""
    asked = subprocess.run([engine, "inspect", "--type", "image", name], capture_output=True)
    return asked.returncode == 0


def get_base(engine: str, name: str) -> None:
    """Have the engine fetch a base image, unless it has it; ImageError: it cannot."""
    if not has_image(engine, name) and subprocess.run([engine, "pull", name]).returncode != 0:
        raise ImageError(
            f"The base image {name} could not be pulled; {engine}'s words are above. Without its "
            "registry, name a base you have (--base NAME), or have one made from Debian's "
            "packages (as root): nox -s image -- --base debootstrap"
        )


def make_base(engine: str) -> str:
    """The name of the base image; made now unless it is there. It takes a minute."""
    if has_image(engine, DEBIAN_BASE):
        print(f"The base {DEBIAN_BASE} is there.", flush=True)
        return DEBIAN_BASE
    if os.geteuid() != 0 or not shutil.which("debootstrap"):
        raise ImageError(
            "A base from Debian's packages is made by debootstrap, as root. Install it "
            "(apt-get install debootstrap) and run this as root, or name a base: --base NAME"
        )
    print(f"Making {DEBIAN_BASE} with debootstrap ...", flush=True)
    with tempfile.TemporaryDirectory(prefix="miua-base-") as name:
        root, archive = Path(name, "root"), Path(name, "root.tar")
        small = ("--variant=minbase", "--include=ca-certificates")
        command = ["debootstrap", *small, DEBIAN, str(root)]
        made = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        if made.returncode != 0:
            raise ImageError(f"debootstrap failed; its last words:\n{made.stdout[-2000:]}")
        # No package of another machine's cache in the image.
        shutil.rmtree(root / "var/cache/apt/archives")
        (root / "var/cache/apt/archives/partial").mkdir(parents=True)
        subprocess.run(["tar", "-C", str(root), "-cf", str(archive), "."], check=True)
        import_root(engine, archive, DEBIAN_BASE)
    return DEBIAN_BASE


def build_command(
    engine: str,
    folder: Path,
    tag: str,
    arguments: dict[str, str],
    contexts: dict[str, Path],
    certificates: Path | None,
) -> list[str]:
    """The command that builds the image from a folder.

    arguments: values of the Dockerfile's ARGs. contexts: folders it may copy from, by name.
    certificates: a PEM file to trust during the build alone.
    """
    start = {
        "docker": ["docker", "buildx", "build", "--load"],  # secrets and contexts need BuildKit
        "podman": ["podman", "build", "--layers"],
        "buildah": ["buildah", "build", "--layers", "--isolation", "chroot"],
    }
    command = [*start[engine], "--tag", tag]
    for name, value in arguments.items():
        command += ["--build-arg", f"{name}={value}"]
    for name, context in contexts.items():
        command += ["--build-context", f"{name}={context}"]
    if certificates:
        command += ["--secret", f"id=certificates,src={certificates}"]
    return [*command, str(folder)]


def run_command(engine: str, target: str, user: str, results: Path, *command: str) -> list[str]:
    """The command that runs `command` in the image with its network off.

    target: the image; for Buildah, a container of it (`buildah from`). user: UID:GID.
    results: the folder that is mounted as the image's results folder.
    """
    mounted = ["--user", user, "--volume", f"{results}:/miua/results"]
    if engine == "buildah":
        # Its chroot isolation leaves the network as it is, so it gets one without connections.
        run = ["buildah", "run", "--isolation", "chroot", *mounted, target, "--", *command]
        return [*without_network(), *run]
    if engine == "podman" and os.geteuid() != 0:
        # Without them the user is another outside, and SELinux lets nobody at the results.
        mounted = ["--userns=keep-id", *mounted[:-1], f"{mounted[-1]}:Z"]
    return [engine, "run", "--rm", "--network", "none", *mounted, target, *command]


def without_network() -> list[str]:
    """What to put before a command that shall reach this machine alone; needs root."""
    return ["unshare", "--net", sys.executable, "-m", "container.loopback"]


def import_root(engine: str, archive: Path, name: str) -> None:
    """Make an image of one layer from an archive of a root folder."""
    if engine != "buildah":
        subprocess.run([engine, "import", str(archive), name], check=True)
        return
    scratch = output("buildah", "from", "scratch")
    try:
        subprocess.run(["buildah", "add", "--quiet", scratch, str(archive), "/"], check=True)
        subprocess.run(["buildah", "commit", "--quiet", scratch, name], check=True)
    finally:
        subprocess.run(["buildah", "rm", scratch], check=False, stdout=subprocess.DEVNULL)


def output(*command: str) -> str:
    """What a command prints."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
