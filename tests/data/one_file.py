"""The frame of one file, or the words that refuse it."""

from __future__ import annotations

from pathlib import Path

import pytest

from miua.data.formats import frames_of
from miua.data.reading import Frame, RefusedError


def frame(path: Path) -> Frame:
    (one,) = frames_of(path)
    return one


def why_refused(path: Path) -> str:
    with pytest.raises(RefusedError) as caught:
        list(frames_of(path))
    return str(caught.value)
