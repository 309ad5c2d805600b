"""The readers' page in Chromium: judged by keyboard, mouse and touch, killed, and gone on with."""

import base64
import csv
import hashlib
import json
import os
import re
import signal
from contextlib import suppress
from io import BytesIO, StringIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from miua.survey.build import Numbers
from miua.survey.records import (
    PAGE_FILE,
    STUDY_FILE,
    Answers,
    ReaderStudy,
    canonical,
    digest_of,
    read_record,
)
from tests.browser.conftest import CHROMIUM, watch
from tests.survey.studies import SMALL, given, make_study, words_of_keys

pytestmark = pytest.mark.browser

PUBLISHED = Numbers()
PUBLISHED_SHOWINGS = 78
READER = 3


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A study of the published size, 68 images of 64 x 64."""
    out = tmp_path_factory.mktemp("published") / "study"
    make_study(out, PUBLISHED, sets=3, images=40, size=64)
    return out


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    out = tmp_path_factory.mktemp("small") / "study"
    make_study(out)
    return out


class Judgements:
    """What a reader answers to the n-th showing: every answer differs from the one before."""

    def __init__(self, n):
        self.real = n % 3 == 0
        self.quality = n % 5 + 1
        self.confidence = (n + n // 5) % 5 + 1


def enter(page, reader=READER, role="clinician", years=10):
    """Fill the first screen by its labels, up to the instructions."""
    page.get_by_label("I have read this and agree.").check()
    page.get_by_label("Reader number").fill(str(reader))
    page.get_by_label(role.capitalize()).check()
    page.get_by_label("Years of experience").fill(str(years))
    page.get_by_role("button", name="Begin", exact=True).click()
    page.locator("#instructions").wait_for()


def by_keyboard(page, judged):
    page.keyboard.press("ArrowRight" if judged.real else "ArrowLeft")
    page.keyboard.press(str(judged.quality))
    page.keyboard.press(str(judged.confidence))
    page.keyboard.press("Enter")


def by_pointer(page, judged, press="click"):
    for question, value in vars(judged).items():
        choice = page.locator(f'label:has([name="{question}"][value="{int(value)}"])')
        getattr(choice, press)()
    getattr(page.get_by_role("button", name="Next"), press)()


def judge(page, showings, how, first=0):
    """Judge so many images, waiting for none but the last."""
    for n in range(first, first + showings):
        how(page, Judgements(n))


def start(page, press="click"):
    """From the instructions to the first image."""
    getattr(page.locator("#ready"), press)()
    page.locator("#judging").wait_for()


def start_to_count(page, press="click"):
    """From the end of practice to the first image that counts."""
    getattr(page.locator("#start"), press)()
    page.locator("#progress", has_text=re.compile("^1 of")).wait_for()


def whole_study(page, study, how):
    """From the first screen to the last; the answers, and the bytes of their file."""
    enter(page)
    start(page)
    judge(page, len(study.practice), how)
    start_to_count(page)
    judge(page, len(study.orders[0]), how)
    page.locator("#end").wait_for()
    return saved(page)


def saved(page):
    with page.expect_download() as download:
        page.get_by_role("link", name="Save the answers").click()
    answers, found = read_record(Path(download.value.path()), Answers)
    assert download.value.suggested_filename == (
        f"answers-reader-{answers.reader:02d}-{answers.study[:8]}.json"
    )
    return answers, found


def study_of(folder):
    return read_record(folder / STUDY_FILE, ReaderStudy)


def assert_complete(answers, found, folder):
    """The file is canonical and sealed, of this study, in this order, with what was answered."""
    study, study_bytes = study_of(folder)
    content = json.loads(found)
    assert found == canonical(content)
    assert content.pop("sha256") == digest_of(content) == answers.sha256
    assert answers.study == hashlib.sha256(study_bytes).hexdigest()
    assert answers.automated
    assert [each.image for each in answers.practice] == [each.id for each in study.practice]
    assert [each.image for each in answers.answers] == study.orders[answers.reader - 1]
    for part in (answers.practice, answers.answers):
        assert [each.place for each in part] == list(range(1, len(part) + 1))
        assert [(each.real, each.quality, each.confidence) for each in part] == [
            tuple(vars(Judgements(n)).values()) for n in range(len(part))
        ]


@pytest.mark.parametrize("how", [by_keyboard, by_pointer])
def test_a_study_of_the_published_size(open_page, published, how):
    page = open_page(published / PAGE_FILE)
    study, _ = study_of(published)
    answers, found = whole_study(page, study, how)
    assert len(answers.answers) == PUBLISHED_SHOWINGS
    assert_complete(answers, found, published)
    assert (answers.reader, answers.role, answers.experience_years) == (READER, "clinician", 10)
    assert answers.consented <= answers.started <= answers.finished
    assert answers.sittings == 1
    receipt = page.locator("#receipt").inner_text()
    assert answers.receipt in receipt
    called = sum(each.real for each in answers.answers)
    assert f"{PUBLISHED_SHOWINGS} images judged, {called} called real" in receipt


def test_on_a_phone_by_touch_without_scrolling(open_page, published):
    page = open_page(published / PAGE_FILE, "phone", has_touch=True, is_mobile=True)
    enter(page)
    start(page, "tap")
    for control in page.locator("#judging label, #judging button").all():
        box = control.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 390
        assert box["y"] >= 0 and box["y"] + box["height"] <= 844
        assert box["height"] >= 44
    judge(page, 4, lambda *given: by_pointer(*given, press="tap"))
    start_to_count(page, "tap")
    judge(page, PUBLISHED_SHOWINGS, lambda *given: by_pointer(*given, press="tap"))
    page.locator("#end").wait_for()
    assert_complete(*saved(page), published)


def test_a_killed_browser_loses_nothing(playwright, small, tmp_path, complaints):
    from playwright.sync_api import Error

    def opened():
        context = playwright.chromium.launch_persistent_context(
            tmp_path / "profile", executable_path=CHROMIUM
        )
        page = context.pages[0]
        watch(page, small / PAGE_FILE, complaints)
        page.goto((small / PAGE_FILE).as_uri())
        return context, page

    context, page = opened()
    enter(page)
    start(page)
    judge(page, 2, by_keyboard)
    start_to_count(page)
    judge(page, 3, by_keyboard)
    page.locator("#progress", has_text="4 of 8").wait_for()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("c")
    page.keyboard.type("ein Schädel, halb")
    page.keyboard.press("Enter")
    page.keyboard.press("4")
    page.locator('[name="quality"][value="4"]:checked').wait_for(state="attached")
    os.kill(process_of(tmp_path / "profile"), signal.SIGKILL)
    with suppress(Error):  # it is closed already
        context.close()

    context, page = opened()
    page.get_by_role("button", name=f"Reader {READER}: go on after 3 of 8").click()
    page.locator("#progress", has_text="4 of 8").wait_for()
    assert page.get_by_label("Real", exact=False).last.is_checked()
    assert page.get_by_label("Comment").input_value() == "ein Schädel, halb"
    by_keyboard(page, Judgements(3))
    judge(page, 4, by_keyboard, first=4)
    page.locator("#end").wait_for()
    answers, found = saved(page)
    assert_complete(answers, found, small)
    assert answers.sittings == 2
    assert answers.answers[3].comment == "ein Schädel, halb"
    context.close()
    assert complaints == []


def process_of(profile):
    """The browser that was started with this profile, not one of its children."""
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = place.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if f"--user-data-dir={profile}" in words and not any(
            w.startswith("--type=") for w in words
        ):
            return int(place.parent.name)
    raise AssertionError("the browser is not running")


def begin(page, reader=READER):
    enter(page, reader)
    start(page)
    judge(page, SMALL.practice, by_keyboard)
    start_to_count(page)


def test_undo_goes_back_over_images(open_page, small):
    page = open_page(small / PAGE_FILE)
    begin(page)
    judge(page, 1, by_keyboard)
    page.locator("#progress", has_text="2 of 8").wait_for()
    first = page.locator("#picture").get_attribute("src")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Backspace")
    page.keyboard.press("Control+z")
    page.locator("#progress", has_text="1 of 8").wait_for()
    assert page.locator("#picture").get_attribute("src") != first
    assert page.locator('[name="quality"]:checked').count() == 1
    assert page.locator('[name="confidence"]:checked').count() == 0
    page.keyboard.press("Enter")  # not all is answered
    page.keyboard.press("Backspace")
    page.keyboard.press("Backspace")
    page.keyboard.press("Backspace")  # practice does not come back
    page.locator("#undo:disabled").wait_for()
    assert page.locator("#progress").inner_text() == "1 of 8"
    judge(page, 8, by_keyboard)
    page.locator("#end").wait_for()
    answers, found = saved(page)
    assert_complete(answers, found, small)
    assert [each.changes for each in answers.answers] == [3, 1, *[0] * 6]


@pytest.mark.parametrize("scale", [1, 1.5, 2, 3])
@pytest.mark.parametrize("window", ["500,844", "1440,900"])
def test_every_pixel_is_a_block_of_its_grey_value(playwright, published, scale, window):
    # A browser of its own: an emulated scale snaps to the pixels of the page, a true one to those
    # of the screen.
    scaled = playwright.chromium.launch(
        executable_path=CHROMIUM,
        args=[f"--force-device-scale-factor={scale}", f"--window-size={window}"],
    )
    page = scaled.new_context(no_viewport=True).new_page()
    page.goto((published / PAGE_FILE).as_uri())
    assert page.evaluate("devicePixelRatio") == scale
    enter(page)
    start(page)
    zoom = int(re.search(r"Zoom (\d+):1", page.locator("#zoom").inner_text())[1])
    box = page.locator("#picture").bounding_box()
    room = page.locator("#stage").bounding_box()
    source = page.locator("#picture").get_attribute("src").partition(",")[2]
    screen = np.asarray(Image.open(BytesIO(page.screenshot())).convert("RGB"))
    scaled.close()
    pixels = np.asarray(Image.open(BytesIO(base64.b64decode(source))))
    assert (screen == screen[..., :1]).all(), "some colour"
    left, top = round(box["x"] * scale), round(box["y"] * scale)
    seen = screen[top : top + 64 * zoom, left : left + 64 * zoom, 0]
    assert (seen == pixels.repeat(zoom, 0).repeat(zoom, 1)).all()
    assert (zoom + 1) * 64 > min(room["width"], room["height"]) * scale, "a larger zoom fits"


def test_the_page_is_small_and_quick(open_page, tmp_path):
    noise = np.random.default_rng(1).integers(0, 256, (4, 90, 64, 64), dtype=np.uint8)
    made = [given(str(n or ""), images) for n, images in enumerate(noise)]
    make_study(tmp_path / "study", PUBLISHED, made=made)
    path = tmp_path / "study" / PAGE_FILE
    assert path.stat().st_size < 5_000_000
    page = open_page(path)
    page.locator("#welcome").wait_for()
    loaded = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
    assert 0 < loaded < 1000


TEXT = "Ärger 😀 \"'<b>&\u2028\u2029\x07 = \\ /"


def test_comments_come_back_as_typed(open_page, small):
    page = open_page(small / PAGE_FILE)
    begin(page)
    page.evaluate(
        """text => { const field = document.getElementById("comment");
             field.value = text + "\\n" + String.fromCharCode(0xd800) + "x";
             field.dispatchEvent(new Event("input", { bubbles: true })); }""",
        TEXT,
    )
    judge(page, 8, by_keyboard)
    page.locator("#end").wait_for()
    answers, found = saved(page)
    assert_complete(answers, found, small)
    assert answers.answers[0].comment == f"{TEXT}\n\ufffdx"
    with page.expect_download() as download:
        page.get_by_role("link", name="as a table").click()
    table = list(
        csv.DictReader(StringIO(Path(download.value.path()).read_text("utf-8"), newline=""))
    )
    assert [row["part"] for row in table] == ["practice"] * 2 + ["judged"] * 8
    assert table[2]["comment"] == answers.answers[0].comment
    assert [row["image"] for row in table[2:]] == [each.image for each in answers.answers]


def test_a_file_can_be_saved_again_after_opening_again(open_page, small):
    page = open_page(small / PAGE_FILE)
    _, found = whole_study(page, study_of(small)[0], by_keyboard)
    page.get_by_role("button", name="Begin as another reader").click()
    page.get_by_role("button", name=f"Reader {READER}: finished").click()
    page.locator("#end").wait_for()
    assert saved(page)[1] == found


def test_a_second_window_of_one_reader_says_so_and_writes_nothing(open_page, small, complaints):
    page = open_page(small / PAGE_FILE)
    begin(page)
    second = page.context.new_page()
    watch(second, small / PAGE_FILE, complaints)
    second.goto((small / PAGE_FILE).as_uri())
    second.get_by_role("button", name=f"Reader {READER}: go on").click()
    second.get_by_text(f"Reader {READER} is open in another window").wait_for()
    assert second.locator("#welcome").is_visible()
    judge(page, 8, by_keyboard)
    page.locator("#end").wait_for()
    assert saved(page)[0].sittings == 1


def test_a_reader_who_began_here_is_not_begun_again(open_page, small):
    page = open_page(small / PAGE_FILE)
    begin(page)
    page.reload()
    page.get_by_label("I have read this and agree.").check()
    page.get_by_label("Reader number").fill(str(READER))
    page.get_by_label("Other").check()
    page.get_by_label("Years of experience").fill("1")
    page.get_by_role("button", name="Begin", exact=True).click()
    page.get_by_text(f"Reader {READER} has begun in this browser").wait_for()
    page.get_by_label("Reader number").fill("1")
    page.get_by_role("button", name="Begin", exact=True).click()
    page.locator("#instructions").wait_for()


def test_time_stands_while_the_page_is_hidden(open_page, small):
    page = open_page(small / PAGE_FILE)
    page.clock.install()
    page.reload()
    begin(page)

    def hide(hidden):
        page.evaluate(
            """hidden => { const value = { value: hidden, configurable: true };
                 Object.defineProperty(document, "hidden", value);
                 document.dispatchEvent(new Event("visibilitychange")); }""",
            hidden,
        )
        page.clock.run_for(10)

    page.clock.run_for(5000)
    hide(True)
    page.clock.run_for(100_000)
    hide(False)
    page.clock.run_for(3000)
    judge(page, 8, by_keyboard)
    page.clock.run_for(100)
    page.locator("#end").wait_for()
    answers, _ = saved(page)
    assert 7900 <= answers.answers[0].milliseconds <= 12_000
    assert sum(each.milliseconds for each in answers.answers) < 20_000


def test_an_answer_that_cannot_be_saved_is_not_taken(open_page, small):
    page = open_page(small / PAGE_FILE)
    begin(page)
    page.evaluate(
        """() => { const records = IDBObjectStore.prototype;
             records.realPut = records.put;
             records.put = () => { throw new DOMException("full", "QuotaExceededError"); }; }"""
    )
    page.keyboard.press("ArrowLeft")
    page.get_by_role("alert").get_by_text("could not be saved").wait_for()
    assert page.locator("#answers :checked").count() == 0
    page.evaluate("() => { IDBObjectStore.prototype.put = IDBObjectStore.prototype.realPut; }")
    judge(page, 8, by_keyboard)
    page.locator("#end").wait_for()
    assert page.get_by_role("alert").get_by_text("could not be saved").count() == 0
    assert_complete(*saved(page), small)


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("Object.defineProperty(Navigator.prototype, 'locks', { value: undefined })", "no locks"),
        ("Object.defineProperty(crypto, 'subtle', { value: undefined })", "no checksums"),
        ("indexedDB.open = () => { throw new Error('no'); }", "does not store anything"),
    ],
)
def test_a_browser_that_would_lose_answers_does_not_begin(open_page, small, missing, said):
    page = open_page(small / PAGE_FILE)
    page.add_init_script(missing)
    page.reload()
    page.locator("#problem").get_by_text(said).wait_for()
    assert page.locator("#welcome").is_hidden()


def screens(page, study):
    """Every screen in turn, whatever its language."""
    page.locator("#welcome").wait_for()
    yield "welcome"
    page.locator("#consent").check()
    page.locator("#reader").fill(str(READER))
    page.locator('[name="role"]').first.check()
    page.locator("#experience").fill("3")
    page.locator("#entry button.main").click()
    page.locator("#instructions").wait_for()
    yield "instructions"
    page.locator("#ready").click()
    page.locator("#judging").wait_for()
    yield "practice"
    judge(page, len(study.practice), by_keyboard)
    page.locator("#interlude").wait_for()
    yield "interlude"
    page.locator("#start").click()
    page.locator("#judging").wait_for()
    page.keyboard.press("ArrowLeft")
    page.locator("#answers :checked").wait_for(state="attached")
    yield "judging"
    judge(page, len(study.orders[0]), by_keyboard)
    page.locator("#end").wait_for()
    yield "end"


CONTRASTS = r"""() => {
  const luminance = (colour) => {
    const parts = colour.match(/[\d.]+/g).slice(0, 3).map((part) => part / 255)
      .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
  };
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const colour = getComputedStyle(each).backgroundColor;
      if (!/, 0\)$/.test(colour)) return colour;
    }
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
    const [low, high] = [getComputedStyle(element).color, behind(element)].map(luminance)
      .sort((a, b) => a - b);
    found.push([walker.currentNode.data.trim(), (high + 0.05) / (low + 0.05)]);
  }
  return found;
}"""


@pytest.mark.parametrize("size", ["phone", "desk"])
def test_every_screen_can_be_read_and_named(open_page, small, size):
    page = open_page(small / PAGE_FILE, size)
    for screen in screens(page, study_of(small)[0]):
        contrasts = page.evaluate(CONTRASTS)
        assert contrasts
        assert min(contrasts, key=lambda found: found[1])[1] >= 4.5, (screen, contrasts)
        for control in page.locator("button, input, textarea, a, img").all():
            if control.is_visible():
                # Playwright's own name, as a screen reader would say it.
                said = control.aria_snapshot()
                assert re.search(r'"[^"]+"', said), (screen, said)
        for group in page.locator("fieldset").all():
            assert group.locator("legend").inner_text().strip() or not group.is_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), screen


def test_the_whole_study_needs_no_mouse(open_page, small):
    page = open_page(small / PAGE_FILE)
    page.locator("#welcome").wait_for()

    def tab_to(name):
        for _ in range(20):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.id || document.activeElement.name") == name:
                outline = page.evaluate(
                    """() => { const there = document.activeElement;
                         const isHidden = there.matches(".choices input");
                         const seen = isHidden ? there.nextElementSibling : there;
                         return getComputedStyle(seen).outlineStyle; }"""
                )
                assert outline == "solid" or outline == "auto", name
                return
        raise AssertionError(f"Tab does not reach {name}")

    tab_to("consent")
    page.keyboard.press("Space")
    tab_to("reader")
    page.keyboard.type("2")
    tab_to("role")
    page.keyboard.press("Space")
    tab_to("experience")
    page.keyboard.type("4")
    page.keyboard.press("Enter")
    page.locator("#instructions").wait_for()
    tab_to("ready")
    page.keyboard.press("Enter")
    page.locator("#judging").wait_for()
    # With Tab and space alone, as some assistive devices do.
    tab_to("real")
    page.keyboard.press("Space")
    tab_to("quality")
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    page.locator('[name="quality"][value="2"]:checked').wait_for(state="attached")
    tab_to("confidence")
    page.keyboard.press("Space")
    tab_to("next")
    page.keyboard.press("Enter")
    page.locator("#progress", has_text="Practice 2").wait_for()


def test_all_words_are_in_one_place(open_page, tmp_path):
    make_study(tmp_path / "study", words=words_of_keys())
    page = open_page(tmp_path / "study" / PAGE_FILE)
    assert page.locator("html").get_attribute("lang") == "x-keys"
    for screen in screens(page, study_of(tmp_path / "study")[0]):
        texts = page.evaluate(
            """() => { const named = [...document.querySelectorAll("[aria-label], [alt]")];
                 const names = named.map((each) => each.getAttribute("aria-label") ?? each.alt);
                 return [document.body.innerText, ...names].join(" "); }"""
        )
        left = re.sub(r"⟦\w+⟧", "", texts).replace("A <study> & its title", "")
        left = re.sub(r"\b[0-9a-f]{4}-[0-9a-f]{4}\b|\b[0-9a-f]{8}\b", "", left)
        assert not re.search(r"[A-Za-z]{2,}", left), (screen, left)
