"""The same reproduction again and again with other seeds: how far do its numbers scatter?"""

from __future__ import annotations

from pathlib import Path

from miua.config import read_config
from miua.errors import MiuaError
from miua.progress import say
from miua.reproduce import reproduce
from miua.study.plan import Profile, Seeds

# The seeds of neighbouring repeats are this far apart, so that none is used twice.
SEED_STEP = 1000
FEWEST_REPEATS = 2


def make_repeats(
    profile: str, times: int, *, study: Path, paper: Path, out: Path, cores: int | None = None
) -> list[Path]:
    """Reproduce a profile up to its ledger `times` times, each with seeds of its own.

    Repeat k has every seed of the profile SEED_STEP * k higher, but for the phantoms': all repeats
    learn from the same images. A second call goes on where the first one was stopped, and makes
    only what is missing.

    Returns:
        The results folders, `out`/seed-OFFSET/PROFILE.

    Raises:
        MiuaError: `times` is too small, the profile's own seeds are too far apart, or see
            `miua.reproduce.reproduce`.
    """
    if times < FEWEST_REPEATS:
        raise MiuaError(f"One repeat scatters nowhere: ask for {FEWEST_REPEATS} or more.")
    path = study / "profiles" / f"{profile}.yaml"
    if path.exists():
        _check_seeds(path, read_config(path, Profile))
    folders = []
    for repeat in range(1, times + 1):
        offset = SEED_STEP * repeat
        say(f"Repeat {repeat} of {times}, seeds {offset} higher:")
        folders.append(
            reproduce(
                profile,
                study=study,
                paper=paper,
                results=out / f"seed-{offset}",
                cores=cores,
                seed_offset=offset,
                ledger_only=True,
            )
        )
    return folders


def find_repeats(out: Path, profile: str) -> list[Path]:
    """The results folders that `make_repeats` made of a profile, by offset.

    Raises:
        MiuaError: there is none.
    """
    found = sorted(out.glob(f"seed-*/{profile}"), key=lambda path: _offset(path.parent))
    if not found:
        raise MiuaError(
            f"{out} holds no repeats of {profile!r}. Make them with: "
            f"miua repeat --profile {profile} --out {out}"
        )
    return found


def _offset(folder: Path) -> int:
    number = folder.name.removeprefix("seed-")
    if not number.isdecimal():
        raise MiuaError(f"{folder} is no folder of a repeat: those are named seed-NUMBER.")
    return int(number)


def _check_seeds(path: Path, profile: Profile) -> None:
    seeds = [profile.seed]
    for scale in profile.experiments.values():
        seeds += scale.seeds if isinstance(scale, Seeds) else []
    if max(seeds) - min(seeds) >= SEED_STEP:
        raise MiuaError(
            f"{path}: its seeds, {min(seeds)} to {max(seeds)}, are so far apart that repeats, "
            f"{SEED_STEP} apart, would share some. Choose seeds nearer to each other."
        )
