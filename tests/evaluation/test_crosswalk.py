"""The crosswalk: one choice changed at a time, and the rankings that turn over."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from miua.data import read_stack
from miua.errors import MiuaError
from miua.evaluation.comparison import Extractors
from miua.evaluation.crosswalk import Choice, Crosswalk, _flips, walk
from miua.evaluation.measure import measure_set
from miua.evaluation.reading import Reading
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


def walked(real, sets, reading=None, extractors=None, pairing="all"):
    reading = reading or Reading(size=16)
    extractors = extractors or Extractors(missing={"inception": "no weights; fetch them"})
    return walk(real, sets, reading, extractors, pairing=pairing, bins=64, threads=1)


def test_each_choice_is_measured_as_images_read_that_way(real, made):
    crosswalk = walked(real, {"made": made})
    assert isinstance(crosswalk, Crosswalk)
    assert [(each.aspect, each.choice) for each in crosswalk.choices] == [
        ("as measured", "bilinear, antialiased, stretch, 8 bits"),
        ("resize filter", "bicubic"),
        ("resize filter", "lanczos"),
        ("resize filter", "box"),
        ("resize filter", "nearest"),
        ("antialiasing", "off"),
        ("fit", "crop"),
        ("bit depth", "16 bits"),
    ]
    assert crosswalk.metrics == (
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
    for choice in crosswalk.choices:
        if choice.choice in ways:
            stacks = [read_stack(path, 16, **ways[choice.choice]).images for path in (real, made)]
            records = measure_set(*stacks, metrics=("psnr", "ssim", "fd_lbp"), resamples=0).records
            for record in records:
                assert choice.values["made"][record.metric] == pytest.approx(record.value)
    values = [choice.values["made"]["psnr"] for choice in crosswalk.choices]
    assert len(set(values)) == len(values)  # every choice moves the number


def test_sixteen_bits_are_near_to_eight_but_not_the_same(real, made):
    crosswalk = walked(real, {"made": made})
    eight, sixteen = crosswalk.choices[0].values["made"], crosswalk.choices[-1].values["made"]
    for metric in ("mutual_information", "psnr", "lbpv_total_difference"):
        assert sixteen[metric] != eight[metric]
    assert sixteen["psnr"] == pytest.approx(eight["psnr"], abs=0.1)
    assert sixteen["ssim"] is None


def test_arrays_among_the_sets_are_measured_as_they_are(real):
    crosswalk = walked(real, {"made": textures(3, 8)})
    assert crosswalk.choices[-1].values["made"]["psnr"] > 0


def test_a_choice_that_images_do_not_allow_is_told(real, made):
    reading = Reading(size=16, fit="crop", crop_size=30)
    crosswalk = walked(real, {"made": made}, reading)
    assert ("fit", "stretch") in [(each.aspect, each.choice) for each in crosswalk.choices]
    assert all(each.status == "computed" for each in crosswalk.choices)


def test_without_a_size_or_files_there_is_no_crosswalk(real, made):
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


def test_inceptions_layers_are_choices_where_its_weights_are(tmp_path, stand_in_weights):
    real, made = (save(tmp_path / str(n), textures(n, 3, size=24)) for n in (1, 2))
    extractors = Extractors.ready(inception_weights=stand_in_weights, device="cpu")
    crosswalk = walked(real, {"made": made}, extractors=extractors)
    layers = [each for each in crosswalk.choices if each.aspect == "Inception layer"]
    assert [each.choice for each in layers] == ["64", "192", "768"]
    fids = {each.values["made"]["fid"] for each in layers} | {
        crosswalk.choices[0].values["made"]["fid"]
    }
    assert len(fids) == 4
    assert layers[0].values["made"]["psnr"] is None
