"""Evaluations made by hand, one for each thing that a reader of them may meet."""

import math

import numpy as np

from miua.data.stack import Skipped
from miua.evaluation.result import (
    Choice,
    Copies,
    Evaluation,
    Flip,
    Floor,
    FloorRecord,
    Place,
    PreprocessingSensitivity,
    Ranking,
    SetResult,
    Source,
)
from miua.metrics.lbpv import LBPV_DIFFERENCES
from miua.metrics.memorisation import Memorisation
from miua.metrics.records import MetricRecord

REAL, HALF, SPLITS = 999, 400, 20
NO_WEIGHTS = (
    "not computed: the Inception weights have not been fetched; run `miua fetch inception`, "
    "or name the file with --inception-weights"
)
# By metric: unit, value of a set, what real halves give (mean, low, high).
NUMBERS = {
    "mutual_information": ("nats", 0.512, (0.571, 0.566, 0.577)),
    "psnr": ("dB", 14.83, (15.02, 14.80, 15.21)),
    "ssim": ("", 0.214, (0.231, 0.226, 0.236)),
    "fid": ("", 88.4, (21.4, 19.8, 23.9)),
    "fid_infinity": ("", 61.2, None),
    "kid": ("", 0.0712, (0.0001, -0.0009, 0.0011)),
    "precision": ("", 0.62, (0.81, 0.77, 0.85)),
    "recall": ("", 0.41, (0.81, 0.77, 0.85)),
    "density": ("", 0.97, (0.99, 0.95, 1.03)),
    "coverage": ("", 0.71, (0.96, 0.94, 0.98)),
    "lbpv_total_difference": ("counts", 612.4, (55.1, 41.0, 74.6)),
    "fd_lbp": ("counts²", 14210.0, (210.0, 160.0, 290.0)),
    "fd_lbp_infinity": ("counts²", 14011.0, None),
    "diversity": ("", 0.934, (1.001, 0.978, 1.024)),
}
INCEPTION = ("fid", "fid_infinity", "kid", "precision", "recall", "density", "coverage")


def pictures(seed, count=24, side=64):
    """Something to look at: a bright ring of random size in speckle; uint8 (count, side, side)."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    radius = random.uniform(0.5, 0.8, (count, 1, 1))
    ring = np.exp(-(((np.hypot(x, 1.3 * y) - radius) / 0.06) ** 2))
    speckle = random.gamma(2.0, 14.0, (count, side, side))
    return np.clip(200 * ring + speckle, 0, 255).astype(np.uint8)


def source(name="e60", images=300, seed=1, side=64, notes=(), skipped=()):
    return Source(
        name=name,
        path=f"sets/{name}",
        images=images,
        height=side,
        width=side,
        sha256=f"{seed:064x}",
        notes=tuple(notes),
        skipped=tuple(skipped),
        sample=pictures(seed, side=side),
    )


def lbpv_records(name, images, seed=0, strength=1.0):
    """The differences: a few large ones, many small, some negative."""
    random = np.random.default_rng(seed)
    values = strength * random.normal(0, 1, 256) * random.choice([0.2, 1, 4, 40], 256)
    return [
        MetricRecord(
            name, metric, float(value), float(value - 0.3), float(value + 0.3),
            "counts per image", REAL, images,
            "mean counts per image of an LBP code (P=8, R=1), reference - synthetic",
        )
        for metric, value in zip(LBPV_DIFFERENCES, values, strict=True)
    ]  # fmt: skip


def records(name="e60", images=300, without=(), shift=0.0, seed=0, intervals=True):
    """All metrics; those in `without` lack the Inception weights."""
    found = []
    for metric, (unit, value, _) in NUMBERS.items():
        row = (name, metric)
        if metric in without:
            found.append(MetricRecord(*row, None, None, None, unit, REAL, images, "", NO_WEIGHTS))
            continue
        value *= 1 + shift
        low, high = (value * 0.98, value * 1.02) if intervals else (None, None)
        definition = f"how {metric} was computed, in words"
        found.append(MetricRecord(*row, value, low, high, unit, REAL, images, definition))
        if metric == "lbpv_total_difference":
            found += lbpv_records(name, images, seed, 1 + shift)
    return found


def floor(by="group"):
    found = {
        metric: FloorRecord(metric, *beside, HALF, SPLITS, "computed")
        for metric, (_, _, beside) in NUMBERS.items()
        if beside is not None
    }
    random = np.random.default_rng(9)
    for metric, width in zip(LBPV_DIFFERENCES, random.gamma(2, 1, 256), strict=True):
        ends = (0.02, -float(width), float(width))
        found[metric] = FloorRecord(metric, *ends, HALF, SPLITS, "computed")
    return Floor(by, "subjects, by file names like HC18's", 806, HALF, SPLITS, found, "computed")


def no_floor():
    why = "4 images of 1 subject are too few: two halves of at least 2 images are needed."
    return Floor("group", "groups.csv", 1, 0, 0, {}, f"not computed: {why}")


def copies(images=300, flagged=0, status="computed", seed=3):
    """The first `flagged` images are copies."""
    random = np.random.default_rng(seed)
    relative = 1 - random.gamma(2, 0.02, images).clip(0, 0.2)
    relative[:flagged] = np.linspace(0, 0.3, flagged)
    judged = status == "computed"
    found = Memorisation(
        index=random.integers(0, REAL, images),
        flipped=random.random(images) < 0.5,
        rotation=random.choice([-10.0, 0.0, 10.0], images),
        distance=20 * relative,
        relative_distance=relative,
        threshold=0.612 if judged else math.nan,
        flagged=np.arange(flagged),
        expected_false_alarms=0.003 if judged else math.nan,
        calibration_index=np.arange(400),
        calibration_distance=random.normal(20, 2, 400),
        calibration_relative_distance=1 - random.gamma(2, 0.02, 400).clip(0, 0.3),
        groups=np.arange(REAL),
        reduction=1,
        definition="relative distance to the nearest real image, flipped and rotated as well",
        status=status,
    )
    pairs = tuple(
        {
            "synthetic": f"{index:04d}.png",
            "real": f"{found.index[index]:03d}_HC.png",
            "flipped": bool(found.flipped[index]),
            "rotation_degrees": float(found.rotation[index]),
            "distance": float(found.distance[index]),
            "relative_distance": float(relative[index]),
            "copy": bool(index < flagged),
        }
        for index in found.closest[:16]
    )
    sheet = pictures(seed, 32).reshape(8, 4, 64, 64).swapaxes(1, 2).reshape(512, 256)
    return Copies(found, sheet, pairs)


def copies_record(name, images, flagged):
    share = flagged / images
    ends = (max(0.0, share - 0.01), share + 0.02)
    words = "share of synthetic images nearer than the threshold"
    return MetricRecord(name, "copies", share, *ends, "", REAL, images, words)


def result(name="e60", images=300, *, seed=1, flagged=None, warnings=(), side=64, **options):
    """One set; flagged: copies found, None for no check."""
    found = records(name, images, seed=seed, **options)
    check = None
    if flagged is not None:
        check = copies(images, flagged, seed=seed)
        found.append(copies_record(name, images, flagged))
    by_name = {record.metric: record.value for record in found}
    differences = np.array([by_name[metric] for metric in LBPV_DIFFERENCES])
    return SetResult(
        source=source(name, images, seed, side, notes=("all images resized from 800 x 540",)),
        records=tuple(found),
        farthest=tuple(map(int, np.argsort(-np.abs(differences), kind="stable")[:10])),
        lbpv=1000 - differences,
        copies=check,
        at_floor_size={"fd_lbp": 9000.0},
        warnings=tuple(warnings),
    )


def evaluation(*sets, with_floor=None, rankings=(), walked=None, side=64, real=None):
    return Evaluation(
        real=real or source("real", REAL, 0, side, notes=("all images resized to 64 x 64",)),
        sets=sets,
        floor=with_floor,
        rankings=rankings,
        preprocessing_sensitivity=walked,
        reference_lbpv=np.full(256, 1000.0),
        pairing="all pairs",
        settings={"size": 64, "fit": "stretch", "window": None, "extractors": {}, "seed": 0},
        provenance={
            "command": ["miua", "evaluate", "--real", "data/hc18", "--synthetic", "sets/a set"],
            "settings": {"size": 64},
            "inputs": {"real": "0" * 64},
            "commit": "8ead9b5",
            "uncommitted_changes": False,
            "packages": {"miua": "0.1.0", "numpy": "2.3.0"},
            "python": "3.12.1",
        },
    )


def one_set_without_fid():
    few = "300 synthetic images do not outnumber the 256 features by much: FD-LBP is biased."
    return evaluation(result(without=INCEPTION, warnings=(few,)), with_floor=floor())


def one_set_with_everything():
    return evaluation(result(flagged=0), with_floor=floor(), walked=sensitivity("e60"))


def copies_found():
    copied = "7 synthetic images are nearer to a real image than 9.7 grey levels."
    return evaluation(result(flagged=7, warnings=(copied,)), with_floor=floor())


def copies_without_threshold():
    made = result(flagged=0)
    check = copies(status="not computed: 3 groups are too few; name more with --groups CSV")
    return evaluation(
        SetResult(made.source, made.records, made.farthest, made.lbpv, check, {}, ()),
        with_floor=floor(),
    )


def floor_not_computed():
    return evaluation(result(), with_floor=no_floor())


def no_floor_asked():
    return evaluation(result(intervals=False))


def rankings(*names):
    """In the order given by every metric; the first place certain by every other metric."""
    found = []
    for number, metric in enumerate((*NUMBERS, "lbpv_008_difference")):
        sure = number % 2 == 0
        places = tuple(
            Place(name, 10.0 + rank, rank, rank if sure else 1, rank if sure else len(names),
                  (1.0 if rank == 1 else 0.0) if sure else 1 / len(names))
            for rank, name in enumerate(names, start=1)
        )  # fmt: skip
        if metric.endswith("infinity"):
            places = tuple(Place(p.set, p.value, p.rank, None, None, None) for p in places)
            sure = False
        found.append(Ranking(metric, places, sure))
    return tuple(found)


def three_sets():
    sets = (
        result("e10", 300, seed=1, shift=0.4, flagged=0),
        result("e30", 300, seed=2, shift=0.1, flagged=2, warnings=("2 images are copies.",)),
        result("e60", 250, seed=3, without=("kid",), flagged=0),
    )
    return evaluation(
        *sets,
        with_floor=floor(),
        rankings=rankings("e60", "e30", "e10"),
        walked=sensitivity("e10", "e30", "e60"),
    )


def sensitivity(*names):
    metrics = ("mutual_information", "psnr", "ssim", "fid", "kid", "lbpv_total_difference",
               "fd_lbp")  # fmt: skip
    moved = {
        ("as measured", "bilinear, antialiased, stretch, 8 bits", True): 1.0,
        ("resize filter", "nearest", False): 1.9,
        ("resize filter", "lanczos", False): 0.93,
        ("antialiasing", "off", False): 1.6,
        ("fit", "crop", False): 1.05,
        ("bit depth", "16 bits", False): 1.0001,
    }
    choices = [
        Choice(
            aspect, choice, own,
            {name: {metric: NUMBERS[metric][1] * factor for metric in metrics} for name in names},
            "computed",
        )
        for (aspect, choice, own), factor in moved.items()
    ]  # fmt: skip
    none = {name: dict.fromkeys(metrics) for name in names}
    choices.append(Choice("fit", "crop 540", False, none, NO_WEIGHTS))
    flips = (Flip("psnr", "resize filter: nearest", names[::-1], names),) if len(names) > 1 else ()
    return PreprocessingSensitivity(metrics, tuple(choices), flips)


def names_with_markup():
    evil = "<script>alert(\"1\")</script> & 'co'"
    skipped = (Skipped("<b>bad</b>.png", "is damaged & <i>cut</i>"),)
    made = result(evil, warnings=(f"{evil} warns",))
    real = source("real", REAL, 0, skipped=skipped, notes=("<u>windowed</u>",))
    return evaluation(made, with_floor=floor(), real=real)


def infinite_psnr():
    made = result()
    endless = [
        MetricRecord("e60", "psnr", math.inf, math.inf, math.inf, "dB", 300, 300, "identical pairs")
        if record.metric == "psnr"
        else record
        for record in made.records
    ]
    return evaluation(
        SetResult(made.source, tuple(endless), made.farthest, made.lbpv, None, {}, ()),
        with_floor=floor(),
    )


def large_images():
    return evaluation(result(side=512), with_floor=floor(), side=512)


def without_lbpv():
    made = result()
    few = tuple(record for record in made.records if record.metric in ("psnr", "ssim"))
    return evaluation(SetResult(made.source, few, made.farthest, made.lbpv, None, {}, ()))


def many_sets(count=8):
    names = [f"set_{number:02d}_with_a_long_name_of_a_run" for number in range(count)]
    sets = [result(name, seed=n, shift=0.05 * n) for n, name in enumerate(names)]
    return evaluation(*sets, with_floor=floor("image"), rankings=rankings(*names))


CASES = {
    make.__name__: make
    for make in (
        one_set_without_fid, one_set_with_everything, copies_found, copies_without_threshold,
        floor_not_computed, no_floor_asked, three_sets, names_with_markup, infinite_psnr,
        large_images, without_lbpv, many_sets,
    )
}  # fmt: skip
