"""The HTML page of an evaluation: whole, self-contained, every number in it, and the same twice."""

import html
import re
import sys
from dataclasses import replace
from functools import cached_property
from html.parser import HTMLParser

import pytest

from miua.errors import MissingExtraError
from miua.evaluation.standing import reason
from miua.metrics.records import COMPUTED
from miua.metrics.registry import measure
from miua.pages.evaluation import render_page, write_page
from miua.pages.evaluation_sets import chunks
from miua.pages.evaluation_views import chance_axis, set_view
from miua.wording import number, span
from tests.evaluation import evaluations
from tests.evaluation.evaluations import CASES

VOID = {"meta", "link", "img", "br"}
SVG_EMPTY = {"line", "rect"}
# What HTML lets stand in a paragraph.
PHRASING = {"a", "b", "code", "data", "i", "span", "u", "img"}


class Page(HTMLParser):
    """Collects what is loaded, linked, named and headed, and checks that tags close in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.sources, self.links, self.ids = [], [], [], []
        self.headings, self.pictures, self.words, self.labelled = [], [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        assert len(found) == len(attrs), f"{tag} has an attribute twice"
        if "p" in self.open:
            assert tag in PHRASING, f"{tag} in a paragraph"
        self.sources += [found["src"]] if "src" in found else []
        self.links += [found["href"]] if "href" in found else []
        self.ids += [found["id"]] if "id" in found else []
        self.labelled += [found["aria-labelledby"]] if "aria-labelledby" in found else []
        if re.fullmatch(r"h\d", tag):
            self.headings.append(int(tag[1]))
        if tag == "img":
            self.pictures.append(found)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        assert tag in SVG_EMPTY, f"{tag} cannot close itself"

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @cached_property
    def text(self):
        return re.sub(r"[ \n]+", " ", " ".join(self.words))


@pytest.fixture(scope="module", params=CASES)
def case(request):
    evaluation = CASES[request.param]()
    text = render_page(evaluation)
    return evaluation, text, Page(text)


def test_nothing_is_loaded_and_every_link_stays_in_the_page(case):
    _, text, page = case
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    assert all(link == "data:," or link[1:] in page.ids for link in page.links)
    assert "<script" not in text
    assert "url(" not in text
    assert "@import" not in text
    assert "http:" not in text
    assert "https:" not in text
    assert "default-src 'none'" in html.unescape(text)


def test_it_is_well_formed_and_accessible(case):
    _, text, page = case
    assert text.startswith("<!doctype html>\n<html lang=")
    assert len(page.ids) == len(set(page.ids))
    assert set(page.labelled) <= set(page.ids)
    assert page.headings[0] == 1
    assert page.headings.count(1) == 1
    for before, after in zip(page.headings, page.headings[1:], strict=False):
        assert after <= before + 1
    assert all("alt" in picture and int(picture["width"]) > 0 for picture in page.pictures)


def test_every_number_and_every_reason_is_told(case):
    evaluation, _, page = case
    for record in evaluation.records:
        decimals = measure(record.metric).decimals
        if record.status != COMPUTED:
            assert reason(record.status) in page.text
            continue
        assert number(record.value, decimals) in page.text
        assert span(record.low, record.high, decimals) in page.text
        assert record.definition in page.text
    for source in (evaluation.real, *(each.source for each in evaluation.sets)):
        assert source.sha256 in page.text
        assert all(note in page.text for note in source.notes)
        assert all(each.name in page.text and each.reason in page.text for each in source.skipped)
    assert all(warning in page.text for warning in evaluation.warnings)


def test_the_same_evaluation_gives_the_same_bytes(tmp_path):
    for name in ("first", "second"):
        write_page(tmp_path / name, evaluations.three_sets())
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first", "second"]


def test_it_is_small_enough_to_send():
    assert len(render_page(evaluations.one_set_with_everything())) < 600_000
    assert len(render_page(evaluations.large_images())) < 800_000
    assert len(render_page(evaluations.many_sets())) < 2_500_000


def test_markup_in_names_stays_text():
    text = render_page(evaluations.names_with_markup())
    assert "<script" not in text
    assert "<b>bad" not in text
    assert "<u>windowed" not in text
    assert "&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt; &amp; &#39;co&#39;" in text


def test_the_first_screen_says_no_more_than_there_is():
    told = Page(render_page(evaluations.one_set_without_fid())).text
    assert "4 of 5 metrics lie outside what real images show among themselves" not in told
    assert (
        "5 of 6 metrics lie outside what real images show among themselves, all on the worse side."
        " 1 other has no such range. 7 could not be computed." in told
    )
    assert "20 splits of the real images into halves of 400 images" in told
    assert "about 14\u00a0% of the metrics would lie outside by chance" in told
    assert "The sets compared here are not of the halves' size" in told


def test_without_a_floor_nothing_is_held_against_it():
    told = Page(render_page(evaluations.floor_not_computed())).text
    assert "The noise floor of the real images was not computed: 4 images of 1 subject" in told
    assert "14 metrics computed, and none has a range of real images" in told
    assert "the worse side" not in told
    told = Page(render_page(evaluations.no_floor_asked())).text
    assert "was not asked for" in told
    assert "no interval" in told


def test_halves_of_the_sets_own_size_need_no_word_on_sizes():
    made = evaluations.one_set_with_everything()
    (only,) = made.sets
    half = evaluations.HALF
    alike = replace(
        made,
        real=replace(made.real, images=half),
        sets=(replace(only, source=replace(only.source, images=half)),),
    )
    assert "not of the halves' size" not in Page(render_page(alike)).text


def test_copies_are_counted_and_marked():
    text = render_page(evaluations.copies_found())
    told = Page(text).text
    assert "7 synthetic images are called copies of a real one (2.3\u00a0% of 300" in told
    assert "than 0.612 times its distance to the nearest real image of another group" in told
    assert "0.003 would be" in told
    assert text.count("<td>copy</td>") == 7
    assert text.count("<td>no copy</td>") == 9
    assert "flipped, rotated −10°" in told
    told = Page(render_page(evaluations.one_set_with_everything())).text
    assert "No synthetic image is called a copy of a real one" in told
    told = Page(render_page(evaluations.copies_without_threshold())).text
    assert "Copies cannot be told from likeness: 3 groups are too few" in told


def test_sets_are_ordered_with_their_certainty():
    told = Page(render_page(evaluations.three_sets())).text
    assert "e60 is first, in 100\u00a0% of the resamples." in told
    assert "The first place is open: e60 has it in 33\u00a0% of the resamples." in told
    assert "how certain that is cannot be said without resamples" in told
    assert "2 (1 to 3)" in told
    assert "The other 9 of 15 metrics leave the first place open." in told


def test_sets_of_equal_value_share_the_first_place():
    made = evaluations.three_sets()
    alike = [replace(place, rank=1) for place in made.rankings[0].places]
    shared = replace(made.rankings[0], places=tuple(alike))
    told = Page(render_page(replace(made, rankings=(shared, *made.rankings[1:])))).text
    assert "e60, e30 and e10 share the first place." in told
    assert "or more: e60, e30 and e10 by MI; e60 by SSIM" in told


def test_choices_are_held_against_the_baseline_and_the_floor():
    told = Page(render_page(evaluations.three_sets())).text
    # FID of e60: 88.4 becomes 168.0; the range of the real images is 4.1 wide.
    assert "168.0 +79.6 (19.4×)" in told
    assert "not computed: the Inception weights have not been fetched" in told
    assert "PSNR under “resize filter: nearest”: e60, e30, e10 instead of e10, e30, e60" in told
    one = Page(render_page(evaluations.one_set_with_everything())).text
    assert "Does any order of the sets flip" not in one


def test_the_range_is_minus_one_to_one_whatever_its_unit():
    made = evaluations.three_sets()
    axis = chance_axis(made)
    start, width = axis.band(-1, 1)
    assert start + width / 2 == pytest.approx(50)
    rows = set_view(made, made.sets[0], axis)["rows"]
    for row in (row for row in rows if row.mark and abs(row.mark.at - 50) < 46):
        inside = start <= row.mark.at <= start + width
        assert inside == (row.floor.low <= row.held.value <= row.floor.high)


def test_an_infinite_value_is_shown_at_the_end_of_the_axis():
    text = render_page(evaluations.infinite_psnr())
    assert '<data value="inf">∞</data>' in text
    assert 'class="dot better beyond" style="left:97.00%"' in text


def test_images_are_shown_at_a_whole_zoom():
    small = render_page(evaluations.one_set_with_everything())
    assert "--w:64;--z:2" in small
    large = render_page(evaluations.large_images())
    assert "--w:128;--z:1" in large
    assert "Shown at 1/4 of their size." in Page(large).text


def test_what_was_not_measured_has_no_section():
    text = render_page(evaluations.without_lbpv())
    page = Page(text)
    assert not {"lbpv", "copies", "sets", "preprocessing_sensitivity"} & set(page.ids)
    assert {"metrics", "samples", "made"} <= set(page.ids)


def test_without_its_package_it_names_the_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(
        MissingExtraError, match=r"report needs the package 'jinja2'.*miua\[report\]"
    ):
        write_page(tmp_path / "page.html", evaluations.no_floor_asked())
    assert list(tmp_path.iterdir()) == []


def test_tables_have_parts_of_nearly_equal_length():
    assert chunks(list("abcdefgh"), 7) == [list("abcd"), list("efgh")]
    assert chunks([], 7) == []
