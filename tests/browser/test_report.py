"""The report in Chromium, offline: it shows, fits, prints, and obeys mouse and keys."""

import re
import unicodedata
from urllib.parse import unquote, urlsplit

import pytest
from pypdf import PdfReader

from miua.report import make_report
from tests.browser.conftest import SIZES
from tests.drawn_results import BANNER, STUDY, make_results

pytestmark = pytest.mark.browser

TRAINING_SIZES, EPOCHS = [20, 60], [4, 8]
SCHEMES = ("light", "dark")
AA, AA_LARGE = 4.5, 3.0

# Every text that shows, with its colour, the colours behind it up to an opaque one, and its size.
TEXTS = """() => {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim();
    const element = walker.currentNode.parentElement;
    if (!text || ["SCRIPT", "STYLE", "TITLE", "title"].includes(element.tagName)) continue;
    if (!element.checkVisibility({ visibilityProperty: true })) continue;
    const style = getComputedStyle(element);
    const svg = element.namespaceURI.endsWith("svg");
    const behind = [];
    for (let each = element; each; each = each.parentElement) {
      const colour = getComputedStyle(each).backgroundColor;
      if (!colour.startsWith("rgba")) { behind.push(colour); break; }
    }
    const large = parseFloat(style.fontSize) >= 24 ||
      (parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700);
    // In the pattern, text stands on the square before it.
    const square = svg && element.previousElementSibling?.tagName === "rect"
      ? getComputedStyle(element.previousElementSibling).fill : null;
    found.push([text.slice(0, 40), svg ? style.fill : style.color,
                square ?? behind[0] ?? "rgb(255, 255, 255)", large]);
  }
  return found;
}"""


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = make_results(
        tmp_path_factory.mktemp("report") / "smoke",
        training_sizes=TRAINING_SIZES,
        epochs=EPOCHS,
        equal_updates=48,
        figures=True,
    )
    make_report(folder, STUDY)
    return folder


@pytest.fixture
def report(results):
    return results / "report.html"


def luminance(colour):
    channels = [int(each) / 255 for each in re.findall(r"\d+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(first, second):
    """WCAG 2.2, 1.4.3: 1 to 21."""
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_wider_than_the_screen(open_page, report, size, scheme):
    page = open_page(report, size, offline=True, color_scheme=scheme)
    widths = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    wide, room = page.evaluate(widths)
    assert wide <= room
    dark = luminance(page.evaluate("getComputedStyle(document.body).backgroundColor")) < 0.2
    assert dark == (scheme == "dark")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_text_can_be_read(open_page, report, scheme):
    page = open_page(report, offline=True, color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
    texts = page.evaluate(TEXTS)
    assert len(texts) > 500
    weak = {
        (text, colour, behind, round(contrast(colour, behind), 2))
        for text, colour, behind, large in texts
        if contrast(colour, behind) < (AA_LARGE if large else AA)
    }
    assert weak == set()


def test_every_link_resolves(open_page, report):
    page = open_page(report, offline=True)
    for link in page.eval_on_selector_all("a[href]", "links => links.map((each) => each.href)"):
        parts = urlsplit(link)
        if parts.scheme == "https":
            assert link == "https://arxiv.org/abs/2206.01731"
        elif parts.fragment:
            assert page.locator(f"[id='{parts.fragment}']").count() == 1, link
        else:
            assert (report.parent / unquote(parts.path)).exists(), link


def test_all_pictures_are_there(open_page, report):
    page = open_page(report, offline=True)
    broken = "images => images.filter((each) => !each.hidden && each.naturalWidth === 0).length"
    assert page.eval_on_selector_all("img", broken) == 0


def test_what_can_be_used_has_a_name(open_page, report):
    page = open_page(report, offline=True)
    controls = page.locator("input:visible, button:visible, a:visible, summary:visible")
    for control in controls.all():
        named = "each => each.ariaLabel || each.textContent.trim() || each.labels?.[0]?.textContent"
        assert control.evaluate(named)
    drawn = page.locator("svg:not([aria-hidden]):visible").all()
    assert len(drawn) > 5
    for chart in drawn:
        assert chart.get_attribute("role") == "img"
        assert chart.get_attribute("aria-label")
    main = page.locator("main")
    assert main.count() == 1
    assert page.locator("nav[aria-label]").count() == 1


def test_the_first_screen_of_a_phone_answers_and_warns(open_page, report):
    page = open_page(report, "phone", offline=True)
    _, height = SIZES["phone"]
    for text in ("This run cannot tell.", "Of the paper's"):
        box = page.get_by_text(text).first.bounding_box()
        assert box["y"] + box["height"] < height
    assert page.get_by_text(BANNER).first.bounding_box()["y"] < height / 2


def chosen(page):
    return page.locator("#chosen-name").text_content(), page.locator("#beside-name").text_content()


def name(size, epoch):
    return f"{size} training images, {epoch} epochs"


def test_cells_are_chosen_compared_and_held_by_mouse(open_page, report):
    page = open_page(report, offline=True)
    assert chosen(page) == (name(60, 8), name(20, 4))
    cells = page.locator("label.cell")
    cells.nth(1).click()
    page.mouse.move(0, 0)
    assert chosen(page) == (name(60, 4), name(20, 4))
    shown = page.locator("#chosen-picture")
    assert shown.get_attribute("src") == cells.nth(1).locator("img").get_attribute("src")
    cells.nth(2).hover()
    assert chosen(page) == (name(60, 4), name(20, 8))
    page.mouse.move(0, 0)
    assert chosen(page) == (name(60, 4), name(20, 4))
    page.get_by_role("button", name="Keep the chosen cell beside").click()
    cells.nth(2).click()
    page.mouse.move(0, 0)
    assert chosen(page) == (name(20, 8), name(60, 4))
    heads = page.locator("#compare-table thead th").all_text_contents()
    assert heads == ["Metric", name(20, 8), name(60, 4)]


def test_the_compared_metrics_are_those_of_the_table_of_sets(open_page, report):
    page = open_page(report, offline=True)
    page.locator("label.cell").nth(3).click()
    compared = page.locator("#compare-table tbody tr td:nth-child(2)").all_text_contents()
    row = page.locator("#set-n0060_e0008 td").all_text_contents()
    assert compared == row[2:]


def test_cells_are_chosen_by_keyboard(open_page, report):
    page = open_page(report, offline=True)
    page.locator("#cells input").nth(3).focus()
    for key, expected in (("ArrowLeft", (20, 8)), ("ArrowUp", (20, 4)), ("ArrowUp", (20, 4)),
                          ("ArrowRight", (60, 4)), ("ArrowDown", (60, 8))):  # fmt: skip
        page.keyboard.press(key)
        assert chosen(page)[0] == name(*expected)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") != "BODY"


def test_a_run_is_stepped_through_by_keyboard_and_read_by_pointing(open_page, report):
    page = open_page(report, offline=True)
    run = page.locator(".run:visible")
    assert run.count() == 1
    assert run.get_attribute("data-run") == "n0060"
    slider = page.get_by_label("Step through the epochs")
    slider.focus()
    page.keyboard.press("Home")
    assert page.locator("#epoch-now").text_content() == "epoch 1"
    assert run.locator(".film figure:visible").get_attribute("data-epoch") == "1"
    page.keyboard.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") == "epoch 2"
    assert run.locator(".readout").text_content().startswith("Epoch 2: generator loss ")
    run.locator(".curves").scroll_into_view_if_needed()
    box = run.locator(".curves").bounding_box()
    scale = box["width"] / 360
    page.mouse.move(box["x"] + 352 * scale, box["y"] + 60)
    assert run.locator(".readout").text_content().startswith("Epoch 8: ")
    page.mouse.move(0, 0)
    assert run.locator(".readout").text_content().startswith("Epoch 2: ")


def test_an_element_is_picked_by_number_place_button_and_bar(open_page, report):
    page = open_page(report, offline=True)
    title, number = page.locator("#element-name"), page.get_by_label("Element, 0 to 255")
    assert title.text_content() == "V8"
    number.fill("37")
    assert title.text_content() == "V37"
    assert (
        "No clinician's score of V37 is published"
        in page.locator("#element-regression").text_content()
    )
    bits = [int(text) for text in page.locator("#pattern .set + text").all_text_contents()]
    assert sorted(bits) == [1, 4, 32]
    number.press("ArrowUp")
    assert title.text_content() == "V38"
    place = page.get_by_label("By place, closest first")
    place.focus()
    page.keyboard.press("Home")
    closest = page.locator("#strip rect").first.get_attribute("data-element")
    assert title.text_content() == f"V{closest}"
    page.keyboard.press("End")
    bar = page.locator("#strip rect").last
    assert title.text_content() == f"V{bar.get_attribute('data-element')}"
    page.get_by_role("button", name="V143").click()
    assert title.text_content() == "V143"
    assert page.locator("#element-regression circle").count() == 20
    legend = page.locator("#element-regression .legend").text_content()
    assert legend == page.locator("#regression-legend").text_content()
    page.locator("#strip rect").nth(100).click(force=True)
    assert (
        title.text_content()
        == f"V{page.locator('#strip rect').nth(100).get_attribute('data-element')}"
    )
    assert page.locator("#element-chart [class^=e]").count() >= len(TRAINING_SIZES) * len(EPOCHS)


def test_a_number_out_of_range_changes_nothing(open_page, report):
    page = open_page(report, offline=True)
    for text in ("256", "-1", "1.5", ""):
        number = page.get_by_label("Element, 0 to 255")
        number.fill(text)
        assert page.locator("#element-name").text_content() == "V8"
        assert number.evaluate("each => each.validationMessage") == (
            "There are the elements 0 to 255."
        )
    number.fill("9")
    assert page.locator("#element-name").text_content() == "V9"
    assert number.evaluate("each => each.validationMessage") == ""


def test_without_scripts_the_content_is_there(open_page, report):
    page = open_page(report, offline=True, java_script_enabled=False)
    assert page.locator("label.cell img:visible").count() == 4
    assert page.locator(".run:visible").count() == len(TRAINING_SIZES)
    assert page.locator(".film figure:visible").count() > 6
    assert page.locator("#strip rect").count() == 256
    assert page.locator("#elements tbody tr:visible").count() == 24
    assert (
        page.locator("#element-panel, #compare, .stepper, .scripted")
        .locator("visible=true")
        .count()
        == 0
    )


def test_a_link_to_a_run_opens_its_record(open_page, report):
    page = open_page(report, offline=True)
    page.locator("#sets a[href='#run-n0020']").first.click()
    page.locator("#run-n0020 dl").wait_for()  # visible; it opens after the jump


def test_a_link_to_evidence_opens_what_it_folds(open_page, report):
    page = open_page(report, offline=True)
    page.evaluate("location.hash = 'evidence-closeness'")
    page.locator("#evidence-closeness details[open]").wait_for()
    assert page.locator("#claims details[open]").count() == 1


def test_the_table_of_sets_fits_a_desk(open_page, report):
    page = open_page(report, offline=True)
    # Elements' intervals as long as those of a smoke run.
    page.evaluate("""document.querySelectorAll(
        "#sets tbody td:nth-child(n+7):nth-child(-n+10) .small:not(.place)"
    ).forEach((each) => (each.textContent = "−17.47 to −15.99"))""")
    wide, room = page.locator("#sets .wide").first.evaluate(
        "each => [each.scrollWidth, each.clientWidth]"
    )
    assert wide <= room


def test_motion_is_only_for_those_who_allow_it(open_page, report):
    behaviour = "getComputedStyle(document.documentElement).scrollBehavior"
    reduced = open_page(report, offline=True, reduced_motion="reduce")
    assert reduced.evaluate(behaviour) == "auto"


def test_it_prints_whole(open_page, report, tmp_path):
    page = open_page(report, offline=True, color_scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(29, 29, 31)"
    pdf = tmp_path / "report.pdf"
    page.pdf(path=pdf, format="A4")
    printed = PdfReader(pdf)
    text = re.sub(r"\s+", " ", " ".join(each.extract_text() for each in printed.pages))
    text = unicodedata.normalize("NFKC", text)  # without ligatures
    assert text.count(BANNER) > 20
    # What is folded away on screen, and where links lead.
    assert "Reproduced would mean:" in text
    assert "augmentation.corners" in text
    assert "https://arxiv.org/abs/2206.01731" in text
    assert "Diversity" in text
    # Every run and step of the grid, not the chosen ones.
    for size in TRAINING_SIZES:
        assert f"Run n{size:04d}: {size} training images" in text
    shown = page.locator(".film figure:visible")
    assert shown.count() == page.locator(".film figure").count() > len(TRAINING_SIZES)
    assert page.locator(".marker, .readout").locator("visible=true").count() == 0
