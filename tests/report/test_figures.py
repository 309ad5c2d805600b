"""Figures: all there, the same bytes twice, marked where they are no result, honest about gaps."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from miua.analysis.clinician import read_scores
from miua.charts import style
from miua.charts.pictures import tile
from miua.dcgan import discriminator_layers, generator_layers
from miua.errors import MiuaError
from miua.report import make_figures
from miua.report.architecture import draw_architecture
from miua.report.chart_figures import (
    draw_arms,
    draw_equal_updates,
    draw_metrics,
    draw_noise_floor,
    draw_regression,
    draw_scores,
    draw_sensitivity,
    draw_stability,
    draw_training_curves,
)
from miua.report.figures import study_figures
from miua.report.study_tables import seed_spread
from miua.study.store import Results, read_experiment
from tests.drawn_results import BANNER, STUDY

NAMES = [
    "architecture", "regression", "real_and_synthetic", "overview", "poster_grids",
    "training_curves", "metrics", "equal_updates", "stability", "arms_learning_rate",
    "arms_augmentation", "noise_floor", "sensitivity",
]  # fmt: skip


def texts(figure):
    found = [
        text.get_text() for text in figure.findobj(match=lambda part: hasattr(part, "get_text"))
    ]
    return "\n".join(found)


def test_every_figure_is_there_as_vector_and_as_picture(smoke, single):
    for folder in (smoke, single):
        assert [figure.name for figure in study_figures(Results.open(folder), STUDY)] == NAMES
        for name in NAMES:
            pdf = (folder / "figures" / f"{name}.pdf").read_bytes()
            assert pdf.startswith(b"%PDF")
            assert b"CreationDate" not in pdf
            assert b"/Type3" not in pdf  # text stays text
            with Image.open(folder / "figures" / f"{name}.png") as picture:
                assert np.asarray(picture.convert("L")).std() > 5


def test_figures_keep_the_width_of_the_text(smoke):
    for name in ("regression", "metrics"):
        with Image.open(smoke / "figures" / f"{name}.png") as picture:
            assert picture.width == int(122 / 25.4 * style.PNG_DPI)


def test_the_banner_is_on_unscientific_figures_only(smoke):
    with style.drawing():
        figure = style.new_figure(1)
        style.mark(figure, BANNER)
        assert BANNER in texts(figure)
        figure = style.new_figure(1)
        style.mark(figure, "")
        assert texts(figure) == ""


def test_the_banner_reaches_every_figure(folder, monkeypatch):
    marked = []
    monkeypatch.setattr(style, "mark", lambda figure, banner: marked.append(banner))
    monkeypatch.setattr(style, "save", lambda *_: [])
    make_figures(folder, STUDY)
    assert marked == [BANNER] * len(NAMES)


def test_the_architecture_names_every_layer():
    for size, latent, maps in ((64, 100, 64), (128, 128, 32)):
        shown = texts(draw_architecture(size, latent, maps))
        layers = generator_layers(size, latent, maps) + discriminator_layers(size, maps)
        for layer in layers:
            assert f"{layer.out_size}×{layer.out_size}\n×{layer.out_channels}" in shown
        assert shown.count("BN") == sum(layer.batch_norm for layer in layers)
        assert shown.count("stride 2") == sum(layer.stride == 2 for layer in layers)


def test_the_regression_shows_points_curves_and_equations(smoke):
    results = Results.open(smoke)
    figure = draw_regression(results, STUDY)
    shown = texts(figure)
    assert "FID = 6.96 ln(x) + 240.86  (r = 0.41)" in shown
    assert "V240 = 3.38 ln(x) − 7.88  (r = 0.26)" in shown
    assert "300 images, 300 epochs" in shown
    left, _, right = figure.axes
    assert [len(line.get_xdata()) for line in left.lines] == [20, 200]
    assert [len(line.get_xdata()) for line in right.lines] == [20, 200] * 4


def test_an_undecided_regression_has_points_and_no_curve():
    scores = read_scores(STUDY)
    scores.loc[scores["metric"] == "fid", "value"] = 240.0
    axes = style.new_figure(1).subplots()
    labels = [handle.get_label() for handle in draw_scores(axes, scores)]
    assert "FID: undecided" in labels
    assert len(axes.lines) == 1


def test_a_missing_fid_leaves_a_panel_that_says_so(smoke, single, stand_in):
    results = Results.open(smoke)
    figure = draw_metrics(results)
    panel = figure.axes[2]
    assert panel.get_title() == "FID"
    assert not panel.lines
    assert "not\ncomputed" in texts(panel)
    assert len(panel.get_xticks()) == len(panel.get_yticks()) == 0
    results = Results.open(single)
    panel = draw_metrics(results).axes[2]
    assert len(panel.lines) == 2  # the means, and each training
    assert "computed" not in texts(panel)
    for folder, title in ((single, "FID"), (stand_in, "FID (stand-in)")):
        results = Results.open(folder)
        figure = draw_metrics(results)
        assert figure.axes[2].get_title() == title


def test_curves_show_the_log(smoke):
    results = Results.open(smoke)
    figure = draw_training_curves(results)
    assert "800 training images" in texts(figure)
    assert len(figure.axes) == 6
    for axes in figure.axes:
        assert [len(line.get_xdata()) for line in axes.lines] == [1000, 1000]


def test_the_published_accuracy_on_real_is_one_minus_ours(smoke):
    results = Results.open(smoke)
    ours, published = (
        draw_training_curves(results).axes[2].lines,
        draw_training_curves(results).axes[4].lines,
    )
    assert np.allclose(ours[0].get_ydata() + published[0].get_ydata(), 1)
    assert np.array_equal(ours[1].get_ydata(), published[1].get_ydata())


def test_a_training_that_diverged_leaves_a_tile_that_says_so(smoke):
    figure = draw_arms(Results.open(smoke), "learning-rate")
    assert texts(figure).count("diverged") == 1
    assert "diverged" not in texts(draw_arms(Results.open(smoke), "augmentation"))


def test_the_seeds_range_is_a_band_behind_the_arms(smoke, folder):
    results = Results.open(smoke)
    spread = seed_spread(results, "psnr")
    values = read_experiment(results, "seeds").query("metric == 'psnr'")["value"]
    assert (spread.low, spread.high) == (values.min(), values.max())
    assert spread.deviation == pytest.approx(values.std())
    (folder / "tables" / "seeds.csv").unlink()
    assert seed_spread(Results.open(folder), "psnr") is None


def test_known_damage_is_marked_by_what_the_metric_makes_of_it(folder):
    path = folder / "tables" / "sensitivity-summary.csv"

    def markers():
        figure = draw_sensitivity(Results.open(folder))
        return [line.get_marker() for line in figure.axes[0].lines]

    summary = pd.read_csv(path)
    counts = summary["response"].value_counts()
    shown = texts(draw_sensitivity(Results.open(folder))).splitlines()
    assert (shown.count("+100"), shown.count("−100")) == (1, 1)
    assert markers().count("x") == counts.get("wrong way", 0)
    assert markers().count("o") == counts["as it should"]
    summary.loc[summary["response"] == "as it should", "response"] = "wrong way"
    summary.to_csv(path, index=False)
    assert "o" not in markers()


def test_an_experiment_that_was_not_run_is_said_in_its_figure(single):
    results = Results.open(single)
    for figure, name in (
        (draw_arms(results, "augmentation"), "augmentation"),
        (draw_stability(results), "image-size"),
        (draw_noise_floor(results), "noise-floor"),
        (draw_sensitivity(results), "sensitivity"),
    ):
        assert f"The experiment {name} is not part of this run." in texts(figure)
    assert "Equal updates are not part of this run." in texts(draw_equal_updates(results))


def test_a_tile_shows_the_first_images_and_leaves_the_rest_white():
    stack = np.arange(5, dtype=np.uint8)[:, None, None].repeat(4, 1).repeat(4, 2)
    tiled = tile(stack, 2, 3)
    assert tiled.shape == (10, 16)
    assert tiled[0, 0] == 0
    assert tiled[0, 6] == 1
    assert tiled[6, 6] == 4
    assert tiled[0, 4] == tiled[9, 15] == 255


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.unlink(), "images.npy is missing"),
        (lambda path: np.save(path, np.zeros((3, 8, 8))), "not a uint8"),
    ],
)
def test_a_missing_or_wrong_stack_is_named(folder, damage, message):
    results = Results.open(folder)
    damage(results.set_stack(results.cell(300, 300).set))
    with pytest.raises(MiuaError, match=message):
        make_figures(folder, STUDY)
