"""The sentences of the readers' page, in English or in the language of a file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from miua.errors import MiuaError
from miua.files import read_json

ENGLISH = "en"
CONSENT = "consent"  # the one sentence that a study has its own of
_LANGUAGE = re.compile(r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$")
_PLACE = re.compile(r"\{[a-z]+\}")


@dataclass(frozen=True)
class Words:
    """Every sentence of the page by name, and its language, such as "en" (BCP 47)."""

    language: str
    sentences: Mapping[str, str]

    def with_consent(self, text: str) -> Words:
        """The same, with another text that readers agree to; MiuaError: it is empty."""
        if not text.strip():
            raise MiuaError("The consent is empty. Say what readers agree to.")
        return replace(self, sentences={**self.sentences, CONSENT: text.strip()})


def english() -> Words:
    """The page's own sentences."""
    return Words(ENGLISH, read_json(Path(__file__).parent / "templates" / "words.en.json"))


def read_words(path: Path, language: str) -> Words:
    """Sentences in another language.

    The file is JSON with exactly the names of the English sentences, and in each the same places
    for numbers and names, such as {n}. MiuaError: it is not; the message names what differs.
    """
    if not _LANGUAGE.match(language):
        raise MiuaError(f"--language {language} is no language tag. Give one such as de.")
    given: Any = read_json(path)
    own = english().sentences
    if not isinstance(given, dict) or not all(isinstance(text, str) for text in given.values()):
        raise MiuaError(f'{path} must hold names and sentences: {{"name": "sentence"}}.')
    for what, names in (("lacks", own.keys() - given.keys()), ("has", given.keys() - own.keys())):
        if names:
            known = "" if what == "lacks" else ", which the page does not use"
            raise MiuaError(f"{path} {what} {', '.join(sorted(names))}{known}.")
    for name, text in given.items():
        if set(_PLACE.findall(text)) != set(_PLACE.findall(own[name])) or not text.strip():
            places = ", ".join(sorted(set(_PLACE.findall(own[name])))) or "no places in braces"
            raise MiuaError(f"{path}: {name} must be a sentence with {places}.")
    return Words(language, given)
