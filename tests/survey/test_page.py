"""The page as a file: its images, its program, and that it says nothing of the key."""

import base64
import hashlib
import json
import sys
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from miua.errors import MiuaError
from miua.files import sha256_array
from miua.survey.design import REAL
from miua.survey.planning import Design
from miua.survey.study_files import KEY_FILE, PAGE_FILE, STUDY_FILE, Key, canonical, read_record
from miua.survey.words import english
from tests.evaluation.textures import textures
from tests.survey.studies import given, make_study


@pytest.fixture
def study(tmp_path):
    make_study(tmp_path / "study")
    return tmp_path / "study"


def embedded(folder):
    text = (folder / PAGE_FILE).read_text(encoding="utf-8")
    begin = text.index(">", text.index('id="data"')) + 1
    return text, json.loads(text[begin : text.index("</script>", begin)])


def test_the_page_holds_each_image_as_its_grey_values_alone(study):
    _, data = embedded(study)
    key, _ = read_record(study / KEY_FILE, Key)
    assert data["pictures"].keys() == key.images.keys()
    for name, encoded in data["pictures"].items():
        picture = Image.open(BytesIO(base64.b64decode(encoded)))
        assert (picture.format, picture.mode, picture.info) == ("PNG", "L", {})
        assert sha256_array(np.asarray(picture)) == key.images[name].sha256


def test_the_page_answers_for_this_study(study):
    _, data = embedded(study)
    found = (study / STUDY_FILE).read_bytes()
    assert data["hash"] == hashlib.sha256(found).hexdigest()
    assert canonical(data["study"]) == found


def test_nothing_in_what_readers_get_tells_the_kinds(study):
    text, data = embedded(study)
    key, _ = read_record(study / KEY_FILE, Key)
    assert data.keys() == {"study", "hash", "pictures", "room"}
    told = text + (study / STUDY_FILE).read_text(encoding="utf-8")
    for secret in ("fabricated", "folder of", *key.stacks.values()):
        assert secret not in told
    # What remains of an image beside its picture is its id and its grey values' hash.
    assert {tuple(image) for image in data["study"]["images"]} == {("id", "sha256")}


def test_with_the_kinds_swapped_the_page_is_built_alike(tmp_path):
    """Ids, orders and their repeats depend on the seed and on the numbers, not on the images."""
    one, other = textures(1, 12), textures(2, 12)
    numbers = Design(3, 3, 2, 0.34, 2)
    found = []
    for place, (real, synthetic) in enumerate([(one, other), (other, one)]):
        make_study(
            tmp_path / str(place), numbers, made=[given(REAL, real), given("set", synthetic)]
        )
        found.append(embedded(tmp_path / str(place))[1])
    first, second = (each["study"] for each in found)
    assert first["orders"] == second["orders"]
    assert [each["id"] for each in first["images"]] == [each["id"] for each in second["images"]]
    assert found[0]["pictures"].keys() == found[1]["pictures"].keys()


def test_the_page_runs_its_own_script_and_style_and_fetches_nothing(study):
    text, _ = embedded(study)
    policy = text.split('http-equiv="Content-Security-Policy" content="')[1].split('"')[0]
    rules = dict(rule.split(" ", 1) for rule in policy.replace("&#39;", "'").split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data: blob:"
    for tag, rule in (("<style>", "style-src"), ('<script type="module">', "script-src")):
        source = text.split(tag)[1].split(f"</{rule.split('-')[0]}>")[0]
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert rules[rule] == f"'sha256-{digest}'"
    assert "http://" not in text
    assert "https://" not in text
    assert " style=" not in text
    assert " on" + "click=" not in text


def test_what_strangers_wrote_cannot_end_the_elements_that_hold_it(tmp_path):
    words = english().with_consent("</script><script>alert(1)</script> & <b>")
    make_study(tmp_path / "study", words=words)
    text, data = embedded(tmp_path / "study")
    assert "<script>alert" not in text
    assert data["study"]["words"]["consent"] == "</script><script>alert(1)</script> & <b>"
    assert "<title>A &lt;study&gt; &amp; its title</title>" in text


def test_without_jinja_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MiuaError, match=r"miua\[survey\]"):
        make_study(tmp_path / "study")
    assert not (tmp_path / "study").exists()
