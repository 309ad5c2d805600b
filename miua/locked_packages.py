"""Are the packages here those of requirements.lock, which the study was checked with?"""

from importlib.metadata import distributions
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from miua.errors import MiuaError
from miua.wording import counted, first_few

# Beside the package in a checkout and in the image; a wheel comes without it.
LOCK = Path(__file__).parent.parent / "requirements.lock"


class VersionDifference(NamedTuple):
    """A package that is not as locked. installed: None where it is not installed."""

    package: str
    locked: str
    installed: str | None


def find_lock() -> Path | None:
    """The lock file of a checkout or the image; None where miua was installed without one."""
    return LOCK if LOCK.is_file() else None


def read_lock(path: Path) -> dict[str, str]:
    """The locked version of each package that belongs on this platform, by its canonical name.

    MiuaError: the file cannot be read, or holds something else than pinned packages.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise MiuaError(f"{path} cannot be read ({error}).") from None
    pinned: dict[str, str] = {}
    for line in lines:
        entry = line.removesuffix("\\").strip()
        if not entry or entry.startswith(("#", "--hash=")):
            continue
        try:
            requirement = Requirement(entry)
            (pin,) = requirement.specifier
        except (InvalidRequirement, ValueError):
            remedy = "Make it with: nox -s lock"
            raise MiuaError(f"{path} pins no version here: {entry!r}. {remedy}") from None
        if requirement.marker is None or requirement.marker.evaluate():
            pinned[canonicalize_name(requirement.name)] = pin.version
    return pinned


def installed_packages() -> dict[str, str]:
    """The version of each package that is installed, by its canonical name, sorted."""
    versions: dict[str, str] = {}
    for found in distributions():  # of two of one name the first counts: Python imports that
        if found.name:  # none where an installation was broken off
            versions.setdefault(canonicalize_name(found.name), found.version)
    return dict(sorted(versions.items()))


def differences_from_lock(path: Path) -> list[VersionDifference]:
    """The packages that are not as locked, by name; those that are in no lock do not matter."""
    installed = installed_packages()
    return [
        VersionDifference(package, locked, installed.get(package))
        for package, locked in sorted(read_lock(path).items())
        if package not in installed or Version(installed[package]) != Version(locked)
    ]


def lock_warning() -> str:
    """One line that names packages of other versions than the locked ones; "" if there are none.

    Packages that are not installed are no cause: what needs them says so itself.
    """
    path = find_lock()
    found = differences_from_lock(path) if path else []
    other = [f"{name} {here} (locked: {pin})" for name, pin, here in found if here is not None]
    if path is None or not other:
        return ""
    some = counted(len(other), "package is", "packages are")
    return (
        f"Warning: {some} not as in {path.name}: {first_few(other)}. "
        "Numbers may differ from the published ones. All of them: miua env"
    )
