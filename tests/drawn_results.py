"""A small results folder with everything in it that a run of the study leaves.

Images, logs and the metrics of sets are drawn; all tables made of them are the analysis' own.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from miua.analysis.claims_table import write_claims
from miua.analysis.clinician import refit_clinician
from miua.analysis.columns import COLUMNS
from miua.analysis.real_images import MeasuredImages, noise_floor_tables, sensitivity_tables
from miua.analysis.tables import analyse, collect
from miua.config import TrainingConfig, write_config
from miua.files import sha256_array, write_array, write_json, write_text
from miua.metrics.comparison import Comparison, Extractors, Side
from miua.report import make_figures
from miua.study.plan import Cell, Profile, cells_csv, make_plan, read_experiments
from miua.study.store import write_table

STUDY = Path(__file__).parents[1] / "experiments"
PAPER = Path(__file__).parents[1] / "paper"
BANNER = "Smoke run on phantom images: not a scientific result"
NO_WEIGHTS = (
    "not computed: the Inception weights are missing; get them with `miua fetch inception` "
    "(100% free) & run again"
)
PUBLISHED_WEIGHTS, STAND_IN_WEIGHTS = "weights 6726825d", "weights 0123abcd"
TRAINING_SIZES = [100, 300, 500, 800, 999]
EPOCHS = [300, 500, 800, 1000]
SIDE = 64
IMAGES_IN_A_SET = 24
REFERENCE_IMAGES = 20
# The learning rate ten times the text's: as a training goes that ends in numbers that are none.
DIVERGED = "learning-rate_rate-times-10"
DIVERGED_REASON = "a loss is not finite at epoch 5: the training diverged."

Draws = np.random.Generator
Stack = NDArray[np.uint8]


def make_results(
    folder: Path,
    *,
    scientific: bool = False,
    fid: str = "",
    training_sizes: list[int] = TRAINING_SIZES,
    epochs: list[int] = EPOCHS,
    everything: bool = True,
    equal_updates: int = 30000,
    several: bool = False,
    figures: bool = False,
) -> Path:
    """Write plan, runs, sets, metrics and tables, and figures where they are asked for.

    fid: which weights FID is said to be computed with; "" for none. everything: all experiments,
    not training-size and clinician alone. equal_updates: of the second arm of training-size.
    several: some arms of every experiment have trainings with two seeds.
    """
    profile = _profile(scientific, training_sizes, epochs, everything, equal_updates)
    profile = _with_two_seeds(profile) if several else profile
    plan = make_plan(profile, read_experiments(STUDY))
    write_config(folder / "plan.yaml", profile)
    write_text(folder / "sets.csv", cells_csv(plan.cells))
    draws = np.random.default_rng(5)
    for name, config in plan.preparations().items():
        reference = heads(draws, REFERENCE_IMAGES, config.image_size, blur=0.0)
        _write_stack(folder / "reference" / name, reference, {})
        _write_real(folder / "real" / name, reference, profile.available_images)
    reference_lbpv = draws.dirichlet(np.full(256, 0.3)) * SIDE**2
    write_array(folder / "metrics" / "reference.npy", reference_lbpv)
    for run, config in plan.runs.items():
        _write_run(folder / "runs" / run, config, draws)
    for cell in {cell.set: cell for cell in plan.cells}.values():
        _write_set(folder, cell, reference_lbpv, fid, draws)
    if everything:
        _write_real_against_real(folder / "tables", draws)
    for experiment in dict.fromkeys(cell.experiment for cell in plan.cells):
        collect(folder, experiment)
    refit_clinician(folder, STUDY)
    _write_unseen(folder, draws)
    analyse(folder)
    write_claims(folder, STUDY)
    if figures:
        make_figures(folder, STUDY)
    return folder


def heads(draws: Draws, n: int, side: int, blur: float) -> Stack:
    """Bright ellipses on speckle, so that a person who looks at the output sees something."""
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    images = []
    for _ in range(n):
        width, height, angle = draws.uniform(0.5, 0.8), draws.uniform(0.4, 0.6), draws.uniform(0, 3)
        u = x * np.cos(angle) + y * np.sin(angle)
        v = y * np.cos(angle) - x * np.sin(angle)
        radius = np.hypot(u / width, v / height)
        skull = np.exp(-((radius - 1) ** 2) / (0.01 + 0.03 * blur))
        speckle = draws.rayleigh(0.12 + 0.1 * blur, x.shape)
        images.append(np.clip(255 * (0.8 * skull + speckle), 0, 255).astype(np.uint8))
    return np.stack(images)


def _profile(
    scientific: bool,
    training_sizes: list[int],
    epochs: list[int],
    everything: bool,
    equal_updates: int,
) -> Profile:
    experiments: dict[str, object] = {
        "training-size": {"training_sizes": training_sizes, "epochs": epochs}
    }
    if everything:
        middle = {"training_size": 300, "epochs": [20]}
        experiments["training-size"] = {
            "training_sizes": training_sizes,
            "epochs": epochs,
            "equal_updates": equal_updates,
        }
        experiments |= {
            "augmentation": middle,
            "learning-rate": middle,
            "seeds": {"training_size": 300, "epochs": [20], "seeds": [0, 1, 2]},
            "image-size": middle,
            "noise-floor": {"images": 8, "repeats": 6},
            "sensitivity": {"images": 8, "repeats": 3},
        }
    return Profile.model_validate(
        {
            "profile": "paper" if scientific else "smoke",
            "description": "for tests",
            "scientific": scientific,
            "banner": "" if scientific else BANNER,
            "data": {
                "source": "hc18" if scientific else "phantom",
                "images": None if scientific else 1000,
            },
            "image_size": SIDE,
            "reference_images": REFERENCE_IMAGES,
            "synthetic_images": IMAGES_IN_A_SET,
            "experiments": experiments,
        }
    )


def _with_two_seeds(profile: Profile) -> Profile:
    values = profile.model_dump()
    values["experiments"]["training-size"]["seeds_at_equal_updates"] = {100: [0, 1]}
    values["experiments"]["augmentation"]["seeds"] = {"none": [0, 1], "both": [0, 1]}
    values["experiments"]["image-size"]["seeds"] = {"128": [0, 1]}
    return Profile.model_validate(values)


def _write_stack(place: Path, stack: Stack, record: dict[str, object]) -> None:
    write_array(place / "images.npy", stack)
    outputs = {"images": sha256_array(stack)}
    write_json(place / "provenance.json", {"inputs": {}, "outputs": outputs, **record})


def _write_real(place: Path, reference: Stack, available: int) -> None:
    """All images to learn from, two of each subject; of other sizes than SIDE the reference's."""
    own = np.random.default_rng(6)
    stack = heads(own, available, SIDE, blur=0.0) if reference.shape[1] == SIDE else reference
    names = [f"{n // 2 + 1:03d}_{'2' * (n % 2)}HC.png" for n in range(len(stack))]
    write_json(place / "names.json", names)
    _write_stack(place, stack, {})


def _write_run(run: Path, config: TrainingConfig, draws: Draws) -> None:
    lines = []
    last = 5 if run.name == DIVERGED else config.epochs[-1]
    for epoch in range(1, last + 1):
        progress = epoch / last
        lines.append(
            {
                "epoch": epoch,
                "updates": epoch * -(-(config.training_size or 0) // config.batch_size),
                "generator_loss": 2 + 3 * progress + draws.normal(0, 0.3),
                "discriminator_loss": 1 - 0.7 * progress + draws.normal(0, 0.1),
                "accuracy_real": min(1.0, 0.7 + 0.28 * progress + draws.normal(0, 0.01)),
                "accuracy_synthetic": min(1.0, 0.75 + 0.24 * progress + draws.normal(0, 0.01)),
                "diversity": progress,
                "events": ["collapsed samples"] if progress < 0.5 else [],
            }
        )
    write_text(run / "log.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    write_config(run / "config.yaml", config)
    if run.name == DIVERGED:
        write_json(run / "diverged.json", {"epoch": 5, "reason": DIVERGED_REASON})
    settings = {**config.model_dump(), "config_sha256": "c" * 64}
    made = {"commit": "1" * 40, "uncommitted_changes": False, "inputs": {"images": "d" * 64}}
    machine = {"device": "cpu", "threads": 2, "packages": {"miua": "1.0"}, "python": "3.11.7"}
    write_json(run / "provenance.json", {"settings": settings, **made, **machine})
    rate = {"seconds": 1.5, "images_per_second": round((config.training_size or 0) / 1.5, 2)}
    speed = [json.dumps({"epoch": epoch, **rate}) for epoch in range(1, last + 1)]
    write_text(run / "speed.jsonl", "".join(f"{line}\n" for line in speed))
    for epoch in config.epochs:
        facts = {"epoch": epoch, "sha256": _checkpoint(run.name, epoch)}
        write_json(run / "checkpoints" / f"epoch_{epoch:04d}.json", facts)
    for epoch in sorted({1, 2, 5, *config.epochs}):
        if epoch <= last and config.image_size == SIDE:
            _write_sample_grid(run / "samples" / f"epoch_{epoch:04d}.png", 1 - epoch / last)


def _write_sample_grid(path: Path, blur: float) -> None:
    """The same heads in every epoch, ever sharper."""
    images = heads(np.random.default_rng(7), 16, SIDE, blur=0.2 + blur)
    path.parent.mkdir(parents=True, exist_ok=True)
    grid = images.reshape(4, 4, SIDE, SIDE).swapaxes(1, 2).reshape(4 * SIDE, 4 * SIDE)
    Image.fromarray(grid).save(path)


def _checkpoint(run: str, epoch: int) -> str:
    return sha256_array(np.frombuffer(f"{run} {epoch}".encode(), np.uint8))


def _write_set(
    folder: Path, cell: Cell, reference: NDArray[np.float64], fid: str, draws: Draws
) -> None:
    place = folder / "sets" / cell.set
    settings = {"run": cell.run, "epoch": cell.epoch, "images": IMAGES_IN_A_SET, "seed": 0}
    diverged = cell.run == DIVERGED
    if diverged:
        record = {"inputs": {"checkpoint": ""}, "settings": settings, "not_made": DIVERGED_REASON}
        write_json(place / "provenance.json", record)
    else:
        inputs = {"checkpoint": _checkpoint(cell.run, cell.epoch)}
        images = heads(
            draws, IMAGES_IN_A_SET if cell.image_size == SIDE else 4, cell.image_size, blur=0.35
        )
        _write_stack(place, images, {"inputs": inputs, "settings": settings})
    lbpv = reference + draws.normal(0, 2, 256)
    write_array(folder / "metrics" / f"{cell.set}.npy", lbpv * (np.nan if diverged else 1))
    table = _metrics(cell.set, reference - lbpv, fid, draws)
    if diverged:
        table[["value", "low", "high"]] = np.nan
        table["status"] = f"not computed: {DIVERGED_REASON}"
    table.to_csv(folder / "metrics" / f"{cell.set}.csv", index=False)


def _metrics(name: str, difference: NDArray[np.float64], fid: str, draws: Draws) -> pd.DataFrame:
    rows = [
        _row(name, "mutual_information", draws.normal(0.45, 0.01), 0.006, "nats"),
        _row(name, "psnr", draws.normal(11.2, 0.1), 0.05, "dB"),
    ]
    if fid:
        row = _row(name, "fid", draws.normal(245, 5), np.nan, "")
        rows.append(row | {"definition": f"Frechet distance of drawn features, {fid}"})
    else:
        rows.append(_row(name, "fid", np.nan, np.nan, "") | {"status": NO_WEIGHTS})
    rows += [
        _row(name, f"lbpv_{element:03d}_difference", value, 0.4, "counts per image")
        for element, value in enumerate(difference)
    ]
    rows.append(_row(name, "fd_lbp", draws.normal(1.4e6, 9e4), 2e4, "counts²"))
    rows.append(_row(name, "diversity", draws.normal(0.9, 0.04), 0.02, ""))
    lowered = float(np.abs(difference).sum())
    rows.append(_row(name, "fd_efficientnet", 4 + lowered / 100, 0.1, ""))
    rows.append(_row(name, "kd_efficientnet", lowered / 1e4, 0.001, ""))
    return pd.DataFrame(rows)


def _row(name: str, metric: str, value: float, half: float, unit: str) -> dict[str, object]:
    return {
        "set": name,
        "metric": metric,
        "value": value,
        "low": value - half,
        "high": value + half,
        "unit": unit,
        "n_reference": REFERENCE_IMAGES,
        "n_synthetic": IMAGES_IN_A_SET,
        "definition": "drawn at random for tests",
        "status": "computed",
    }


def _write_unseen(folder: Path, draws: Draws) -> None:
    """The sets once more, as far from unseen images as from the reference."""
    tables = [pd.read_csv(path) for path in sorted((folder / "metrics").glob("*.csv"))]
    found = pd.concat(tables).assign(reference="unseen phantoms", low=np.nan, high=np.nan)
    found["n_reference"] = REFERENCE_IMAGES // 2
    write_table(folder / "tables" / "unseen.csv", found[list(COLUMNS["unseen"])])
    near = pd.read_csv(folder / "sets.csv").drop_duplicates("set").assign(low=0.4, high=0.6)
    lacking = near["run"] == DIVERGED
    near = near.assign(share=draws.uniform(0.4, 0.6, len(near)), p_value=0.5, images=40)
    near["status"] = np.where(lacking, f"not computed: {DIVERGED_REASON}", "computed")
    near.loc[lacking, ["share", "low", "high", "p_value"]] = np.nan
    write_table(folder / "tables" / "unseen-copies.csv", near[list(COLUMNS["unseen-copies"])])


def _write_real_against_real(tables: Path, draws: Draws) -> None:
    """Noise floor and sensitivity of a few images, two of each subject."""
    images = heads(draws, 24, SIDE, blur=0.0)
    subjects = np.arange(24) // 2
    side = Side(images, Extractors.ready())
    measured = MeasuredImages(Comparison(side, side, resamples=0), subjects, 8, "", ())
    floor = noise_floor_tables(measured, 6, 0)
    response = sensitivity_tables(measured, 3, 0)
    written = {f"noise-floor{end}": table for end, table in floor.items()}
    written |= {f"sensitivity{end}": table for end, table in response.items()}
    for name, table in written.items():
        write_table(tables / f"{name}.csv", table)
