"""Where a command's words go: no pipe, full disk or terminal stops its work."""

import codecs
import errno
import io
import os
import sys
import unicodedata
from typing import Any

from miua.wording import INFINITY, MINUS, MISSING

# What a terminal gets that has no such sign.
SIGNS = {MINUS: "-", MISSING: "-", INFINITY: "inf", "±": "+-", "×": "x", "·": "*", "→": "->",
         "≤": "<=", "≥": ">=", "≠": "!=", "≈": "~", "‘": "'", "’": "'", "“": '"', "”": '"',
         "—": "-", "⁄": "/", "•": "*", "²": "2", "°": " degrees"}  # fmt: skip
_HANDLER = "miua-other-sign"


class Unstopped(io.RawIOBase):
    """A standard stream that takes all words, also when nobody does any more.

    error: why it could not write; from then on words are dropped.
    """

    def __init__(self, stream: io.RawIOBase) -> None:
        self._stream = stream
        self.error: OSError | None = None

    def writable(self) -> bool:
        """Yes."""
        return True

    def fileno(self) -> int:
        """The descriptor of the stream."""
        return self._stream.fileno()

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self._stream.isatty()

    def write(self, data: Any) -> int | None:
        """Write, or drop the words."""
        if self.error is None:
            try:
                return self._stream.write(data)
            except OSError as error:
                self.error = error
        return len(data)


def keep_words() -> None:
    """Let standard output and error take all words, in signs that they can show."""
    codecs.register_error(_HANDLER, _other_sign)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed before the start
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
            continue
        if type(stream) is not io.TextIOWrapper:  # a test's
            continue
        raw = getattr(stream.buffer, "raw", stream.buffer)  # python -u has no buffer
        if not isinstance(raw, io.FileIO):
            continue
        stream.flush()
        words = Unstopped(raw)
        errors = _HANDLER if stream.errors in ("strict", "backslashreplace") else stream.errors
        buffer: Any = words if stream.write_through else io.BufferedWriter(words)
        written = io.TextIOWrapper(
            buffer,
            stream.encoding,
            errors,
            line_buffering=stream.line_buffering,
            write_through=stream.write_through,
        )
        setattr(sys, name, written)


def lost_words() -> str:
    """Why the words did not arrive; "" if they did, or if their reader closed the pipe."""
    sys.stdout.flush()
    buffer = getattr(sys.stdout, "buffer", None)
    words = getattr(buffer, "raw", buffer)
    error = words.error if isinstance(words, Unstopped) else None
    if error is None or error.errno == errno.EPIPE:
        return ""
    return f"what is printed could not be written ({error.strerror}); files could."


def _other_sign(error: UnicodeError) -> tuple[str | bytes, int]:
    """What stands for a sign that an encoding has not: a handler of codec errors."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    sign = error.object[error.start]
    if "\udc80" <= sign <= "\udcff":  # a byte of a file name that is no text
        return bytes([ord(sign) - 0xDC00]), error.start + 1
    return in_ascii(sign), error.start + 1


def in_ascii(sign: str) -> str:
    """A sign in ASCII: "-" for a minus sign, "Sigma" for Σ, "e" for é; else its escape."""
    if sign in SIGNS:
        return SIGNS[sign]
    if unicodedata.combining(sign):
        return ""
    kind, letter, name = unicodedata.name(sign, "").partition(" LETTER ")
    if letter and kind.startswith("GREEK"):
        name = name.split()[0]
        return name.capitalize() if "CAPITAL" in kind else name.lower()
    plain = unicodedata.normalize("NFKD", sign)
    if plain != sign:
        return "".join(each if each.isascii() else in_ascii(each) for each in plain)
    return sign.encode("ascii", "backslashreplace").decode()
