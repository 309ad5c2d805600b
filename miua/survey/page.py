"""The page that readers open: one HTML file with all images in it, and not a word of the key."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from miua.charts.pictures import png
from miua.pages.kit import json_block, render, templates
from miua.survey.records import ReaderStudy

# One program in the order of its parts: each uses only what stands before it.
PROGRAM = ("survey_session.js", "survey_store.js", "survey_image.js", "survey_screens.js")

# What a window has to have, in pixels of the page: beside and above an image, which questions
# stand beside; and at least, for the questions (survey.css).
ROOM = {"beside": 384, "above": 50, "narrowest": 700, "lowest": 392}


def smallest_window(width: int, height: int) -> tuple[int, int]:
    """Width and height of a window that has room for such images at one screen pixel a pixel."""
    window_height = max(height + ROOM["above"], ROOM["lowest"])
    return max(width + ROOM["beside"], ROOM["narrowest"], window_height), window_height


def render_page(
    study: ReaderStudy, study_bytes: bytes, pixels: Mapping[str, NDArray[np.uint8]]
) -> str:
    """The page as text; the same study and images give the same.

    study_bytes: study.json as written; the page carries it and answers with its SHA-256. pixels:
    each image by its id, (H, W). MissingExtraError: jinja2 is not installed.
    """
    data = {
        "study": json.loads(study_bytes),
        "hash": hashlib.sha256(study_bytes).hexdigest(),
        "room": ROOM,
        "pictures": {name: base64.b64encode(png(image)).decode() for name, image in pixels.items()},
    }
    return render(
        templates("miua.survey", "The page", "survey"),
        "survey.html",
        {"study": study, "words": study.words, "data": json_block(data)},
        styles=("survey.css",),
        scripts=PROGRAM,
        style_attributes=False,
        images="data: blob:",
    )
