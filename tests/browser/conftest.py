"""Debian's Chromium, driven as a person would: by keyboard, mouse and touch, and never online.

Playwright is imported when a test asks for a browser: `./run tests` collects this without it.
"""

import shutil

import pytest

from miua.survey.planning import Design
from tests.survey.studies import make_study

CHROMIUM = shutil.which("chromium")
# Widths of a phone, a tablet and a desk's screen, with their heights, in CSS pixels.
SIZES = {"phone": (390, 844), "tablet": (820, 1180), "desk": (1440, 900)}


@pytest.fixture(scope="session")
def playwright():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def browser(playwright):
    if CHROMIUM is None:
        pytest.fail("chromium is not installed. ./run browser installs it.")
    running = playwright.chromium.launch(executable_path=CHROMIUM)
    yield running
    running.close()


@pytest.fixture
def complaints():
    """What pages said in the console, threw, or asked of anything but themselves."""
    return []


@pytest.fixture
def open_page(browser, complaints):
    """Opens a file in a window of its own; in the end nothing may have been complained of."""
    contexts = []

    def opened(path, size="desk", **options):
        width, height = SIZES[size]
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        watch(page, path, complaints)
        page.goto(path.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def watch(page, path, complaints):
    """Note every message of the console, error, and request for more than the file itself."""
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    # Of a file with a fragment, the file is asked for again.
    own = (path.as_uri(), "data:", "blob:")
    page.on(
        "request",
        lambda asked: None if asked.url.startswith(own) else complaints.append(asked.url),
    )


@pytest.fixture(scope="session")
def published(tmp_path_factory):
    """A study of the published size, 68 images of 64 x 64."""
    out = tmp_path_factory.mktemp("published") / "study"
    make_study(out, Design(), sets=3, images=40, size=64)
    return out


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """A study of a few small images."""
    out = tmp_path_factory.mktemp("small") / "study"
    make_study(out)
    return out
