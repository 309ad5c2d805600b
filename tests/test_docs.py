"""The documentation is true: its examples run, and what it names is there."""

import csv
import importlib
import inspect
import re
import shlex
import shutil
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from miua.cli import app
from miua.data.degradation import (
    CLINICAL_DEGRADATIONS,
    COLLAPSE,
    COLLAPSE_AMOUNTS,
    IMAGE_DEGRADATIONS,
    MEMORISATION,
    MEMORISATION_AMOUNTS,
)
from miua.evaluation.evaluate import evaluate
from miua.metrics.lbpv import LBPV_DIFFERENCES
from miua.metrics.registry import REGISTRY, element_name, feature_measures, measure

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
METRICS = ROOT / "docs" / "metrics" / "README.md"
API = ROOT / "docs" / "python-api.md"
BENCHMARK = ROOT / "docs" / "benchmark"
NOT_RUN = re.compile(r"<!-- not run: (.+) -->")
SIZE, SUBJECTS, IMAGES = 64, 15, 30


def of_pages(pages=PAGES):
    return pytest.mark.parametrize("page", pages, ids=[str(p.relative_to(ROOT)) for p in pages])


class Block(NamedTuple):
    """A block of code: its language ("" where it is indented), its lines, why it is not run."""

    language: str
    line: int
    text: str
    not_run: str


def blocks(page):
    """The fenced and the indented blocks of a page, in order."""
    found, lines, index, reason = [], page.read_text(encoding="utf-8").splitlines(), 0, ""
    while index < len(lines):
        start, line = index, lines[index]
        fence = re.fullmatch(r"( *)```(\w*)", line)
        if fence:
            index = lines.index(f"{fence[1]}```", start + 1)
            found.append(Block(fence[2], start + 1, "\n".join(lines[start + 1 : index]), reason))
        elif line.startswith("    "):
            while index + 1 < len(lines) and lines[index + 1].startswith("    "):
                index += 1
            text = "\n".join(line.strip() for line in lines[start : index + 1])
            found.append(Block("", start + 1, text, reason))
        if line.strip():
            reason = NOT_RUN.fullmatch(line.strip())
            reason = reason[1] if reason else ""
        index += 1
    return found


def commands(page):
    """The `miua` commands of a page, as (arguments, why it is not run)."""
    for block in blocks(page):
        if block.language in ("", "sh"):
            for line in block.text.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                if words[:1] == ["miua"]:
                    ends = [words.index(mark) for mark in (">", "|", "&&") if mark in words]
                    yield words[1 : min(ends, default=None)], block.not_run


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """What a reader of the docs has: my/{real,synthetic,deep}, sets/, groups.csv, network.pt."""
    place = tmp_path_factory.mktemp("folders")
    draw = np.random.default_rng(0)
    smooth = draw.normal(size=(3 * IMAGES, 12, 14))
    images = [
        np.asarray(Image.fromarray(each.astype(np.float32)).resize((80, 72), Image.BICUBIC))
        for each in smooth
    ]
    grey = np.clip(128 + 60 * np.array(images) + draw.normal(0, 4, (3 * IMAGES, 72, 80)), 0, 255)
    grey = grey.astype(np.uint8)
    names = [f"{i:03d}_{kind}.png" for i in range(SUBJECTS) for kind in ("HC", "2HC")]
    for folder, chosen in (
        ("my/real", grey[:IMAGES]),
        ("my/synthetic", grey[IMAGES : 2 * IMAGES]),
        ("my/deep", grey[:IMAGES].astype(np.uint16) * 16),
        ("sets/a", grey[IMAGES : 2 * IMAGES] // 2),
        ("sets/b", grey[2 * IMAGES :]),
    ):
        (place / folder).mkdir(parents=True)
        for name, image in zip(names, chosen, strict=True):
            Image.fromarray(image).save(place / folder / name)
    with (place / "groups.csv").open("w", newline="") as file:
        rows = [(name, f"patient {name[:3]}") for name in names]
        csv.writer(file).writerows([("file", "group"), *rows])
    _save_network(place / "network.pt")
    return place


def _save_network(path):
    import torch

    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 5, stride=2), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch advises to use torch.export instead
        torch.jit.trace(network, torch.zeros(1, 3, 32, 32)).save(str(path))


@pytest.fixture
def workplace(folders, tmp_path, monkeypatch):
    """The current folder, with all of `folders` in it."""
    shutil.copytree(folders, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@of_pages()
def test_blocks_have_a_language_that_is_known(page):
    for block in blocks(page):
        assert block.language in ("", "text", "python", "sh", "yaml", "csv"), f"line {block.line}"


@of_pages([page for page in PAGES if any(b.language == "python" for b in blocks(page))])
def test_python_examples_run(page, workplace):
    namespace, known = {}, dict(REGISTRY)
    try:
        for block in blocks(page):
            if block.language == "python" and not block.not_run:
                # Its line numbers are those of the page, so that a traceback shows the place.
                code = compile("\n" * block.line + block.text, str(page), "exec")
                exec(code, namespace)
    finally:  # an example adds a metric of its own
        REGISTRY.clear()
        REGISTRY.update(known)


EVALUATIONS = [
    (page.relative_to(ROOT), words)
    for page in PAGES
    for words, not_run in commands(page)
    if words[0] == "evaluate" and not not_run
]


@pytest.mark.parametrize(
    "words", [words for _, words in EVALUATIONS], ids=[f"{page}" for page, _ in EVALUATIONS]
)
def test_evaluate_commands_run(words, workplace):
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, (result.output, result.exception)
    for option in ("--json", "--csv", "--report", "--contact-sheet"):
        if option in words:
            assert (workplace / words[words.index(option) + 1]).stat().st_size > 0


@of_pages([page for page in PAGES if any(commands(page))])
def test_commands_and_their_options_exist(page):
    for words, _ in commands(page):
        if words[0] == "--help":
            continue
        params = _command(words).params
        options = {name for param in params for name in (*param.opts, *param.secondary_opts)}
        given = {word.split("=")[0] for word in words[1:] if word.startswith("--")}
        assert given - {"--help"} <= options, words


def _command(words):
    """The command that words call: `miua evaluate`, or one of a group, `miua survey score`."""
    found = typer.main.get_command(app)
    for word in words:
        if not hasattr(found, "commands"):
            break
        found = found.commands[word]
    return found


@of_pages()
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if re.match(r"https?://|mailto:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path) if path else page
        assert linked.exists(), target
        if anchor:
            assert anchor in [_anchor(heading) for heading in _headings(linked)], target


def _headings(page):
    return re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)


def _anchor(heading):
    """A heading's address, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@of_pages()
def test_named_files_exist(page):
    text = page.read_text(encoding="utf-8")
    for named in re.findall(r"`((?:miua|tests|docs|csrc|experiments)/[\w./-]*)`", text):
        if not re.search(r"\b[A-Z]{2,}\b(?!\.md)", named):  # a placeholder: experiments/NAME.yaml
            assert (ROOT / named).exists(), named


def test_every_page_can_be_found_from_the_readme():
    known, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop().resolve()
        if page in known or not page.is_file():
            continue
        known.add(page)
        text = page.read_text(encoding="utf-8")
        waiting += [page.parent / p for p in re.findall(r"\]\(([^)#\s]+\.md)", text)]
        waiting += [ROOT / p for p in re.findall(r"`(docs/[\w./-]+\.md)`", text)]
    assert known >= {page.resolve() for page in PAGES}


def rows(page, first):
    """The cells of the table whose first head is `first`, without its head; marks taken off."""
    lines = page.read_text(encoding="utf-8").splitlines()
    found = []
    for start in (i for i, line in enumerate(lines) if line.startswith(f"| {first}")):
        for line in lines[start + 2 :]:
            if not line.startswith("|"):
                break
            cells = re.split(r"(?<!\\)\|", line.strip())[1:-1]
            found.append([cell.strip().replace("\\|", "|") for cell in cells])
    return found


def test_the_table_of_metrics_is_that_of_the_code():
    table = rows(METRICS, "metric |")
    named = {cells[1].strip("`"): cells for cells in table}
    stack = np.random.default_rng(0).integers(0, 256, (8, 16, 16), dtype=np.uint8)
    records = evaluate(stack, stack, floor_splits=0, resamples=0).sets[0].records
    measured = [record.metric for record in records if record.metric not in LBPV_DIFFERENCES]
    assert set(named) == {*measured, "lbpv_NNN_difference"}
    assert {cells[2].strip("`") for cells in table} == set(REGISTRY)
    better = {"higher": "higher", "lower": "lower", "near 1": "one", "near 0": "zero"}
    for name, cells in named.items():
        known = measure(element_name(0) if name == "lbpv_NNN_difference" else name)
        label = re.sub(r"\[(.+)\]\(.+\)", r"\1", cells[0])
        assert label == ("V0 to V255" if known.label == "V0" else known.label)
        assert (cells[5], better[cells[6]]) == (known.unit, known.better), name


def test_the_metrics_of_another_extractor_are_named():
    text = METRICS.read_text(encoding="utf-8")
    for known in feature_measures("net").values():
        assert f"`{known.name}`" in text


def test_known_damage_is_what_was_measured():
    table = ROOT / "experiments/expected/cpu/sensitivity-summary.csv"
    with table.open(encoding="utf-8", newline="") as file:
        measured = {(row["degradation"], row["metric"]): row for row in csv.DictReader(file)}
    amounts = {damage.name: damage.amounts for damage in IMAGE_DEGRADATIONS}
    amounts |= {COLLAPSE: COLLAPSE_AMOUNTS, MEMORISATION: MEMORISATION_AMOUNTS}
    metrics = ["mutual_information", "psnr", "fd_lbp", "lbpv_total_difference"]
    metrics += [element_name(element) for element in (8, 20, 143, 240)] + ["diversity"]
    found = rows(METRICS, "damage, steps |")
    assert [cells[0].split(",")[0] for cells in found] == list(amounts)
    for name, cells in zip(amounts, found, strict=True):
        for metric, cell in zip(metrics, cells[1:], strict=True):
            row = measured[name, metric]
            level = row["first_level_noticed"]
            expected = f"{amounts[name][int(level) - 1]:g}" if level else "-"
            wrong = ", **wrong way**" if row["response"] == "wrong way" else ""
            assert cell == expected + wrong, (name, metric)


def test_the_benchmark_is_what_was_measured():
    """Both tables of docs/benchmark.md, from the files beside it."""
    ranked, cells_of = (
        [*csv.DictReader((BENCHMARK / f"hc18-{name}.csv").read_text("utf-8").splitlines())]
        for name in ("ranking", "power")
    )
    expected = [
        [row["rank"], measure(row["metric"]).label, f"{float(row['score']):.2f}",
         f"{float(row['low']):.2f} to {float(row['high']):.2f}",
         f"{float(row['rank_low']):.0f} to {float(row['rank_high']):.0f}",
         f"{100 * float(row['best']):.0f} %"]
        for row in ranked
    ]  # fmt: skip
    page = BENCHMARK.with_suffix(".md")
    assert rows(page, "rank |") == expected
    names = {measure(row["metric"]).label: row["metric"] for row in ranked}
    (head,) = (line for line in page.read_text("utf-8").splitlines() if "| damage, steps" in line)
    metrics = [
        names[cell.strip().replace("\\|", "|")] for cell in re.split(r"(?<!\\)\|", head)[2:-1]
    ]
    told = rows(page, "damage, steps |")
    damages = {each.name: each for each in (*IMAGE_DEGRADATIONS, *CLINICAL_DEGRADATIONS)}
    assert [cells[0].split(",")[0].split(":")[0] for cells in told] == [
        *damages, COLLAPSE, MEMORISATION,
    ]  # fmt: skip
    for cells in told:
        name = cells[0].split(",")[0].split(":")[0]
        for metric, cell in zip(metrics, cells[1:], strict=True):
            at = [r for r in cells_of if (r["degradation"], r["metric"]) == (name, metric)]
            if name in damages:
                assert [float(row["amount"]) for row in at] == list(damages[name].amounts)
            shares = [(float(row["worse"]), float(row["better"])) for row in at]
            said = [f"{100 * w:.0f}" if b <= w else f"({100 * b:.0f})" for w, b in shares]
            assert cell == " ".join(said), (name, metric)


def test_signatures_are_those_of_the_code():
    text = API.read_text(encoding="utf-8")
    parts = re.split(r"^Functions of `([\w.]+)`:$", text, flags=re.MULTILINE)
    everything = set()
    for name, part in zip(parts[1::2], parts[2::2], strict=True):
        module, listed = importlib.import_module(name), 0
        table = part.lstrip("\n").split("\n\n")[0]
        for function, arguments in re.findall(r"^\| `(\w+)\((.*?)\)` \|", table, re.MULTILINE):
            assert f"({arguments})" == _signature(getattr(module, function)), function
            listed += 1
            everything.add(function)
        assert listed, name
    package = importlib.import_module("miua.metrics")
    assert everything >= {f for f, each in vars(package).items() if inspect.isfunction(each)}


def _signature(function):
    """A signature without its types, as the docs write it."""
    bare = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in inspect.signature(function).parameters.values()
    ]
    return str(inspect.Signature(bare)).replace("'", '"')
