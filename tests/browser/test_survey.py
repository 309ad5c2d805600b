"""The readers' page in Chromium: judged by keyboard, mouse and touch, killed, and gone on with."""

import csv
import os
import signal
from contextlib import suppress
from io import StringIO
from pathlib import Path

import pytest

from miua.survey.study_files import PAGE_FILE
from tests.browser.conftest import CHROMIUM, watch
from tests.browser.reader import (
    READER,
    Judgements,
    assert_complete,
    begin,
    by_keyboard,
    by_pointer,
    enter,
    judge,
    saved,
    start,
    start_to_count,
    study_of,
    whole_study,
)
from tests.survey.studies import SMALL

pytestmark = pytest.mark.browser

PUBLISHED_SHOWINGS = 78


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


def test_enter_leads_through_the_screens_between(open_page, small):
    page = open_page(small / PAGE_FILE)
    enter(page)
    page.keyboard.press("Enter")
    page.locator("#judging").wait_for()
    judge(page, SMALL.practice, by_keyboard)
    page.locator("#interlude").wait_for()
    page.keyboard.press("Enter")
    page.locator("#progress", has_text="1 of 8").wait_for()


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
    page.locator("#warning", has_text="all three questions").wait_for()
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


@pytest.mark.parametrize("how", ["key", "button"])
def test_the_last_answers_can_be_taken_back_from_the_end(open_page, small, how):
    page = open_page(small / PAGE_FILE)
    _, first = whole_study(page, study_of(small)[0], by_keyboard)
    if how == "key":
        page.keyboard.press("Backspace")
    else:
        page.locator("#end").get_by_role("button", name="Take back").click()
    page.locator("#progress", has_text="8 of 8").wait_for()
    assert page.locator('[name="confidence"]:checked').count() == 0
    page.keyboard.press("Enter")  # not all is answered
    page.reload()
    page.get_by_role("button", name=f"Reader {READER}: go on after 7 of 8").click()
    page.locator("#progress", has_text="8 of 8").wait_for()
    page.keyboard.press(str(Judgements(7).confidence))
    page.keyboard.press("Enter")
    page.locator("#end").wait_for()
    answers, found = saved(page)
    assert found != first
    assert_complete(answers, found, small)
    assert [each.changes for each in answers.answers] == [0] * 7 + [1]


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
    judge(page, 1, by_keyboard)
    page.locator("#progress", has_text="2 of 8").wait_for()
    page.get_by_label("Comment").fill("=1+1")
    page.keyboard.press("Escape")
    judge(page, 7, by_keyboard, first=1)
    page.locator("#end").wait_for()
    answers, found = saved(page)
    assert_complete(answers, found, small)
    assert answers.answers[1].comment == "=1+1"
    assert answers.answers[0].comment == f"{TEXT}\n\ufffdx"
    with page.expect_download() as download:
        page.get_by_role("link", name="as a table").click()
    table = list(
        csv.DictReader(StringIO(Path(download.value.path()).read_text("utf-8"), newline=""))
    )
    assert [row["part"] for row in table] == ["practice"] * 2 + ["judged"] * 8
    assert table[2]["comment"] == answers.answers[0].comment
    assert table[3]["comment"] == "'=1+1", "a formula to a spreadsheet"
    assert [row["image"] for row in table[2:]] == [each.image for each in answers.answers]


def test_a_file_can_be_saved_again_after_opening_again(open_page, small):
    page = open_page(small / PAGE_FILE)
    _, found = whole_study(page, study_of(small)[0], by_keyboard)
    page.get_by_role("button", name="Begin as another reader").click()
    page.get_by_role("button", name=f"Reader {READER}: finished").click()
    page.locator("#end").wait_for()
    page.keyboard.press("Backspace")  # what was finished before stays
    assert page.get_by_role("button", name="Take back").count() == 0
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

    page.clock.run_for(5000)
    hide(page, True)
    page.clock.run_for(100_000)
    hide(page, False)
    page.clock.run_for(3000)
    judge(page, 8, by_keyboard)
    page.clock.run_for(100)
    page.locator("#end").wait_for()
    answers, _ = saved(page)
    assert 7900 <= answers.answers[0].milliseconds <= 12_000
    assert sum(each.milliseconds for each in answers.answers) < 20_000


FULL_DISK = """() => { const records = IDBObjectStore.prototype;
     records.realPut = records.put;
     records.put = () => { throw new DOMException("full", "QuotaExceededError"); }; }"""
ROOM_AGAIN = "() => { IDBObjectStore.prototype.put = IDBObjectStore.prototype.realPut; }"

# The next save lasts until `endSave` is called; `saved` is when all but the page knows of it.
SLOW_SAVE = """() => { const { prototype } = IDBDatabase;
     let begun;
     window.saved = new Promise((resolve) => { begun = resolve; });
     const real = prototype.transaction;
     prototype.transaction = function (name, mode, options) {
       const transaction = real.call(this, name, mode, options);
       if (mode !== "readwrite") return transaction;
       prototype.transaction = real;
       const keep = { set: (done) => { window.endSave = done; } };
       Object.defineProperty(transaction, "oncomplete", keep);
       transaction.addEventListener("complete", begun);
       return transaction; }; }"""


def hide(page, hidden):
    page.evaluate(
        """hidden => { const value = { value: hidden, configurable: true };
             Object.defineProperty(document, "hidden", value);
             document.dispatchEvent(new Event("visibilitychange")); }""",
        hidden,
    )


def test_time_counts_once_where_the_page_is_hidden_during_a_save(open_page, small):
    page = open_page(small / PAGE_FILE)
    page.clock.install()
    page.reload()
    begin(page)
    page.clock.pause_at(page.evaluate("Date.now()") / 1000 + 1)
    page.clock.run_for(20_000)
    page.evaluate(SLOW_SAVE)
    page.keyboard.press("ArrowLeft")
    page.evaluate("() => saved.then(() => {})")
    page.clock.run_for(3000)
    hide(page, True)
    page.evaluate("endSave()")
    page.clock.run_for(100_000)
    hide(page, False)
    page.clock.run_for(5000)
    page.keyboard.press("1")
    page.keyboard.press("1")
    page.locator('[name="confidence"]:checked').wait_for(state="attached")
    page.evaluate(FULL_DISK)
    page.keyboard.press("2")
    page.get_by_role("alert").get_by_text("could not be saved").wait_for()
    page.evaluate(ROOM_AGAIN)
    page.clock.run_for(2000)
    page.set_viewport_size({"width": 1000, "height": 700})
    page.clock.run_for(4000)
    page.keyboard.press("Enter")
    page.clock.resume()
    judge(page, 7, by_keyboard, first=1)
    page.locator("#end").wait_for()
    # The first second passes while the page goes on by itself.
    assert 34_000 <= saved(page)[0].answers[0].milliseconds <= 35_100


@pytest.mark.parametrize("how", ["key", "click"])
def test_an_answer_that_cannot_be_saved_is_not_taken(open_page, small, how):
    page = open_page(small / PAGE_FILE)
    begin(page)
    page.evaluate(FULL_DISK)
    if how == "key":
        page.keyboard.press("ArrowLeft")
    else:
        page.locator('label:has([name="real"])').first.click()
    page.get_by_role("alert").get_by_text("could not be saved").wait_for()
    assert page.locator("#answers :checked").count() == 0
    page.evaluate(ROOM_AGAIN)
    judge(page, 8, by_keyboard)
    page.locator("#end").wait_for()
    assert page.get_by_role("alert").get_by_text("could not be saved").count() == 0
    assert_complete(*saved(page), small)


def test_a_first_save_that_fails_can_be_tried_again(open_page, small):
    page = open_page(small / PAGE_FILE)
    page.evaluate(FULL_DISK)
    page.get_by_label("I have read this and agree.").check()
    page.get_by_label("Reader number").fill("2")
    page.get_by_label("Other").check()
    page.get_by_label("Years of experience").fill("1")
    page.get_by_role("button", name="Begin", exact=True).click()
    page.get_by_role("alert").get_by_text("could not be saved").wait_for()
    page.evaluate(ROOM_AGAIN)
    page.get_by_role("button", name="Begin", exact=True).click()
    page.locator("#instructions").wait_for()


@pytest.mark.parametrize(
    ("refusal", "said"), [("", "Copied."), ("throw new Error('no')", "copy it by hand")]
)
def test_whether_the_receipt_was_copied_is_said(open_page, small, refusal, said):
    page = open_page(small / PAGE_FILE)
    page.evaluate(f"() => {{ navigator.clipboard.writeText = async () => {{ {refusal} }}; }}")
    whole_study(page, study_of(small)[0], by_keyboard)
    page.get_by_role("button", name="Copy the receipt").click()
    page.get_by_text(said).wait_for()


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
