"""The readers' page in Chromium: exact pixels, quick to open, readable, named, without a mouse."""

import base64
import re
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from miua.survey.build import smallest_window
from miua.survey.planning import Design
from miua.survey.study_files import PAGE_FILE
from tests.browser.conftest import CHROMIUM
from tests.browser.reader import begin, by_keyboard, enter, judge, saved, screens, start, study_of
from tests.survey.studies import given, make_study, noise, words_of_keys

pytestmark = pytest.mark.browser


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


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A study of images of 800 x 540."""
    out = tmp_path_factory.mktemp("large") / "study"
    make_study(out, made=[given(name, noise(540, 800, n)) for n, name in enumerate(("", "set"))])
    return out


@pytest.mark.parametrize("size", [(1024, 640), (820, 600), (390, 844)])
def test_an_image_without_room_is_not_judged_until_it_has_some(open_page, large, size):
    page = open_page(large / PAGE_FILE)
    page.set_viewport_size(dict(zip(("width", "height"), size, strict=True)))
    enter(page)
    start(page)
    said = page.get_by_text("The window is too small").inner_text()
    needed = re.search(r"at least (\d+) x (\d+) pixels", said)
    width, height = int(needed[1]), int(needed[2])
    assert (width, height) == smallest_window(800, 540)
    page.keyboard.press("ArrowRight")
    page.locator('label:has([name="real"])').last.click(force=True)
    assert page.locator("#picture").is_hidden()
    for missing in ((1, 0), (0, 3)):
        page.set_viewport_size({"width": width - missing[0], "height": height - missing[1]})
        page.evaluate("() => new Promise((done) => setTimeout(done, 100))")
        assert page.locator("#picture").is_hidden(), missing
    page.set_viewport_size({"width": width, "height": height})
    page.locator("#picture").wait_for()
    assert page.get_by_text("The window is too small").count() == 0
    assert page.locator("#answers :checked").count() == 0
    image, questions = (page.locator(f"#{name}").bounding_box() for name in ("picture", "answers"))
    assert image["x"] >= 0 and image["x"] + image["width"] <= questions["x"] + 0.1
    assert image["y"] >= 0 and image["y"] + image["height"] <= height
    page.keyboard.press("ArrowRight")
    page.locator('[name="real"][value="1"]:checked').wait_for(state="attached")


def test_time_stands_while_the_window_is_too_small(open_page, large):
    page = open_page(large / PAGE_FILE)
    page.clock.install()
    page.reload()
    begin(page)
    page.clock.pause_at(page.evaluate("Date.now()") / 1000 + 1)
    page.clock.run_for(6000)
    page.set_viewport_size({"width": 820, "height": 600})
    page.locator("#picture").wait_for(state="hidden")
    page.clock.run_for(100_000)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.locator("#picture").wait_for()
    page.clock.run_for(3000)
    page.clock.resume()
    judge(page, 8, by_keyboard)
    page.locator("#end").wait_for()
    assert 9000 <= saved(page)[0].answers[0].milliseconds <= 12_000


def test_the_page_is_small_and_quick(open_page, tmp_path):
    noise = np.random.default_rng(1).integers(0, 256, (4, 90, 64, 64), dtype=np.uint8)
    made = [given(str(n or ""), images) for n, images in enumerate(noise)]
    make_study(tmp_path / "study", Design(), made=made)
    path = tmp_path / "study" / PAGE_FILE
    assert path.stat().st_size < 5_000_000
    page = open_page(path)
    page.locator("#welcome").wait_for()
    loaded = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
    assert 0 < loaded < 1000


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
        assert page.get_by_role("heading", level=1).count() == 1, screen
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
    page.locator("#picture").wait_for()
    # With Tab and space alone, as some assistive devices do.
    tab_to("real")
    page.keyboard.press("Space")
    tab_to("quality")
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    page.locator('[name="quality"][value="2"]:checked').wait_for(state="attached")
    tab_to("confidence")
    page.keyboard.press("Space")
    # Each answer is saved before the page goes on; until then Tab passes this button.
    page.locator("#next:enabled").wait_for()
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
        left = re.sub(r"\b[0-9a-f]{4}(-[0-9a-f]{4}){3}\b|\b[0-9a-f]{8}\b", "", left)
        assert not re.search(r"[A-Za-z]{2,}", left), (screen, left)
