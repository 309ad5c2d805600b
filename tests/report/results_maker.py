"""A small results folder with everything in it that a run of the study leaves."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from miua.analysis import analyse
from miua.analysis.results import SyntheticSet
from miua.config import write_config
from miua.plan import DataSource, Grid, Profile
from miua.files import write_array, write_json, write_text

STUDY = Path(__file__).parents[2] / "experiments"
PAPER = Path(__file__).parents[2] / "paper"
BANNER = "Smoke run on phantom images: not a scientific result"
NO_WEIGHTS = (
    "not computed: the Inception weights are missing; get them with `miua fetch inception` "
    "(100% free) & run again"
)
TRAINING_SIZES = [100, 300, 500, 800, 999]
EPOCHS = [300, 500, 800, 1000]
SIDE = 64


def make_results(
    folder: Path,
    *,
    scientific: bool = False,
    fid: bool = False,
    training_sizes: list[int] = TRAINING_SIZES,
    epochs: list[int] = EPOCHS,
) -> Path:
    """Write plan, runs, sets, metrics and tables; values are drawn, not computed from images."""
    plan = Profile(
        profile="paper" if scientific else "smoke",
        description="for tests",
        scientific=scientific,
        banner="" if scientific else BANNER,
        data=DataSource(
            source="hc18" if scientific else "phantom", images=None if scientific else 1000
        ),
        image_size=SIDE,
        reference_images=20,
        synthetic_images=24,
        experiments={"training-size": Grid(training_sizes=training_sizes, epochs=epochs)},
    )
    write_config(folder / "plan.yaml", plan)
    draws = np.random.default_rng(5)
    reference = _heads(draws, 20, blur=0.0)
    write_array(folder / "reference" / "images.npy", reference)
    reference_lbpv = draws.dirichlet(np.full(256, 0.3)) * SIDE**2
    write_array(folder / "metrics" / "reference.npy", reference_lbpv)
    for size in training_sizes:
        _write_run(folder / "runs" / f"n{size:04d}", size, epochs, draws)
        for epoch in epochs:
            chosen = SyntheticSet(size, epoch)
            images = _heads(draws, 24, blur=0.35)
            write_array(folder / "sets" / chosen.name / "images.npy", images)
            write_json(folder / "sets" / chosen.name / "provenance.json", {"settings": {}})
            lbpv = reference_lbpv + draws.normal(0, 2, 256)
            write_array(folder / "metrics" / f"{chosen.name}.npy", lbpv)
            table = _metrics(chosen, reference_lbpv - lbpv, fid, draws)
            table.to_csv(folder / "metrics" / f"{chosen.name}.csv", index=False)
    analyse(folder, STUDY)
    return folder


def _heads(draws: np.random.Generator, n: int, blur: float) -> NDArray[np.uint8]:
    """Bright ellipses on speckle, so that a person who looks at the output sees something."""
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
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


def _write_run(run: Path, size: int, epochs: list[int], draws: np.random.Generator) -> None:
    lines = []
    for epoch in range(1, epochs[-1] + 1):
        progress = epoch / epochs[-1]
        lines.append(
            {
                "epoch": epoch,
                "updates": epoch * (size // 10),
                "generator_loss": 2 + 3 * progress + draws.normal(0, 0.3),
                "discriminator_loss": 1 - 0.7 * progress + draws.normal(0, 0.1),
                "accuracy_real": min(1.0, 0.7 + 0.28 * progress + draws.normal(0, 0.01)),
                "accuracy_synthetic": min(1.0, 0.75 + 0.24 * progress + draws.normal(0, 0.01)),
                "images_per_second": 300.0,
                "seconds": 0.3,
            }
        )
    write_text(run / "log.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    write_text(run / "config.yaml", "image_size: 64\n")
    write_json(run / "provenance.json", {"settings": {}})


def _metrics(
    chosen: SyntheticSet,
    difference: NDArray[np.float64],
    fid: bool,
    draws: np.random.Generator,
) -> pd.DataFrame:
    rows = [
        _row(chosen, "mutual_information", draws.normal(0.45, 0.01), 0.006, "nats"),
        _row(chosen, "psnr", draws.normal(11.2, 0.1), 0.05, "dB"),
    ]
    if fid:
        rows.append(_row(chosen, "fid", draws.normal(245, 5), np.nan, ""))
    else:
        rows.append(_row(chosen, "fid", np.nan, np.nan, "") | {"status": NO_WEIGHTS})
    rows += [
        _row(chosen, f"lbpv_{element:03d}_difference", value, 0.4, "counts per image")
        for element, value in enumerate(difference)
    ]
    return pd.DataFrame(rows)


def _row(
    chosen: SyntheticSet, metric: str, value: float, half: float, unit: str
) -> dict[str, object]:
    return {
        "set": chosen.name,
        "metric": metric,
        "value": value,
        "low": value - half,
        "high": value + half,
        "unit": unit,
        "n_reference": 20,
        "n_synthetic": 24,
        "definition": "drawn at random for tests",
        "status": "computed",
    }
