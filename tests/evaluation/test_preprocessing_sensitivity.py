"""The preprocessing sensitivity: one choice changed at a time, and the rankings that turn over."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from miua import _kernels
from miua.cli.evaluation_tables import print_preprocessing_sensitivity
from miua.data import read_stack
from miua.errors import MiuaError
from miua.evaluation.image_sets import Reading
from miua.evaluation.preprocessing_sensitivity import METRICS, _flips, walk
from miua.evaluation.result import Choice, PreprocessingSensitivity
from miua.metrics import comparison, mutual_information
from miua.metrics.comparison import Extractors
from tests.evaluation.measuring import measure_set
from tests.evaluation.textures import textures


def save(folder: Path, stack: np.ndarray) -> Path:
    folder.mkdir(parents=True)
    for number, image in enumerate(stack):
        Image.fromarray(image).save(folder / f"{number:03d}.png")
    return folder


@pytest.fixture
def real(tmp_path) -> Path:
    """Images that are wider than high, so that the fit is a choice."""
    return save(tmp_path / "real", textures(1, 12, size=48)[:, 8:])


@pytest.fixture
def made(tmp_path) -> Path:
    return save(tmp_path / "made", textures(2, 10, size=40))


def walked(real, sets, reading=None, extractors=None, pairing="all", metrics=METRICS):
    reading = reading or Reading(size=16)
    extractors = extractors or Extractors(missing={"inception": "no weights; fetch them"})
    return walk(real, sets, reading, extractors, metrics, pairing=pairing, bins=64, threads=1)


def test_each_choice_is_measured_as_images_read_that_way(real, made):
    sensitivity = walked(real, {"made": made})
    assert isinstance(sensitivity, PreprocessingSensitivity)
    assert [(each.aspect, each.choice) for each in sensitivity.choices] == [
        ("as measured", "bilinear, antialiased, stretch, 8 bits"),
        ("resize filter", "bicubic"),
        ("resize filter", "lanczos"),
        ("resize filter", "box"),
        ("resize filter", "nearest"),
        ("antialiasing", "off"),
        ("fit", "crop"),
        ("bit depth", "16 bits"),
    ]
    assert sensitivity.metrics == (
        "mutual_information",
        "psnr",
        "ssim",
        "lbpv_total_difference",
        "fd_lbp",
    )
    ways = {
        "bicubic": {"resize": "bicubic"},
        "nearest": {"resize": "nearest"},
        "off": {"antialias": False},
        "crop": {"fit": "crop"},
    }
    for choice in sensitivity.choices:
        if choice.choice in ways:
            stacks = [read_stack(path, 16, **ways[choice.choice]).images for path in (real, made)]
            records = measure_set(*stacks, metrics=("psnr", "ssim", "fd_lbp"), resamples=0)
            for record in records:
                assert choice.values["made"][record.metric] == pytest.approx(record.value)
    values = [choice.values["made"]["psnr"] for choice in sensitivity.choices]
    assert len(set(values)) == len(values)  # every choice moves the number


def test_sixteen_bits_are_near_to_eight_but_not_the_same(real, made):
    sensitivity = walked(real, {"made": made})
    eight, sixteen = sensitivity.choices[0].values["made"], sensitivity.choices[-1].values["made"]
    for metric in ("mutual_information", "psnr", "lbpv_total_difference"):
        assert sixteen[metric] != eight[metric]
    assert sixteen["psnr"] == pytest.approx(eight["psnr"], abs=0.1)
    assert sixteen["ssim"] is None


def test_arrays_among_the_sets_are_measured_as_they_are(real):
    sensitivity = walked(real, {"made": textures(3, 8)})
    assert sensitivity.choices[-1].values["made"]["psnr"] > 0


@pytest.mark.parametrize("pairing", ["all", "nearest", "index"])
def test_sixteen_bits_take_the_pairs_of_the_evaluation(real, tmp_path, pairing, monkeypatch):
    """By definition, and over a few real images at a time."""
    monkeypatch.setattr(comparison, "ROWS_AT_ONCE", 5)
    rows, kernel = [], _kernels.mutual_information_all_pairs
    monkeypatch.setattr(
        _kernels,
        "mutual_information_all_pairs",
        lambda a, *others: (rows.append(len(a)), kernel(a, *others))[1],
    )
    made = save(tmp_path / "twelve", textures(5, 12, size=40))
    sensitivity = walked(
        real, {"made": made}, pairing=pairing, metrics=("psnr", "mutual_information")
    )
    found = sensitivity.choices[-1].values["made"]
    a, b = (read_stack(path, 16, depth=16).images for path in (real, made))
    table = np.square(a[:, None].astype(float) - b[None].astype(float)).mean(axis=(2, 3))
    every = np.arange(len(b))
    first, second = {
        "all": tuple(each.ravel() for each in np.indices(table.shape)),
        "nearest": (table.argmin(axis=0), every),
        "index": (every, every),
    }[pairing]
    ratios = 10 * np.log10(65535**2 / table[first, second])
    assert found["psnr"] == pytest.approx(ratios.mean())
    upper, others = ((stack >> 8).astype(np.uint8) for stack in (a[first], b[second]))
    assert found["mutual_information"] == pytest.approx(mutual_information(upper, others).mean())
    assert max(rows, default=0) <= 5


def test_sixteen_bits_of_identical_images_are_infinitely_alike(tmp_path):
    one = save(tmp_path / "one", textures(6, 1, size=24))
    sensitivity = walked(one, {"same": one}, metrics=("psnr",))
    assert {each.values["same"]["psnr"] for each in sensitivity.choices} == {np.inf}


def test_of_a_crop_the_stretched_whole_is_the_other_choice(real, made):
    reading = Reading(size=16, fit="crop", crop_size=30)
    sensitivity = walked(real, {"made": made}, reading, metrics=("psnr",))
    (stretched,) = (each for each in sensitivity.choices if each.aspect == "fit")
    assert (stretched.choice, stretched.status) == ("stretch", "computed")
    plain = walked(real, {"made": made}, metrics=("psnr",)).choices[0]
    assert stretched.values == plain.values


def test_only_the_metrics_that_were_asked_for_are_measured(real, tmp_path, stand_in_weights):
    made = save(tmp_path / "few", textures(2, 3, size=24))
    network = Extractors.ready(inception_weights=stand_in_weights, device="cpu")
    sensitivity = walked(
        real, {"made": made}, extractors=network, metrics=("diversity", "lbpv", "psnr")
    )
    assert sensitivity.metrics == ("psnr", "lbpv_total_difference")
    for choice in sensitivity.choices:
        found = {metric for metric, value in choice.values["made"].items() if value is not None}
        assert found == {"psnr", "lbpv_total_difference"}
        assert choice.aspect != "Inception layer"
    with pytest.raises(MiuaError, match="lbpv_total_difference"):
        walked(real, {"made": made}, metrics=("diversity",))


def test_without_a_size_or_files_there_is_no_preprocessing_sensitivity(real, made):
    for source, reading in ((real, Reading()), (textures(1, 3), Reading(size=16))):
        with pytest.raises(MiuaError, match="--size"):
            walked(source, {"made": made}, reading)


def test_rankings_that_turn_over_are_told():
    def choice(name, a, b):
        return Choice("resize filter", name, name == "one", {"a": {"psnr": a}, "b": {"psnr": b}})

    choices = [choice("one", 2.0, 1.0), choice("same", 3.0, 1.5), choice("other", 1.0, 2.0)]
    choices.append(choice("gone", None, 2.0))
    (flip,) = _flips(choices, ["psnr"])
    assert (flip.metric, flip.choice) == ("psnr", "resize filter: other")
    assert (flip.order, flip.baseline_order) == (("b", "a"), ("a", "b"))


def choice(name, **values):
    sets = {each: {"psnr": value} for each, value in values.items()}
    return Choice("resize filter", name, name == "own", sets)


def test_ties_turn_no_ranking_over():
    own = choice("own", a=3.0, b=2.0, c=1.0)
    assert not list(_flips([own, choice("tie", a=2.0, b=2.0, c=1.0)], ["psnr"]))
    assert not list(_flips([own, choice("flat", a=2.0, b=2.0, c=2.0)], ["psnr"]))
    tied = choice("own", a=2.0, b=2.0, c=1.0)
    assert not list(_flips([tied, choice("apart", a=2.0, b=3.0, c=1.0)], ["psnr"]))
    (flip,) = _flips([own, choice("last", a=1.0, b=2.0, c=2.0)], ["psnr"])
    assert (flip.order, flip.baseline_order) == (("b", "c", "a"), ("a", "b", "c"))


def test_the_table_tells_changes_in_the_metric_where_a_share_means_nothing():
    rows = {"psnr": (20.0, 21.0), "kid": (0.0002, 0.0008), "fid": (0.0, 1.5), "ssim": (0.2, -0.1)}
    rows |= {"fd_lbp": (np.inf, np.inf)}
    own, other = (
        Choice("as measured" if own else "fit", "crop", own,
               {"a": {metric: pair[not own] for metric, pair in rows.items()}})
        for own in (True, False)
    )  # fmt: skip
    text = shown(PreprocessingSensitivity(tuple(rows), (own, other), ()))
    (line,) = (line for line in text.splitlines() if line.startswith("crop"))
    assert line.split() == ["crop", "+5.0", "%", "+0.0006", "+1.5", "−0.300", "∞"]


def test_the_table_tells_what_is_ranked_before_what():
    choices = (choice("own", a=2.0, b=1.0), choice("box", a=1.0, b=2.0))
    text = shown(PreprocessingSensitivity(("psnr",), choices, tuple(_flips(choices, ["psnr"]))))
    assert "PSNR ranks b before a with resize filter: box, and a before b as measured." in text


def shown(sensitivity: PreprocessingSensitivity) -> str:
    console = Console(file=io.StringIO(), width=200)
    print_preprocessing_sensitivity(console, sensitivity)
    return console.file.getvalue()


def test_inceptions_layers_are_choices_where_its_weights_are(tmp_path, stand_in_weights):
    real, made = (save(tmp_path / str(n), textures(n, 3, size=24)) for n in (1, 2))
    extractors = Extractors.ready(inception_weights=stand_in_weights, device="cpu")
    sensitivity = walked(real, {"made": made}, extractors=extractors)
    layers = [each for each in sensitivity.choices if each.aspect == "Inception layer"]
    assert [each.choice for each in layers] == ["64", "192", "768"]
    fids = {each.values["made"]["fid"] for each in layers} | {
        sensitivity.choices[0].values["made"]["fid"]
    }
    assert len(fids) == 4
    assert layers[0].values["made"]["psnr"] is None
