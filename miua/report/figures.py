"""The figures of paper and report: what they are called, what to see in them, and their files."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure

from miua.charts import style
from miua.metrics.registry import FID
from miua.report import chart_figures as charts
from miua.report import image_figures
from miua.report import study_tables as tables
from miua.report.architecture import draw_architecture
from miua.study import store
from miua.study.store import Results
from miua.wording import listed


class StudyFigure(NamedTuple):
    """A figure: its files' name, what it is, what to look at, and what draws it."""

    name: str
    title: str
    see: str
    draw: Callable[[], Figure]


def study_figures(results: Results, study: Path) -> list[StudyFigure]:
    """Every figure of the study, in the order of the report."""
    plan, last, chosen = results.plan, results.sets[-1], store.figure_two_set(results)
    sizes, epochs = listed(store.poster_sizes(results)), listed(store.poster_epochs(results))
    missing = store.not_computed(store.read_metrics(results), FID.name)
    real = tables.real_images(results)
    return [
        StudyFigure(
            "architecture",
            f"Architecture of the DCGAN for {plan.image_size} x {plan.image_size} images",
            "Each block is a stack of feature maps, written height x width x channels: the "
            "generator doubles the side from block to block, the discriminator halves it down to "
            "one number.",
            partial(draw_architecture, plan.image_size, plan.latent_size, plan.feature_maps),
        ),
        StudyFigure(
            "regression",
            "Metrics against the clinician's score (published points), and synthetic images",
            "See how widely the points scatter around the published lines, and how little "
            "a score tells about a metric. The points are the original study's, read off its "
            f"plots; the images are ours ({chosen.training_size} training images, "
            f"{chosen.epoch} epochs, the first nine of the set).",
            partial(charts.draw_regression, results, study),
        ),
        StudyFigure(
            "real_and_synthetic",
            "Images the networks learn from, and images they make",
            "Compare speckle, skull outline and sector edges between the rows. The images to "
            "learn from are evenly spread over the reference images; the synthetic "
            f"images are the first of the set with {last.training_size} training images and "
            f"{last.epoch} epochs, not a selection.",
            partial(image_figures.draw_real_and_synthetic, results),
        ),
        StudyFigure(
            "overview",
            "Nine synthetic images of every set",
            "Go down a column to see longer training, along a row to see more training images: "
            "with one batch size, more images also mean more updates an epoch.",
            partial(image_figures.draw_overview, results),
        ),
        StudyFigure(
            "poster_grids",
            f"Synthetic images for {sizes} training images at {epochs} epochs",
            "Look for images that repeat each other within a grid, the sign of mode collapse.",
            partial(image_figures.draw_poster_grids, results),
        ),
        StudyFigure(
            "training_curves",
            f"Losses and discriminator accuracy for {sizes} training images",
            "An accuracy near 1 for both kinds of images means the discriminator wins and the "
            "generator learns little; near 0.5 it cannot tell them apart.",
            partial(charts.draw_training_curves, results),
        ),
        StudyFigure(
            "metrics",
            "The metrics by training size and epoch, with 95 % intervals where there are any",
            "See whether a line rises or falls by more than its intervals, which cover the choice "
            "of synthetic images, not a second training."
            + (f" FID was {missing}." if missing else ""),
            partial(charts.draw_metrics, results),
        ),
        StudyFigure(
            "equal_updates",
            "Training size at equal epochs and at equal updates",
            "Where the two lines differ, what looks like an effect of training size is one of "
            "training length. Every mark is one training; the lines go through their means.",
            partial(charts.draw_equal_updates, results),
        ),
        StudyFigure(
            "stability",
            "Training at several image sizes: samples, losses, accuracies and signs",
            "Below the samples stand the signs of instability that were found, if any. The first "
            "four images of each arm's last set.",
            partial(charts.draw_stability, results),
        ),
        StudyFigure(
            "arms_learning_rate",
            "Learning rates, batch sizes and the notebooks' settings",
            "Compare points with the blue band, the range of repeated seeds: within it, an arm "
            "cannot be told from the text's settings trained again.",
            partial(charts.draw_arms, results, tables.LEARNING_RATE),
        ),
        StudyFigure(
            "arms_augmentation",
            "Augmentation: none, flip, rotation, both, and both with mid-grey corners",
            "Compare points with the blue band, the range of repeated seeds. Every point is one "
            "training; an arm with several shows images of the first.",
            partial(charts.draw_arms, results, tables.AUGMENTATION),
        ),
        StudyFigure(
            "noise_floor",
            f"The noise floor: {real} against {real}, beside the synthetic sets",
            "Differences among synthetic sets that are smaller than the spread of these halves "
            "tell nothing. Every mark is one comparison, the first of "
            f"{tables.floor_splits(results)} splits; the black bar is the mean of the marks.",
            partial(charts.draw_noise_floor, results),
        ),
        StudyFigure(
            "sensitivity",
            "Known damage: which metrics respond, and in which direction",
            "A row is a metric, a column a kind of damage in growing steps. The height is the "
            "metric's change in standard deviations of undamaged halves (grey: two of them), on "
            "one scale in all rows; blue calls the damaged images worse, orange crosses better.",
            partial(charts.draw_sensitivity, results),
        ),
    ]


def draw_figures(results: Path, study: Path) -> list[Path]:
    """Draw all figures into results/figures, as PDF and PNG; returns the files."""
    opened, written = Results.open(results), []
    for figure in study_figures(opened, study):
        with style.drawing():
            drawn = figure.draw()
            style.mark(drawn, opened.plan.banner)
            written += style.save(drawn, opened.figures, figure.name, figure.title)
    return written
