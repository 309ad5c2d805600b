"""How large a profile makes each experiment: sizes, epochs, seeds, and where images come from."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from miua.config import Strict

# What names folders, files and jobs: neither a path nor anything that a shell reads as its own.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]*$")]
GRID = "training-size"  # the experiment that every profile has: its sets are the main grid


class DataSource(Strict):
    """Where the images to learn from come from: the HC18 data, or phantoms made on the spot."""

    source: Literal["hc18", "phantom"]
    images: int | None = Field(None, ge=2, description="phantoms to make")
    seed: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _phantoms_are_counted(self) -> Self:
        if (self.source == "phantom") != (self.images is not None):
            raise ValueError("images is how many phantoms to make: needed for phantom alone")
        return self

    @property
    def unseen(self) -> tuple[int, int]:
        """How many phantoms there are that no training sees, and the seed of their heads.

        A sixth of the others: they show that everything works, and nothing else.
        """
        return max(2, (self.images or 0) // 6), self.seed + 1


def _rising(values: list[int]) -> list[int]:
    if any(later <= earlier for earlier, later in pairwise([0, *values])):
        raise ValueError(f"must be positive and rising, not {values}")
    return values


Rising = Annotated[list[int], Field(min_length=1), AfterValidator(_rising)]


def _distinct(seeds: list[int]) -> list[int]:
    if len({*seeds}) < len(seeds):
        raise ValueError(f"names a seed twice: {seeds}")
    return seeds


SeedList = Annotated[list[Annotated[int, Field(ge=0, lt=2**32)]], AfterValidator(_distinct)]
OneOrMore = Annotated[SeedList, Field(min_length=1)]


class Grid(Strict):
    """The scale of training-size: one run for each size, one set for each epoch of it."""

    training_sizes: Rising
    epochs: Rising
    equal_updates: int | None = Field(
        None, ge=1, description="a second arm: every size for so many updates instead"
    )
    seeds_at_equal_updates: dict[int, OneOrMore] = Field(
        default_factory=dict,
        description="in the second arm, the seeds of some sizes; the profile's if absent",
    )

    @model_validator(mode="after")
    def _seeds_have_their_size(self) -> Self:
        sizes = self.training_sizes if self.equal_updates else []
        if unknown := [size for size in self.seeds_at_equal_updates if size not in sizes]:
            said = f"{', '.join(map(str, unknown))} is none of the training sizes at equal updates"
            raise ValueError(f"seeds_at_equal_updates: {said}")
        return self


class Trainings(Strict):
    """The scale of an experiment whose trainings all have one number of images."""

    training_size: int = Field(ge=2)
    epochs: Rising


class Arms(Trainings):
    """The scale of an experiment that compares arms."""

    arms: list[Name] | None = Field(None, min_length=1, description="these alone; all if null")
    seeds: SeedList | dict[Name, OneOrMore] = Field(
        default_factory=list,
        description="of every arm, or of those named; else the profile's seed",
    )

    def seeds_of(self, arm: str) -> list[int]:
        """The seeds that an arm is trained with; none: the profile's alone."""
        return self.seeds.get(arm, []) if isinstance(self.seeds, dict) else self.seeds


class Seeds(Trainings):
    """The scale of the experiment that repeats one cell: a seed changes every random draw."""

    seeds: Annotated[SeedList, Field(min_length=2)]


class RealImages(Strict):
    """The scale of an experiment that trains nothing and measures real images."""

    images: int = Field(ge=2, description="images in each half")
    repeats: int = Field(ge=2)


Scale = Grid | Arms | Seeds | RealImages
# In this order everywhere. The first run that two experiments share bears the first one's name.
SCALES: dict[str, type[Scale]] = {
    GRID: Grid,
    "augmentation": Arms,
    "learning-rate": Arms,
    "seeds": Seeds,
    "image-size": Arms,
    "noise-floor": RealImages,
    "sensitivity": RealImages,
}

SEED_KEYS = ("seeds", "seeds_at_equal_updates")  # of scales: a list, or lists by name
