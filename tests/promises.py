"""What users can do with miua, read off the code: commands, files, columns, the Python API.

`tests/promises.yaml` is the kept list, and `tests/test_promises.py` holds the code against it.
After an addition, or a change that the CHANGELOG names: `python -m tests.promises`.
"""

from __future__ import annotations

import csv
import importlib
import inspect
import io
import json
import os
import re
import shutil
import tempfile
import typing
from pathlib import Path

import numpy as np
import typer
import yaml
from PIL import Image

ROOT = Path(__file__).parent.parent
KEPT = Path(__file__).with_name("promises.yaml")
API = ROOT / "docs" / "python-api.md"
# What these hold is named by the user or the machine, and differs from run to run.
OPEN = {"packages", "settings", "inputs", "outputs", "files", "words", "stacks", "experiments"}
OPEN |= {"numbers", "thresholds", "verdicts"}
DEPTH = 4


def commands():
    """By command: its arguments and options, with choices and defaults."""
    from miua.cli import app

    return dict(_commands("miua", typer.main.get_command(app)))


def _commands(name, command):
    yield name, [_parameter(each) for each in command.params]
    for part, inner in getattr(command, "commands", {}).items():
        yield from _commands(f"{name} {part}", inner)


def _parameter(parameter):
    given = parameter.opts[0].startswith("-")
    words = ["/".join([*parameter.opts, *parameter.secondary_opts]) if given else parameter.name]
    kind = parameter.type_descriptor.annotation
    if typing.get_origin(kind) is typing.Literal:
        words.append("{" + ",".join(map(str, typing.get_args(kind))) + "}")
    words += [f"from {parameter.min}"] * (parameter.min is not None)
    words += [f"to {parameter.max}"] * (parameter.max is not None)
    words += ["flag"] * bool(given and parameter.is_flag) + ["required"] * parameter.required
    words += ["many"] * bool(parameter.nargs == -1 or getattr(parameter, "multiple", False))
    if parameter.default not in (None, False, ()) and not callable(parameter.default):
        words.append(f"default {parameter.default}")
    return " ".join(words)


def sessions():
    """The sessions of nox, and the profiles and experiments that they take."""
    from tests.entry_points import SESSIONS

    return {
        "nox": sorted(SESSIONS),
        "profiles": _stems("experiments/profiles/*.yaml"),
        "experiments": _stems("experiments/*.yaml"),
    }


def _stems(pattern):
    return sorted(path.stem for path in ROOT.glob(pattern))


def variables():
    """The environment variables that the package reads or names."""
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "miua").rglob("*.py"))
    return {"read": sorted(set(re.findall(r"MIUA_[A-Z0-9_]+", text)))}


def formats(folder):
    """What images are read from: each gives back the pixels that went into it."""
    from miua.data import read_stack
    from tests.data.test_dicom import dicom, save

    pixels = np.random.default_rng(0).integers(0, 256, (16, 16), dtype=np.uint8)
    for suffix in ("png", "tif", "bmp", "pgm", "jpg"):
        (folder / suffix).mkdir()
        Image.fromarray(pixels).save(folder / suffix / f"1.{suffix}")
    (folder / "dcm").mkdir()
    save(dicom(pixels), folder / "dcm" / "1.dcm")
    np.save(folder / "stack.npy", pixels[None])
    np.savez(folder / "one.npz", pixels[None])
    np.savez(folder / "two.npz", a=pixels[None], b=pixels[None])
    found = []
    for source in ("png", "tif", "bmp", "pgm", "jpg", "dcm", "stack.npy", "one.npz", "two.npz:b"):
        images = read_stack(folder / source, 16, cache=False).images
        worst = np.abs(images[0].astype(int) - pixels).max()
        found.append(f"{source} {'as it is' if worst == 0 else 'with loss'}")
    return {"read": found}


def python():
    """By module: the functions with signatures, and what the examples of the docs import."""
    import miua
    import miua.metrics

    text = API.read_text(encoding="utf-8")
    found = {"miua": [*miua.__all__, f"evaluate{_bare(miua.evaluate)}"]}
    parts = re.split(r"^Functions of `([\w.]+)`:$", text, flags=re.MULTILINE)
    for module, part in zip(parts[1::2], parts[2::2], strict=True):
        table = part.lstrip("\n").split("\n\n")[0]
        found.setdefault(module, []).extend(
            f"{name}{_bare(getattr(importlib.import_module(module), name))}"
            for name in re.findall(r"^\| `(\w+)\(", table, re.MULTILINE)
        )
    for module, names in re.findall(r"^from (miua[\w.]*) import ([\w, ]+)$", text, re.MULTILINE):
        for name in names.split(", "):
            assert hasattr(importlib.import_module(module), name), (module, name)
            found.setdefault(module, []).append(name)
    public = [name for name in vars(miua.metrics) if not name.startswith("_")]
    found["miua.metrics"] += [n for n in public if not inspect.ismodule(getattr(miua.metrics, n))]
    return {module: sorted(set(names)) for module, names in found.items()}


def _bare(function):
    bare = [
        each.replace(annotation=inspect.Parameter.empty)
        for each in inspect.signature(function).parameters.values()
    ]
    return str(inspect.Signature(bare))


def evaluations(folder):
    """Records, attributes, JSON and CSV of an evaluation with all that it can hold."""
    from miua import evaluate

    draw = np.random.default_rng(0)
    grey = draw.normal(size=(60, 6, 7))
    grey = np.array([np.asarray(Image.fromarray(each).resize((32, 32))) for each in grey])
    grey = np.clip(128 + 60 * grey, 0, 255).astype(np.uint8)
    sets = {"real": grey[:40], "a": grey[20:40] // 2, "b": grey[40:], "copied": grey[:20]}
    for name, images in sets.items():
        (folder / name).mkdir()
        for number, image in enumerate(images):
            Image.fromarray(image).save(folder / name / f"{number}.png")
    real, *others = [folder / name for name in sets]
    groups = [number // 2 for number in range(40)]
    less = {"floor_splits": 3, "resamples": 20}
    result = evaluate(real, others, size=24, groups=groups, preprocessing_sensitivity=True, **less)
    for each in (real, *others):
        shutil.rmtree(each)
    result.write_json(folder / "found.json")
    result.write_csv(folder / "found.csv")
    result.write_report(folder / "found.html")
    first, ranking = result.sets[0], result.rankings[0]
    records = [r.metric for r in first.records if not r.metric.startswith("lbpv_0")]
    parts = {
        "Evaluation": result, "Source": result.real, "SetResult": first, "Copies": first.copies,
        "record": first.records[0], "Floor": result.floor, "Ranking": ranking,
        "floor record": result.floor.records["fd_lbp"], "Place": ranking.places[0],
    }  # fmt: skip
    words = set(re.findall(r"\w+", API.read_text(encoding="utf-8")))
    found = {name: sorted(set(dir(part)) & words) for name, part in parts.items()}
    found["metrics"] = [name for name in records if not re.match(r"lbpv_[12]\d\d", name)]
    return found | contents(folder)


def results(folder):
    """Every file of a results folder with figures, report and readers' scores; and of a survey."""
    from tests.small_study import call
    from tests.survey.study_maker import MadeStudy, drawn_reader

    here = Path.cwd()
    os.chdir(folder / "smoke")
    try:
        built = ("--results", ".", "--out", "../survey", "--synthetic-images", 4)
        call("survey", "build", *built, "--real-images", 2, "--practice", 1)
        made = _opened(MadeStudy, folder / "survey")
        paths = [made.reader(n, drawn_reader(made, n)) for n in (1, 2)]
        call("survey", "score", "../survey", *paths, "--results", ".")
        call("readers", ".")
        call("claims", ".", "--study", "../experiments")
        call("figures", ".", "--study", "../experiments")
        call("report", ".", "--study", "../experiments")
        call("manifest", ".")
    finally:
        os.chdir(here)
    for other in ("experiments", "cache"):
        shutil.rmtree(folder / other, ignore_errors=True)
    return contents(folder)


def _opened(made, folder):
    from miua.survey.answers import open_study

    opened = open_study(folder)
    return made(folder, opened.study, opened.key)


def contents(folder):
    """By file: columns of tables, keys of JSON and YAML, shape of arrays. Like names are one."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        name = re.sub(r"(runs|sets|metrics|configs)/(?!reference)[^/.]+", r"\1/*", name)
        name = re.sub(r"(epoch_|reader-|training_set/)\d+", r"\1*", name)
        if path.is_file() and path.name != ".lock":
            known = found.setdefault(name, [])
            known += [each for each in _inside(path) if each not in known]
    return found


def _inside(path):
    match path.suffix:
        case ".csv":
            text = path.read_text(encoding="utf-8")
            return next(csv.reader(io.StringIO(text)))
        case ".json":
            return sorted(set(_keys(json.loads(path.read_text(encoding="utf-8")))))
        case ".jsonl":
            lines = path.read_text(encoding="utf-8").splitlines()
            return sorted({key for line in lines for key in _keys(json.loads(line))})
        case ".yaml":
            return sorted(set(_keys(yaml.safe_load(path.read_text(encoding="utf-8")))))
        case ".npy":
            array = np.load(path)
            return [f"{array.dtype} of {array.ndim} dimensions"]
    return []


def _keys(value, place="", depth=DEPTH):
    if isinstance(value, list):
        for each in value:
            yield from _keys(each, f"{place}[]", depth)
    elif isinstance(value, dict) and depth:
        # Entries of one shape have names that are data: metrics, images, sets.
        alike = len({str(sorted(each)) for each in value.values() if isinstance(each, dict)}) == 1
        alike = alike and len(value) > 1 and all(isinstance(each, dict) for each in value.values())
        for key, inner in value.items():
            name = f"{place}.{'*' if alike or place.endswith('values') else key}".lstrip(".")
            yield name
            if key not in OPEN:
                yield from _keys(inner, name, depth - 1)


CHEAP = {"commands": commands, "sessions": sessions, "variables": variables, "python": python}
IN_A_FOLDER = {"formats": formats, "evaluations": evaluations}


def main():
    """Write the list of what is there now."""
    from tests.small_study import make_small_study

    found = {name: part() for name, part in CHEAP.items()}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        os.environ["MIUA_DATA_DIR"] = str(folder / "cache")
        for name, part in IN_A_FOLDER.items():
            (folder / name).mkdir()
            found[name] = part(folder / name)
        world = make_small_study(folder / "world")
        found["results"] = results(world.folder)
    text = yaml.safe_dump(found, sort_keys=False, default_flow_style=None, width=98)
    KEPT.write_text(f"# Made by `python -m tests.promises`, which says what this is.\n{text}")


if __name__ == "__main__":
    main()
