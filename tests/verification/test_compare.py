"""The comparator: right within the tolerance; what two readers could see differently fails."""

import json
import zlib

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from miua.errors import MiuaError
from miua.study.compare import SHOWN, Tolerance, compare, read_as_text, read_strict_json

HEAD = "metric,value,status\n"


@pytest.fixture
def beside(tmp_path):
    """The verdicts and details on a file of such content beside another one."""

    def compared(name, there, again, **tolerance):
        paths = tmp_path / "there" / name, tmp_path / "again" / name
        for path, content in zip(paths, (there, again), strict=True):
            path.parent.mkdir(exist_ok=True)
            if isinstance(content, np.ndarray):
                np.save(path, content)
            else:
                path.write_bytes(content if isinstance(content, bytes) else content.encode())
        found = compare("tables", name, *paths, Tolerance(**tolerance))
        return [(finding.verdict, finding.detail) for finding in found]

    return compared


def verdicts(found):
    return [verdict for verdict, _ in found]


def test_cells_agree_within_the_tolerance_of_their_metric(beside):
    there, again = HEAD + "psnr,1.0000001,computed\n", HEAD + "psnr,1,computed\n"
    assert verdicts(beside("a.csv", there, again)) == ["failed"]
    assert verdicts(beside("a.csv", there, again, metrics={"psnr": 1e-6})) == ["passed"]
    exact = {"metrics": {"psnr": 1e-6}, "exact": frozenset({"psnr"})}
    assert verdicts(beside("a.csv", there, again, **exact)) == ["failed"]
    assert "Line 2 (psnr, 1, computed), column value" in beside("a.csv", there, again)[0][1]


def test_the_first_differences_are_named_and_the_rest_counted(beside):
    rows = ["".join(f"m{i},{i + d},computed\n" for i in range(9)) for d in (0, 1)]
    found = beside("a.csv", HEAD + rows[0], HEAD + rows[1])
    assert verdicts(found) == ["failed"] * (SHOWN + 1)
    assert found[-1][1] == "4 more places differ."


def test_fid_is_compared_only_where_both_sides_have_it(beside):
    without = HEAD + "fid,,not computed: no weights\npsnr,1,computed\n"
    other = HEAD + "fid,,not computed: none here\npsnr,1,computed\n"
    computed = HEAD + "fid,200,computed\npsnr,1,computed\n"
    assert verdicts(beside("a.csv", without, other)) == ["passed"]
    assert verdicts(beside("a.csv", computed, without)) == ["not checked", "passed"]


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "psnr,2,computed,psnr,1,computed\n",  # pandas takes the first ones as an index
        HEAD + "psnr,1\n",
        "metric,value,value\npsnr,1,2\n",
        HEAD + "psnr,1,computed\r\n",
        HEAD + '"psnr,1,computed\n',
        "",
    ],
)
def test_a_table_that_two_readers_could_see_differently_is_refused(tmp_path, text):
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode())
    with pytest.raises(MiuaError, match=r"a\.csv"):
        read_as_text(path)


@pytest.mark.parametrize("text", ['{"a": 1, "a": 2}', '{"a": NaN}', '{"b": {"a": 1, "a": 1}}', "{"])
def test_json_with_a_key_twice_or_no_number_is_refused(tmp_path, text):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(MiuaError, match=r"a\.json is not valid JSON"):
        read_strict_json(path)


def test_json_is_compared_value_by_value_and_type_by_type(beside):
    again = {"claims": [{"id": "x", "n": 1, "p": 0.5, "ok": True}]}

    def changed(**change):
        there = {"claims": [{**again["claims"][0], **change}]}
        return beside("a.json", as_written(there), as_written(again))

    assert verdicts(changed(p=0.5 + 1e-11)) == ["passed"]
    for change in ({"n": 1.5}, {"p": 0.6}, {"ok": 1}, {"more": ""}, {"more": None}):
        (found,) = changed(**change)
        assert found[1].startswith(f"claims[x].{next(iter(change))}: ")


def as_written(value):
    return json.dumps(value, indent=2) + "\n"


@pytest.mark.parametrize(
    "change",
    [
        lambda text: b"\xef\xbb\xbf" + text,
        lambda text: text.replace(b"\n", b"\r\n"),
        lambda text: text + b"\n",
        lambda text: text.rstrip(),
        lambda text: text.replace(b"0.5", b"0.50"),
        lambda text: text.replace(b"0.5", b"5e-1"),
        lambda text: text.replace(b"undecided", b"undecide\\u0064"),
        lambda text: b" ".join(text.split()),
        lambda text: text.decode().encode("utf-16"),
    ],
)
def test_json_of_the_same_content_in_another_form_is_refused(beside, change):
    text = as_written({"p": 0.5, "verdict": "undecided"}).encode()
    with pytest.raises(MiuaError, match=r"a\.json is not (written as|valid JSON)"):
        beside("a.json", change(text), text)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: b"\xef\xbb\xbf" + text,
        lambda text: text.replace(b"\n", b"\r\n"),
        lambda text: text.replace(b"\n", b"\r"),
        lambda text: text + b"\n",
        lambda text: text.rstrip(),
        lambda text: text.replace(b"psnr", b'"psnr"'),
        lambda text: text.replace(b"0.25", b'"0.25"'),
        lambda text: text.decode().encode("utf-16"),
        lambda text: text.replace(b"0.25", b"0,25"),
    ],
)
def test_a_table_of_the_same_content_in_another_form_is_wrong(beside, change):
    text = (HEAD + "psnr,0.25,computed\n").encode()
    try:
        assert verdicts(beside("a.csv", change(text), text)) == ["failed"]
    except MiuaError as error:
        assert "a.csv" in str(error)


def test_a_table_that_is_made_in_another_form_is_compared_as_text(beside):
    again = HEAD + "psnr,0.25,computed\r\n"
    (found,) = beside("a.csv", again.replace("0.25", "0.26"), again)
    assert found[1].startswith("Line 2: ")


@pytest.mark.parametrize(
    "form", ["0.250", "+0.25", " 0.25", "25e-2", "0.2_5", ".25", "٠.٢٥", "0.25\u200b"]
)
def test_a_number_in_another_form_is_wrong(beside, form):
    there = HEAD + f"psnr,{form},computed\n"
    assert verdicts(beside("a.csv", there, HEAD + "psnr,0.25,computed\n")) == ["failed"]


@pytest.mark.parametrize(("there", "again"), [("1", "1.0"), ("1e-05", "1.0000000001e-05")])
def test_numbers_as_tables_have_them_agree(beside, there, again):
    both = (HEAD + f"psnr,{each},computed\n" for each in (there, again))
    assert verdicts(beside("a.csv", *both)) == ["passed"]


def test_an_array_file_that_holds_more_is_wrong(beside, tmp_path):
    vector = np.arange(3.0)
    np.save(tmp_path / "v.npy", vector)
    more = (tmp_path / "v.npy").read_bytes() + b"<p>reproduced"
    assert verdicts(beside("v.npy", more, vector)) == ["failed"]


def test_image_stacks_are_equal_undecided_within_the_tolerance_or_wrong(beside):
    images = np.full((4, 5, 5), 100, np.uint8)
    moved = images.copy()
    moved[2, 0, 0] += 2
    (found,) = beside("images.npy", moved, images)
    assert found[0] == "failed"
    assert "1 of 4 images (number 2, from 0)" in found[1]
    assert verdicts(beside("images.npy", moved, images, levels=2, share=0.01)) == ["undecided"]
    assert verdicts(beside("images.npy", moved, images, levels=2, share=0.001)) == ["failed"]
    assert verdicts(beside("images.npy", moved, images, levels=1, share=1.0)) == ["failed"]
    assert verdicts(beside("images.npy", moved[:3], images)) == ["failed"]


def test_vectors_must_be_equal(beside):
    vector = np.array([1.0, np.nan])
    assert verdicts(beside("v.npy", np.array([1 + 1e-15, np.nan]), vector)) == ["failed"]


def test_other_files_differ_at_a_line_or_in_their_bytes(beside):
    (found,) = beside("a.tex", "one\ntwo", "one\nthree\n")
    assert found == ("failed", 'Line 2: "two" stands there, made again it is "three".')
    assert verdicts(beside("a.tex", "one", "one\n")) == ["failed"]


def test_pictures_are_compared_by_their_pixels_and_by_how_they_are_shown(tmp_path):
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    changed = grey.copy()
    changed[3, 4] ^= 1
    again = tmp_path / "again.png"
    Image.fromarray(grey).save(again, dpi=(200, 200))

    def compared(image, levels=0, **how):
        Image.fromarray(image).save(tmp_path / "there.png", **how)
        tolerance = Tolerance(levels=levels, share=1.0)
        found = compare("figures", "a", tmp_path / "there.png", again, tolerance)
        return [finding.verdict for finding in found]

    assert compared(grey, dpi=(200, 200), compress_level=1) == ["passed"]
    assert compared(changed, dpi=(200, 200)) == ["failed"]
    assert compared(changed, levels=1, dpi=(200, 200)) == ["undecided"]
    assert compared(grey, dpi=(100, 100)) == ["failed"]
    more = [Image.fromarray(changed)]
    assert compared(grey, dpi=(200, 200), save_all=True, append_images=more) == ["failed"]
    note = PngInfo()
    note.add(b"prVt", b"reproduced")
    assert compared(grey, dpi=(200, 200), pnginfo=note) == ["failed"]
    (tmp_path / "longer.png").write_bytes(again.read_bytes() + b"<p>reproduced")
    longer = compare("figures", "a", tmp_path / "longer.png", again, Tolerance())
    assert [finding.verdict for finding in longer] == ["failed"]


def document(content, level=9, banner=b"This is pdfTeX 1"):
    packed = zlib.compress(content, level)
    of_stream = b"1 0 obj\n<</Length %d>>\nstream\n%s\nendstream\nendobj\n" % (len(packed), packed)
    return b"%%PDF-1.5\n%s/PTEX.Fullbanner (%s)\nstartxref\n%d\n" % (of_stream, banner, len(packed))


def test_documents_are_compared_by_their_content(beside):
    content = b"0 0 m 10 10 l S " * 40
    again = document(content)
    assert verdicts(beside("a.pdf", document(content, level=0), again)) == ["undecided"]
    assert verdicts(beside("a.pdf", document(content + b"!"), again)) == ["failed"]
    assert verdicts(beside("a.pdf", document(content, banner=b"Another"), again)) == ["undecided"]
    assert verdicts(beside("a.pdf", again, again)) == ["passed"]


@pytest.mark.parametrize(("kept", "said"), [("there", "does not belong"), ("again", "is missing")])
def test_a_file_on_one_side_alone_is_told(tmp_path, kept, said):
    (tmp_path / kept).write_text("a")
    with pytest.raises(MiuaError, match=said):
        list(compare("tables", "a", tmp_path / "there", tmp_path / "again", Tolerance()))
