"""The plan of a reproduction: a profile sets the scale, the experiments say what is trained.

A cell of the plan is one synthetic set: an arm of an experiment, at one of its epochs.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, fields
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from miua.config import ImageSize, Strict, TrainingConfig, config_hash, read_config
from miua.errors import MiuaError
from miua.study.scales import GRID as GRID
from miua.study.scales import SCALES as SCALES
from miua.study.scales import SEED_KEYS, Arms, Name, Scale, Trainings
from miua.study.scales import DataSource as DataSource
from miua.study.scales import Grid as Grid
from miua.study.scales import RealImages as RealImages
from miua.study.scales import Seeds as Seeds

HC18_IMAGES = 999
CLAIMS = "claims"  # the one file of experiments/ that is no experiment


class Arm(Strict):
    """One way to train within an experiment: where it departs from the text's settings.

    updates_of: an arm whose number of updates it gets, instead of the experiment's epochs.
    """

    settings: dict[str, Any] = Field(default_factory=dict)
    updates_of: Name | None = None


class Experiment(Strict):
    """What one experiment asks, at any scale: a file of experiments/."""

    name: Name
    question: str
    published: dict[str, Any] = Field(default_factory=dict)
    arms: dict[Name, Arm] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _arms_know_each_other(self) -> Self:
        for name, arm in self.arms.items():
            if arm.updates_of not in (None, *self.arms):
                raise ValueError(f"arm {name}: there is no arm {arm.updates_of!r}")
        return self


class Profile(Strict):
    """How large a reproduction is. A profile sets the scale, never the question."""

    profile: str
    description: str
    scientific: bool = Field(description="false: the output says it is no scientific result")
    banner: str = ""
    data: DataSource
    image_size: ImageSize = 64
    reference_images: int = Field(ge=2)
    synthetic_images: int = Field(ge=2)
    seed: int = Field(0, ge=0, lt=2**32)
    threads_per_training: int = Field(1, ge=1)
    gpus_per_training: int = Field(
        0, ge=0, le=1, description="what a training asks of a cluster; here it takes what there is"
    )
    latent_size: int = Field(100, ge=1)
    feature_maps: int = Field(64, ge=1)
    batch_size: int = Field(10, ge=1)
    experiments: dict[str, Scale] = Field(min_length=1)

    @property
    def available_images(self) -> int:
        """How many images there are to train on and to draw the reference from."""
        return self.data.images or HC18_IMAGES

    @property
    def grid(self) -> Grid:
        """The scale of training-size, which every profile has."""
        grid = self.experiments[GRID]
        assert isinstance(grid, Grid)
        return grid

    @property
    def seeds(self) -> list[int]:
        """Every seed but that of the phantoms."""
        scales = self.model_dump()["experiments"].values()
        given = [scale[key] for scale in scales for key in SEED_KEYS if key in scale]
        by_name = [each if isinstance(each, dict) else {"": each} for each in given]
        lists = [seeds for each in by_name for seeds in each.values()]
        return [self.seed, *(seed for part in lists for seed in part)]

    def epochs(self, experiment: str) -> list[int]:
        """The epochs at which an experiment's sets are made; none if it trains nothing."""
        return getattr(self.experiments.get(experiment), "epochs", [])

    def with_seeds_moved(self, offset: int) -> Profile:
        """The same with every seed but the phantoms' so much higher. MiuaError: out of range."""
        if not 0 <= min(self.seeds) + offset <= max(self.seeds) + offset < 2**32:
            raise MiuaError(f"Seeds moved by {offset} leave the range of 0 to {2**32 - 1}.")
        values = self.model_dump()
        values["seed"] += offset
        for scale, key in product(values["experiments"].values(), SEED_KEYS):
            if isinstance(given := scale.get(key, []), dict):
                moved = {n: [seed + offset for seed in seeds] for n, seeds in given.items()}
                scale[key] = moved
            elif key in scale:
                scale[key] = [seed + offset for seed in given]
        return Profile.model_validate(values)

    @field_validator("experiments", mode="before")
    @classmethod
    def _each_experiment_has_its_scale(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        if unknown := [name for name in values if name not in SCALES]:
            raise ValueError(f"unknown {', '.join(unknown)}. Known: {', '.join(SCALES)}")
        if GRID not in values:
            raise ValueError("training-size is missing: figures and paper rest on it")
        known = {name: scale for name, scale in SCALES.items() if name in values}
        return {name: scale.model_validate(values[name]) for name, scale in known.items()}

    @model_validator(mode="after")
    def _scale_is_possible(self) -> Self:
        available, scales = self.available_images, self.experiments.items()
        sizes = [scale.training_size for _, scale in scales if isinstance(scale, Trainings)]
        if max(self.reference_images, *self.grid.training_sizes, *sizes) > available:
            what = f"reference_images and training sizes can be {available} at most"
            raise ValueError(f"{what}, as there are {available} images")
        for name, scale in scales:
            if isinstance(scale, RealImages) and 2 * scale.images > available:
                raise ValueError(f"{name}: two halves of {scale.images} images need more images")
        if self.scientific and self.data.source == "phantom":
            raise ValueError("phantoms give no scientific result: set scientific: false")
        if not self.scientific and self.data.source == "hc18":
            raise ValueError("scientific: false is for phantoms; the text says so of them alone")
        if not self.scientific and not self.banner:
            raise ValueError("a profile that is not scientific needs a banner that says so")
        return self


EQUAL_EPOCHS, EQUAL_UPDATES = "equal epochs", "equal updates"


@dataclass(frozen=True)
class Cell:
    """One synthetic set of the plan, as a row of sets.csv.

    Attributes:
        experiment, arm: what it is part of. A set may be part of several experiments.
        set: its name: the run's and the epoch.
        run: name of the training, shared by all cells with the same settings.
        updates: steps of each network up to the epoch.
        preparation: how images become square: a folder of real/ and reference/.
    """

    experiment: str
    arm: str
    set: str
    run: str
    epoch: int
    updates: int
    training_size: int
    batch_size: int
    image_size: int
    seed: int
    preparation: str


@dataclass(frozen=True)
class Plan:
    """What a reproduction makes: the profile, a configuration for each run, and all cells."""

    profile: Profile
    runs: dict[str, TrainingConfig]
    cells: list[Cell]

    def preparations(self) -> dict[str, TrainingConfig]:
        """Each way in which images become square, with a configuration that wants it."""
        return {preparation(config): config for config in self.runs.values()}


def known_profiles(study: Path) -> list[str]:
    """The names of all profiles of the folder `study`. MiuaError: there is none."""
    if known := sorted(path.stem for path in (study / "profiles").glob("*.yaml")):
        return known
    remedy = "Run this at the top of the repository, or name the study's folder with --study."
    raise MiuaError(f"{study} holds no profiles. {remedy}")


def read_profile(study: Path, name: str) -> Profile:
    """A profile of the folder `study`. MiuaError: there is none of this name, or it is wrong."""
    if name not in (known := known_profiles(study)):
        places = f"{', '.join(known)}, in {study / 'profiles'}"
        raise MiuaError(f"There is no profile {name!r}. Known: {places}.")
    return read_config(study / "profiles" / f"{name}.yaml", Profile)


def read_experiments(study: Path) -> dict[str, Experiment]:
    """The experiments of the folder `study`, in the order of SCALES. MiuaError: a file is wrong."""
    found = {}
    for path in sorted(study.glob("*.yaml")):
        if path.stem != CLAIMS:
            found[path.stem] = read_config(path, Experiment)
            if (name := found[path.stem].name) != path.stem:
                raise MiuaError(f"{path}: its name is {name!r}, not {path.stem!r}.")
    return {name: found[name] for name in (*SCALES, *found) if name in found}


def make_plan(profile: Profile, experiments: dict[str, Experiment]) -> Plan:
    """Resolve every arm that the profile gives a scale. MiuaError: one is unknown or impossible."""
    runs: dict[str, TrainingConfig] = {}
    names: dict[str, str] = {}
    cells = []
    for name, scale in profile.experiments.items():
        if name not in experiments:
            problem = f"Profile {profile.profile!r} gives a scale to {name}"
            known = ", ".join(experiments)
            raise MiuaError(f"{problem}, but there is no such experiment. Known: {known}.")
        for arm, wanted, config in _arms(profile, experiments[name], scale):
            same = config_hash(config.model_copy(update={"epochs": [1]}))
            run = names.setdefault(same, _of_the_text(profile, config) or wanted)
            epochs = {*config.epochs, *(runs[run].epochs if run in runs else ())}
            runs[run] = config.model_copy(update={"epochs": sorted(epochs)})
            cells += [cell(name, arm, run, config, epoch) for epoch in config.epochs]
    return Plan(profile, runs, cells)


def grid_cells(profile: Profile) -> list[Cell]:
    """The sets of the main grid at equal epochs, by training size, then epoch."""
    return [
        cell(GRID, EQUAL_EPOCHS, run, config, epoch)
        for run, config in _grid_trainings(profile).items()
        for epoch in config.epochs
    ]


def preparation(config: TrainingConfig) -> str:
    """A name for how a training wants its images: the size, and the crop if there is one."""
    crop = f"_crop{config.crop_size or ''}" if config.fit == "crop" else ""
    return f"{config.image_size}{crop}"


def updates_per_epoch(config: TrainingConfig) -> int:
    """Steps of each network that one epoch takes; the last batch may be smaller."""
    assert config.training_size is not None
    return -(-config.training_size // config.batch_size)


def cells_csv(cells: Iterable[Cell]) -> str:
    """The text of sets.csv."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([[field.name for field in fields(Cell)], *map(astuple, cells)])
    return text.getvalue()


def _arms(
    profile: Profile, experiment: Experiment, scale: Scale
) -> Iterator[tuple[str, str, TrainingConfig]]:
    """Arm, the name of its run if the text's settings do not name it, and its configuration."""
    make = partial(_config, profile, experiment.name)
    if isinstance(scale, Grid):
        for run, config in _grid_trainings(profile).items():
            yield EQUAL_EPOCHS, run, config
        for size in scale.training_sizes if scale.equal_updates else ():
            for seed in scale.seeds_at_equal_updates.get(size, [profile.seed]):
                config = make(size, [1], {"seed": seed})
                epochs = [_epochs_of(profile, scale.equal_updates or 0, config)]
                yield EQUAL_UPDATES, "", config.model_copy(update={"epochs": epochs})
    elif isinstance(scale, Seeds):
        for seed in scale.seeds:
            config = make(scale.training_size, scale.epochs, {"seed": seed})
            yield f"seed-{seed}", "", config
    elif isinstance(scale, Arms):
        yield from _arms_of(profile, experiment, scale)


def _arms_of(
    profile: Profile, experiment: Experiment, scale: Arms
) -> Iterator[tuple[str, str, TrainingConfig]]:
    """As `_arms`, of an experiment that compares arms."""
    arms, make = experiment.arms, partial(_config, profile, experiment.name, scale.training_size)
    named = [*(scale.arms or ()), *(scale.seeds if isinstance(scale.seeds, dict) else ())]
    chosen = [arm for arm in arms if scale.arms is None or arm in scale.arms]
    if unknown := [arm for arm in named if arm not in chosen]:
        raise MiuaError(
            f"Profile {profile.profile!r} gives {experiment.name} a scale for {unknown[0]!r}, "
            f"which is none of its arms. They are {', '.join(chosen or arms)}."
        )
    for arm in chosen:
        epochs = scale.epochs
        if other := arms[arm].updates_of:
            updates = epochs[-1] * updates_per_epoch(make(epochs, arms[other].settings))
            an_epoch = updates_per_epoch(make(epochs, arms[arm].settings))
            epochs = [max(1, round(updates / an_epoch))]
        name, seeds = f"{experiment.name}_{arm}", scale.seeds_of(arm)
        for seed in seeds:
            yield arm, f"{name}_seed-{seed}", make(epochs, {**arms[arm].settings, "seed": seed})
        if not seeds:
            yield arm, name, make(epochs, arms[arm].settings)


def _epochs_of(profile: Profile, updates: int, config: TrainingConfig) -> int:
    """Epochs that take so many updates. MiuaError: that is no whole number."""
    an_epoch = updates_per_epoch(config)
    epochs, rest = divmod(updates, an_epoch)
    if rest or not epochs:
        asked = f"Profile {profile.profile!r}: equal_updates {updates}"
        images = f"{config.training_size} images ({an_epoch} an epoch)"
        raise MiuaError(f"{asked} is no whole number of epochs for {images}.")
    return epochs


def _of_the_text(profile: Profile, config: TrainingConfig) -> str:
    """The name of a training whose settings are the text's but for the seed; "" of any other.

    Such trainings are shared between experiments, so they are named after none.
    """
    size, seed = config.training_size or 0, config.seed
    if config != _config(profile, GRID, size, config.epochs, {"seed": seed}):
        return ""
    return f"n{size:04d}" + ("" if seed == profile.seed else f"_seed-{seed}")


def _grid_trainings(profile: Profile) -> dict[str, TrainingConfig]:
    """Those of the main grid at equal epochs, by the names of their runs."""
    make, grid = partial(_config, profile, GRID), profile.grid
    return {f"n{size:04d}": make(size, grid.epochs, {}) for size in grid.training_sizes}


def _config(
    profile: Profile, experiment: str, size: int, epochs: list[int], settings: dict[str, Any]
) -> TrainingConfig:
    same = ("image_size", "latent_size", "feature_maps", "batch_size", "seed")
    values = {name: getattr(profile, name) for name in same}
    values |= {"training_size": size, "epochs": epochs, **settings}
    try:
        return TrainingConfig.model_validate(values)
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
        said = f"Experiment {experiment}: an arm is no valid training: {'; '.join(wrong)}"
        raise MiuaError(said) from None


def cell(experiment: str, arm: str, run: str, config: TrainingConfig, epoch: int) -> Cell:
    """The set of a run at an epoch, as a part of an experiment."""
    assert config.training_size is not None
    sizes = (config.training_size, config.batch_size, config.image_size, config.seed)
    place = (experiment, arm, f"{run}_e{epoch:04d}", run, epoch, epoch * updates_per_epoch(config))
    return Cell(*place, *sizes, preparation(config))
