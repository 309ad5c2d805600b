"""Configuration: every choice a person can make, checked once, saved with what it made."""

import hashlib
import json
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from miua.errors import MiuaError
from miua.files import write_text


class Strict(BaseModel):
    """An unknown key is an error, and a value is never changed after it was checked."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Augmentation(Strict):
    """Random changes of the training images; the study's own by default."""

    flip: bool = True
    rotation: float = Field(10.0, ge=0, le=180, description="largest angle, degrees")
    corners: Literal["black", "grey"] = Field(
        "black", description="what a rotation uncovers; grey is the DCGAN128 notebook's defect"
    )


# Where each source of the study departs from the text. The text leaves batch and latent size open:
# 10 is the batch size of both released notebooks, 100 the latent size of Radford et al.
VARIANTS: dict[str, dict[str, Any]] = {
    "text": {},
    "notebook-128": {
        **dict.fromkeys(("image_size", "latent_size", "feature_maps"), 128),
        **{"learning_rate_generator": 2e-3, "weight_decay": 1e-2, "weight_deviation": 0.002},
        **{"real_label": 0.9, "seed": 999, "augmentation": {"corners": "grey"}},
    },
    "notebook-256": {
        **dict.fromkeys(("image_size", "latent_size", "feature_maps"), 256),
        **{"augmentation": {"flip": False, "rotation": 0.0}, "fit": "crop", "crop_size": 500},
    },
}

ImageSize = Literal[32, 64, 128, 256, 512]
# Of convolutions in training. Only float32 is the study's; docs/training.md tells of the others.
Precision = Literal["float32", "tf32", "bfloat16"]


class TrainingConfig(Strict):
    """One training of a DCGAN. The defaults are the text's (PAPER: 64 x 64, Adam, 2e-4)."""

    variant: Literal["text", "notebook-128", "notebook-256"] = "text"
    image_size: ImageSize = 64
    fit: Literal["stretch", "crop"] = "stretch"
    crop_size: int | None = Field(None, ge=1, description="pixels that fit: crop takes; the most")
    training_size: int | None = Field(None, ge=2, description="images to train on; all if null")
    latent_size: int = Field(100, ge=1)
    feature_maps: int = Field(64, ge=1)
    batch_size: int = Field(10, ge=1)
    epochs: list[int] = Field(
        [300, 500, 800, 1000], min_length=1, description="epochs to keep; the last ends the run"
    )
    learning_rate_generator: float = Field(2e-4, gt=0)
    learning_rate_discriminator: float = Field(2e-4, gt=0)
    beta1: float = Field(0.5, ge=0, lt=1)
    beta2: float = Field(0.999, ge=0, lt=1)
    weight_decay: float = Field(0.0, ge=0)
    real_label: float = Field(1.0, gt=0.5, le=1)
    weight_deviation: float = Field(0.02, gt=0)
    augmentation: Augmentation = Augmentation()
    precision: Precision = "float32"
    seed: int = Field(0, ge=0, lt=2**32)

    @model_validator(mode="before")
    @classmethod
    def _fill_from_variant(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        preset = VARIANTS.get(values.get("variant", "text"), {})
        merged = {**preset, **values}
        if isinstance(values.get("augmentation"), dict):
            merged["augmentation"] = {**preset.get("augmentation", {}), **values["augmentation"]}
        return merged

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.crop_size is not None and self.fit != "crop":
            raise ValueError("crop_size needs fit: crop")
        if self.epochs[0] < 1 or any(later <= earlier for earlier, later in pairwise(self.epochs)):
            raise ValueError(f"epochs must be positive and rising, not {self.epochs}")
        return self


Model = TypeVar("Model", bound=BaseModel)


def read_yaml(path: Path) -> Any:
    """Read a YAML file, safely: plain values alone, and tags that would make objects are refused.

    MiuaError: the file is missing, or not such YAML.
    """
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MiuaError(f"{path}: no such configuration file.") from None
    # Beside its own: an impossible date, a huge number, or values nested too deep.
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise MiuaError(f"{path} is not valid YAML: {error}") from None


def read_config(path: Path, model: type[Model], **overrides: Any) -> Model:
    """Read a YAML file (safely: tags are refused) and check it against `model`.

    MiuaError: the file is missing, not YAML, or has unknown keys or values out of range.
    """
    values = read_yaml(Path(path))
    values = {} if values is None else values
    if not isinstance(values, dict):
        raise MiuaError(f"{path} must hold keys and values, not a {type(values).__name__}.")
    try:
        return model.model_validate({**values, **overrides})
    except ValidationError as error:
        lines = [f"{path} is not a valid {model.__name__}:", *problems(model, error)]
        raise MiuaError("\n  ".join(lines)) from None


def write_config(path: Path, config: BaseModel) -> None:
    """Save a configuration complete and resolved, as YAML."""
    write_text(path, config_text(config))


def config_text(config: BaseModel, *, flow: bool = True) -> str:
    """A configuration as YAML. flow: lists of plain values on one line."""
    how = None if flow else False
    text: str = yaml.safe_dump(config.model_dump(), sort_keys=False, default_flow_style=how)
    return text


def config_hash(config: BaseModel) -> str:
    """SHA-256 of the resolved values, independent of their order."""
    return hashlib.sha256(json.dumps(config.model_dump(), sort_keys=True).encode()).hexdigest()


def differences(there: TrainingConfig, asked: TrainingConfig) -> list[str]:
    """What makes `asked` another training than the one that is `there`, in words.

    Other epochs alone do not: the same training is then kept at other epochs.
    """
    before, after = there.model_dump(), asked.model_dump()
    return [
        f"{key}: {before[key]} there, {after[key]} asked"
        for key in after
        if before[key] != after[key] and key != "epochs"
    ]


def problems(model: type[BaseModel], error: ValidationError) -> list[str]:
    """What is wrong with values of a model: the place of each problem and what is wrong there."""
    found = []
    for problem in error.errors():
        place, said = problem["loc"], problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            said = f"unknown key. Known keys: {', '.join(_fields_at(model, place[:-1])) or 'none'}"
        found.append(f"{'.'.join(map(str, place)) or '(whole)'}: {said}")
    return found


def _fields_at(model: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """The keys that `model` knows at a place inside it."""
    for key in place:
        field = model.model_fields.get(str(key))
        if field is None or not isinstance(field.annotation, type):
            return []
        model = field.annotation
    return list(model.model_fields)
