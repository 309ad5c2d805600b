"""Tries the image: with the network off, as users that are not root, on a read-only root."""

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from container.engines import ImageError, output, run_command, without_network

# Fails if anything beyond the machine answers, or there is an interface to reach it by.
NETWORK_IS_OFF = """
import fcntl, socket, struct, sys
names = [line.split(":")[0].strip() for line in open("/proc/net/dev").readlines()[2:]]
# Kernels with tunnels give every network interfaces that are down (tunl0, sit0). Linux:
# 0x8913 reads an interface's flags, after its name of 16 bytes; 1 is "up".
control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
def is_up(name):
    answer = fcntl.ioctl(control, 0x8913, struct.pack("16sh14x", name.encode(), 0))
    return struct.unpack("16sh14x", answer)[1] & 1
names = [name for name in names if is_up(name)]
print("interfaces that are up:", *names)
for host in ("192.0.2.1", "example.org"):
    try:
        socket.create_connection((host, 443), timeout=5)
    except OSError as error:
        print(host, "cannot be reached:", error)
    else:
        sys.exit(f"{host} was reached")
sys.exit(names != ["lo"])
"""
# $1: folders that nobody may write to; $2: those that everybody may. One by one: none may differ.
WRITABLE = """
for folder in $1; do
    if touch "$folder/tried" 2>/dev/null; then echo "$folder can be written to"; exit 1; fi
done
for folder in $2; do
    touch "$folder/tried" && rm "$folder/tried" || exit 1
done
id
"""
CLOSED = "/miua /miua/miua /opt/miua /usr"
OPEN = "/miua/results /home/miua /home/miua/.cache /tmp"
SOMEBODY = "12345:12345"  # no such user in the image
MADE = ("paper/main.pdf", "report.html", "claims.json")


class Check:
    """One image being tried: every step's output goes to the terminal and the log."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.seconds: dict[str, float] = {}

    def step(self, name: str, command: Sequence[str]) -> str:
        """Run a command that has to succeed; what it prints. ImageError: it fails."""
        self.say(f"== {name}\n+ {shlex.join(command)}")
        start = time.monotonic()
        lines = []
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                lines.append(line)
                self.say(line.rstrip("\n"))
        self.seconds[name] = time.monotonic() - start
        if process.returncode != 0:
            raise ImageError(f"The image fails at: {name}. Everything is in {self.log}.")
        return "".join(lines)

    def say(self, text: str) -> None:
        """Show a line and keep it."""
        print(text, flush=True)
        with self.log.open("a", encoding="utf-8") as log:
            print(text, file=log)


def check_image(engine: str, tag: str, folder: Path, build_seconds: float) -> None:
    """Try the image with the network off; `folder`/check.log and summary.txt say how it went.

    The image's own tests and the smoke reproduction run as a user who is not root; a part of the
    tests runs as a number without a name, on a root that nobody can write to.
    """
    if engine == "buildah" and os.geteuid() != 0:
        raise ImageError("Checking an image with buildah needs root, to switch the network off.")
    shutil.rmtree(folder, ignore_errors=True)
    results = folder / "results"
    results.mkdir(parents=True)
    # Who runs it: the person at the terminal, and for root somebody else.
    user = f"{os.getuid()}:{os.getgid()}" if os.getuid() != 0 else "1000:1000"
    os.chown(results, *map(int, user.split(":")))
    check = Check(folder / "check.log")
    with _target(engine, tag) as target:
        inside = partial(run_command, engine, target, user, results)
        check.step("the network is off", inside("python3", "-c", NETWORK_IS_OFF))
        writes = inside("sh", "-c", WRITABLE, "sh", CLOSED, OPEN)
        check.step("only results, home and /tmp can be written to", writes)
        sizes = check.step("sizes", inside("python3", "-m", "container.sizes"))
        check.step("miua --help", inside("miua", "--help"))
        reproduce = ("nox", "-s", "reproduce", "--", "--profile", "smoke")
        check.step("nox -s reproduce", inside(*reproduce))
        missing = [name for name in MADE if not (results / "smoke" / name).is_file()]
        owners = {f"{path.lstat().st_uid}:{path.lstat().st_gid}" for path in results.rglob("*")}
        if missing or owners != {user}:
            raise ImageError(
                f"In {results}: missing {missing}; owned by {owners}, expected {user}."
            )
        check.step("nox -s verify", inside("nox", "-s", "verify"))
        check.step("nox -s lint", inside("nox", "-s", "lint"))
        # One work against its peers, and the kernels' cycles: that it runs, not how fast.
        check.step("nox -s bench -- -k ror", inside("nox", "-s", "bench", "--", "-k", "ror"))
        with _read_only(engine, target, tag) as read_only:
            tests = ("nox", "-s", "tests", "--", "-q", "tests/metrics", "tests/report")
            check.step("user 12345, read-only root: tests", [*read_only, *tests])
        check.step("nox -s tests", inside("nox", "-s", "tests"))
        lines = [
            f"{tag}, built and run by {output(engine, '--version').splitlines()[0]}",
            f"on {os.cpu_count()} cores with Python {sys.version.split()[0]} outside",
            "",
        ]
        steps = {"build": build_seconds, **check.seconds}
        lines += [f"{seconds:8.0f} s   {name}" for name, seconds in steps.items()]
        summary = "\n".join([*lines, "", sizes])
        check.say(summary)
        (folder / "summary.txt").write_text(summary, encoding="utf-8")


@contextmanager
def _target(engine: str, tag: str) -> Iterator[str]:
    """What `run_command` runs: the image, or for Buildah a container that ends with the check."""
    if engine != "buildah":
        yield tag
        return
    container = output("buildah", "from", "--pull-never", tag)
    try:
        yield container
    finally:
        subprocess.run(["buildah", "rm", container], check=False, stdout=subprocess.DEVNULL)


@contextmanager
def _read_only(engine: str, target: str, tag: str) -> Iterator[list[str]]:
    """What to put before a command to run it as SOMEBODY on a read-only root, its home elsewhere.

    That is what Apptainer does with an image.
    """
    if engine != "buildah":
        start = [engine, "run", "--rm", "--network", "none", "--read-only", "--tmpfs", "/tmp:exec"]
        yield [*start, "--user", SOMEBODY, "--env", "HOME=/tmp", tag]
        return
    environment = json.loads(output("buildah", "inspect", "--type", "image", tag))
    values = [*environment["OCIv1"]["config"]["Env"], "HOME=/tmp"]
    root = output("buildah", "mount", target)
    mounts = (
        'mount --make-rprivate / && mount --bind "$1" "$2" && mount -o remount,bind,ro "$2" '
        '&& mount -t proc proc "$2/proc" && mount --rbind /dev "$2/dev" '
        '&& mount -t tmpfs -o mode=1777 tmpfs "$2/tmp" && shift && place=$1 && shift '
        "&& exec chroot --userspec=" + SOMEBODY + ' "$place" env -i "$@"'
    )
    try:
        with tempfile.TemporaryDirectory(prefix="miua-root-") as place:
            start = [*without_network(), "unshare", "--mount", "sh", "-c", mounts, "read-only"]
            yield [*start, root, place, *values, "sh", "-c", 'cd /miua && exec "$@"', "sh"]
    finally:
        subprocess.run(["buildah", "umount", target], check=False, stdout=subprocess.DEVNULL)
