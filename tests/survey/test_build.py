"""The folder of a study: what is drawn, what the key says, and that all or nothing is written."""

import hashlib
import json
import stat
from collections import Counter

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from miua.cli import app
from miua.config import read_config, write_config
from miua.data import ImageStack
from miua.errors import MiuaError
from miua.files import sha256_array
from miua.provenance import PROVENANCE
from miua.study.plan import GRID, Profile
from miua.survey.build import Given, pool_of
from miua.survey.design import REAL
from miua.survey.planning import Design
from miua.survey.study_files import (
    KEY_FILE,
    PAGE_FILE,
    STUDY_FILE,
    Key,
    ReaderStudy,
    canonical,
    read_record,
)
from miua.survey.words import english, read_words
from tests.drawn_results import STUDY
from tests.evaluation.textures import textures
from tests.survey.studies import SEED, SMALL, given, make_study, noise, stacks


@pytest.fixture
def study(tmp_path):
    make_study(tmp_path / "study")
    return tmp_path / "study"


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_the_numbers_are_those_asked_for(study):
    shown, _ = read_record(study / STUDY_FILE, ReaderStudy)
    key, _ = read_record(study / KEY_FILE, Key)
    kinds = Counter(key.images[image.id].kind for image in shown.images)
    assert kinds == {"synthetic": SMALL.synthetic, "real": SMALL.real}
    sets = Counter(key.images[image.id].set for image in shown.images)
    assert sets == {REAL: 2, "fabricated 1": 2, "fabricated 2": 2}
    assert Counter(key.images[image.id].kind for image in shown.practice) == {
        "real": 1,
        "synthetic": 1,
    }
    assert len(shown.orders) == SMALL.readers
    assert {len(order) for order in shown.orders} == {SMALL.judged + SMALL.repeats}


def test_the_published_numbers_are_the_usual_ones():
    assert (Design().synthetic, Design().real, Design().repeats) == (57, 11, 10)


def test_the_key_says_where_each_image_is_from(study):
    key, _ = read_record(study / KEY_FILE, Key)
    by_set = {each.set: each for each in stacks()}
    for image in key.images.values():
        of = by_set[image.set]
        assert image.sha256 == sha256_array(of.stack.images[image.place])
        assert (image.source, image.kind) == (of.path, "real" if image.set == REAL else "synthetic")
    assert key.stacks == {name: each.stack.digest for name, each in by_set.items()}
    assert len({image.sha256 for image in key.images.values()}) == len(key.images)


def test_the_records_fit_each_other(study):
    shown, study_bytes = read_record(study / STUDY_FILE, ReaderStudy)
    _, key_bytes = read_record(study / KEY_FILE, Key)
    assert shown.key_sha256 == hashlib.sha256(key_bytes).hexdigest()
    for found in (study_bytes, key_bytes):
        assert found == canonical(json.loads(found))
    assert {image.id for image in shown.images} == set(shown.orders[0])


def test_only_the_owner_reads_the_key(study):
    assert stat.S_IMODE((study / KEY_FILE).stat().st_mode) == 0o600


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    folders = [tmp_path / name / "study" for name in ("one", "other")]
    for folder in folders:
        make_study(folder)
    one, other = map(contents, folders)
    assert one == other
    make_study(tmp_path / "third" / "study", seed=SEED + 1)
    assert contents(tmp_path / "third" / "study")[STUDY_FILE] != one[STUDY_FILE]


def test_without_a_seed_each_study_is_another_one_that_no_one_guesses(tmp_path):
    seeds = set()
    for name in ("one", "other"):
        make_study(tmp_path / name, seed=None)
        seeds.add(read_record(tmp_path / name / KEY_FILE, Key)[0].seed)
    assert len(seeds) == 2
    assert max(seeds) > 2**100


def test_only_the_key_knows_the_seed(tmp_path):
    seed = 987654321987654321
    make_study(tmp_path / "study", seed=seed)
    holding = [name for name, found in contents(tmp_path / "study").items() if b"98765432" in found]
    assert holding == [KEY_FILE]


def test_images_that_are_twice_in_a_set_or_in_two_sets_are_left_out():
    a, b = textures(1, 6), textures(2, 6)
    made = [given(REAL, a), given("set", np.concatenate([b, b[:2], a[4:5]]))]
    pool = pool_of(made)
    assert pool.places[REAL].tolist() == [0, 1, 2, 3, 5]
    assert pool.places["set"].tolist() == [0, 1, 2, 3, 4, 5]
    assert (pool.twice, pool.shared) == (2, 2)


def test_too_few_images_are_named(tmp_path):
    made = [given(REAL, textures(1, 2), "few/"), given("set", textures(2, 9))]
    with pytest.raises(MiuaError, match=r"few/ has 2 usable images; 2 to judge and 1 for"):
        make_study(tmp_path / "study", made=made)
    assert list(tmp_path.iterdir()) == []


def test_images_of_two_sizes_are_refused(tmp_path):
    made = [given(REAL, textures(1, 9)), given("set", textures(2, 9, 20), "larger/")]
    with pytest.raises(
        MiuaError, match=r"differ in size(.|\n)*--size(.|\n)*20 x 20 pixels: larger/"
    ):
        make_study(tmp_path / "study", made=made)


@pytest.mark.parametrize(
    ("height", "width", "said"),
    [
        (300, 300, []),
        (540, 800, ["800 x 540 pixels, so readers need a window of 1184 x 590 or more"]),
        (1200, 301, ["301 x 1200 pixels, so readers need a window of 1250 x 1250 or more"]),
        (20, 301, ["301 x 20 pixels, so readers need a window of 700 x 392 or more"]),
    ],
)
def test_the_window_that_large_images_need_is_said(tmp_path, height, width, said):
    made = [given(name, noise(height, width, seed)) for seed, name in enumerate((REAL, "set"))]
    built = make_study(tmp_path / "study", made=made)
    assert len(built.notes) == len(said)
    assert all(words in note for words, note in zip(said, built.notes, strict=True))


def test_a_folder_with_something_in_it_stays_as_it_is(study):
    before = contents(study)
    with pytest.raises(MiuaError, match="is there already"):
        make_study(study, seed=99)
    assert contents(study) == before


def test_a_failure_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("miua.survey.build.write_file_provenance", full)
    with pytest.raises(OSError, match="No space"):
        make_study(tmp_path / "study")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "wrong", [{"repeated": 0.6}, {"readers": 0}, {"synthetic": 0, "real": 0}, {"practice": -1}]
)
def test_impossible_numbers_are_refused(wrong):
    with pytest.raises(MiuaError):
        Design(**wrong)


def test_a_stack_that_was_given_is_not_changed(tmp_path):
    images = textures(5, 9)
    before = images.copy()
    stack = ImageStack(images, tuple("abcdefghi"), sha256_array(images))
    make_study(tmp_path / "study", made=[Given(REAL, "x", stack), given("set", textures(2, 9))])
    assert (images == before).all()


# The command.


@pytest.fixture
def images(tmp_path):
    """A folder of real images, and two stacks of synthetic ones."""
    (tmp_path / "real").mkdir()
    for index, pixels in enumerate(textures(0, 12)):
        Image.fromarray(pixels).save(tmp_path / "real" / f"{index:02d}.png")
    for name in ("a", "b"):
        np.save(tmp_path / f"{name}.npy", textures(ord(name), 12))
    return tmp_path


def run(*arguments):
    result = CliRunner().invoke(app, ["survey", *map(str, arguments)])
    if isinstance(result.exception, MiuaError):
        return str(result.exception)
    assert result.exit_code == 0, result.output
    return result.output


SIZES = ("--synthetic-images", 4, "--real-images", 2, "--practice", 2, "--readers", 2)


def build(images, *more, out="study"):
    sets = ("--synthetic", images / "a.npy", "--synthetic", images / "b.npy")
    return run("build", "--real", images / "real", *sets, "--out", images / out, *SIZES, *more)


def test_the_command_builds_and_says_what_it_can_find(images):
    said = build(images, "--seed", 4242424242, "--title", "Heads")
    assert "2 real images, and 4 synthetic ones of 2 sets." in said
    assert "Smallest departure from 50 %" in said
    shown, _ = read_record(images / "study" / STUDY_FILE, ReaderStudy)
    assert shown.title == "Heads"
    assert hashlib.sha256((images / "study" / STUDY_FILE).read_bytes()).hexdigest() in said
    key, _ = read_record(images / "study" / KEY_FILE, Key)
    assert key.seed == 4242424242
    assert {image.set for image in key.images.values()} == {REAL, "a", "b"}


def test_the_command_line_that_is_recorded_has_no_seed(images, monkeypatch):
    for number, given_seed in enumerate((["--seed", "4242424242"], ["--seed=4242424242"])):
        words = ["miua", "survey", "build", *given_seed, "--out", "study"]
        monkeypatch.setattr("sys.argv", words)
        build(images, *given_seed, out=f"study {number}")
        record = json.loads((images / f"study {number}" / PROVENANCE).read_text())
        assert record["command"] == ["miua", "survey", "build", "--out", "study"]
        assert "4242424242" not in json.dumps(record)


def test_sets_are_named_by_a_pattern(images):
    for pattern, more in ((f"{images}/[ab].npy", ()), (images / "a.npy", (images / "b.npy",))):
        out = images / f"study of {len(more)}"
        given_sets = ("--real", images / "real", "--synthetic", pattern)
        run("build", *given_sets, "--out", out, *SIZES, *more)
        assert read_record(out / KEY_FILE, Key)[0].stacks.keys() == {REAL, "a", "b"}


def test_another_consent_and_another_language(images):
    consent = images / "consent.txt"
    consent.write_text("Nur wer will.\n", encoding="utf-8")
    words = dict(english().sentences)
    words["real"] = "Echt"
    (images / "de.json").write_text(json.dumps(words), encoding="utf-8")
    build(images, "--consent", consent, "--words", images / "de.json", "--language", "de")
    shown, _ = read_record(images / "study" / STUDY_FILE, ReaderStudy)
    assert shown.language == "de"
    assert (shown.words["real"], shown.words["consent"]) == ("Echt", "Nur wer will.")
    assert '<html lang="de">' in (images / "study" / PAGE_FILE).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda words: words.pop("real"), "lacks real"),
        (lambda words: words.update(extra="x"), "has extra, which the page does not use"),
        (lambda words: words.update(progress="von {total}"), "progress must be a sentence with"),
        (lambda words: words.update(real=" "), "real must be a sentence"),
        (lambda words: words.update(real=1), "must hold names and sentences"),
    ],
)
def test_words_that_do_not_fit_are_named(tmp_path, change, said):
    words = dict(english().sentences)
    change(words)
    (tmp_path / "xx.json").write_text(json.dumps(words), encoding="utf-8")
    with pytest.raises(MiuaError, match=said):
        read_words(tmp_path / "xx.json", "xx")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--words", "x.json"], "go together"),
        (["--results", "results/smoke"], "stands for --real and --synthetic"),
        (["--fit", "crop"], "--size N"),
        (["--synthetic-images", 60], "for practice are wanted"),
        (["--title", " "], "The title is empty"),
        (["--title", "Heads\x1b[2J"], r"Heads\x1b[2J"),
        (["--title", "Heads\n\nSend the key, too"], "has control characters"),
    ],
)
def test_options_that_cannot_be_met_are_refused_before_anything_is_written(images, more, said):
    assert said in build(images, *more)
    assert not (images / "study").exists()


def test_the_command_needs_images(tmp_path):
    assert "--real and --synthetic, or --results" in run("build", "--out", tmp_path / "study")


@pytest.mark.parametrize("more", [("--size", 32), ("--size", 32, "--fit", "crop")])
def test_images_of_a_results_folder_keep_their_size(tmp_path, more):
    said = run("build", "--results", tmp_path / "results", "--out", tmp_path / "study", *more)
    assert "Leave out --size and --fit" in said
    assert list(tmp_path.iterdir()) == []


def test_a_results_folder_gives_its_real_images_and_the_sets_of_its_grid(tmp_path):
    real = tmp_path / "reference" / "64" / "images.npy"
    made = {"n0024_e0012": 3, "n0024_e0020": 4}
    for path, seed in {
        real: 1,
        **{tmp_path / "sets" / n / "images.npy": s for n, s in made.items()},
    }.items():
        path.parent.mkdir(parents=True)
        np.save(path, textures(seed, 12))
    smoke = read_config(STUDY / "profiles" / "smoke.yaml", Profile).model_dump()
    smoke["experiments"] = {GRID: {"training_sizes": [24], "epochs": [12, 20, 32]}}
    write_config(tmp_path / "plan.yaml", Profile.model_validate(smoke))
    said = run("build", "--results", tmp_path, "--out", tmp_path / "study", *SIZES)
    assert "n0024_e0032 is left out" in said
    key, _ = read_record(tmp_path / "study" / KEY_FILE, Key)
    assert {image.set for image in key.images.values()} == {REAL, *made}


def test_the_plan_on_the_command_line(tmp_path):
    said = run("plan", "--readers", 3, "--detect", 0.7, "--json", tmp_path / "plan.json")
    assert "Each of 3 readers judges 57 synthetic and 11 real images, 10 of them twice." in said
    document = json.loads((tmp_path / "plan.json").read_text())
    assert document["design"]["readers"] == 3
    found = {each["name"]: each["one"] for each in document["findings"]}
    assert found["images_to_detect"][0] > 40
    assert "--detect is a share" in run("plan", "--detect", 0.5)
    assert "Of each set 2 to 3 images are judged" in said
    few = run("plan", "--synthetic-images", 12)
    assert "12 synthetic images cannot be of 20 sets" in few
