"""Arguments and options that several commands share: one wording, one default."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

STUDY, PAPER, RESULTS = Path("experiments"), Path("paper"), Path("results")
REPEATS = RESULTS / "repeats"

Device = Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="Where to compute.")]
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads; all cores if not given.")]
Weights = Annotated[Path | None, typer.Option(help="Weights file for FID, if it was not fetched.")]

# Reading images.
MoreSets = Annotated[
    list[Path] | None,
    typer.Argument(help="Further synthetic sets, as a shell makes of a pattern."),
]
ResizedTo = Annotated[
    int | None, typer.Option(min=2, help="Resize all to this square; not if not given.")
]
Fit = Annotated[Literal["stretch", "crop"], typer.Option(help="How an image becomes square.")]
CropSize = Annotated[
    int | None, typer.Option(min=1, help="Pixels that --fit crop takes; the most if not given.")
]
SkipBad = Annotated[
    bool, typer.Option("--skip-bad", help="Go on without files that cannot be taken.")
]

# Measuring real images.
Real = Annotated[
    Path, typer.Argument(help="Folder of real images, named as HC18's: NNN_HC.png, NNN_2HC.png.")
]
OutTable = Annotated[
    Path, typer.Option(help="The .csv to write, its provenance beside it (.json).")
]
Side = Annotated[int, typer.Option(min=2, help="Side of the square, pixels.")]
Half = Annotated[
    int | None, typer.Option(min=1, help="Images in each half; as many as fit, up to 400.")
]

# Steps of the study.
Results = Annotated[Path, typer.Argument(help="A results folder, such as results/smoke.")]
Study = Annotated[Path, typer.Option(help="The folder that says what the study is.")]
Paper = Annotated[Path, typer.Option(help="The LaTeX sources.")]

# All steps of the study.
ProfileName = Annotated[
    str | None, typer.Option(help="smoke, cpu or paper; by the hardware if not given.")
]
ResultsParent = Annotated[Path, typer.Option(help="Where results folders go.")]
Cores = Annotated[int | None, typer.Option(min=1, help="CPU cores; all if not given.")]
Executor = Annotated[
    str,
    typer.Option(help="Where the steps run: local, slurm, or a folder of settings for a cluster."),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show what there is to do, and what it will take here.")
]
