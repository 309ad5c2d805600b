"""What a reader does on the page, as the tests do it in Chromium."""

import hashlib
import json
import re
from pathlib import Path

from miua.survey.study_files import (
    STUDY_FILE,
    Answers,
    ReaderStudy,
    canonical,
    digest_of,
    read_record,
)
from tests.survey.studies import SMALL

READER = 3


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


def begin(page, reader=READER):
    enter(page, reader)
    start(page)
    judge(page, SMALL.practice, by_keyboard)
    start_to_count(page)


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
