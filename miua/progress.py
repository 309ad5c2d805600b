"""How far, how fast, how long yet: a bar on a terminal, one plain line every few seconds elsewhere.

    with Progress("Downloading HC18", total=size, unit="B") as shown:
        for block in blocks:
            shown.advance(len(block))

    for epoch in progress(range(300), "Training", unit="epochs"): ...

Everything goes to standard error, so that a command's output stays clean for pipes.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING, TextIO, TypeVar

from miua.wording import printable

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

Item = TypeVar("Item")

SECONDS_BETWEEN_LINES = 5.0
SECONDS_BETWEEN_DRAWINGS = 0.1
SECONDS_BETWEEN_LOOKS = 0.5  # at work that other threads do


class Progress:
    """Counts work that is done and shows it; use as a context manager, from one thread.

    `total` is the amount of work in `unit`s (None: not known; may be set later), `done` what was
    there before the start, such as the part of a file that an earlier download left: it counts as
    done, but not towards the rate. The unit "B" is shown as kB, MB or GB (powers of 1000).
    `uneven`: units take such different times that a rate would mislead; none is shown then.
    Work that ends before the first plain line is due prints nothing.
    """

    def __init__(
        self,
        description: str,
        total: int | None = None,
        unit: str = "",
        *,
        done: int = 0,
        uneven: bool = False,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.description, self.total, self.unit = description, total, unit
        self.done = self._before = done
        self.note = ""
        self._uneven = uneven
        self._stream = sys.stderr if stream is None else stream
        self._terminal = self._stream.isatty()
        self._pause = SECONDS_BETWEEN_DRAWINGS if self._terminal else SECONDS_BETWEEN_LINES
        self._clock = clock
        self._start = self._last_shown = clock()
        self._bar: RichProgress | None = None

    def __enter__(self) -> Progress:
        if self._terminal:
            # Imported here: rich takes longer to load than most of what runs without a terminal.
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn
            from rich.progress import Progress as RichProgress

            names = ("{task.description}", "{task.fields[status]}")
            name, status = (TextColumn(text, markup=False) for text in names)
            console = Console(file=self._stream)
            columns = (name, BarColumn(bar_width=30), status)
            self._bar = RichProgress(*columns, console=console, refresh_per_second=10)
            self._bar.start()
            self._bar.add_task(self.description, total=self.total, status="")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._bar is not None:
            self._show()
            self._bar.stop()
        elif self._last_shown > self._start and kind is None:
            taken = f"in {duration(self._clock() - self._start)}"
            self._line(f"{_amount(self.done, self.unit)} {taken}", self.note)

    def advance(self, amount: int = 1, note: str | None = None) -> None:
        """Add `amount` to the work done; `note` (a loss, a file name) is shown behind the rest."""
        self.done += amount
        if note is not None:
            self.note = note
        now = self._clock()
        if now - self._last_shown >= self._pause:
            self._last_shown = now
            self._show()

    def _show(self) -> None:
        if self._bar is None:
            self._line(self.status())
        else:
            task = self._bar.task_ids[0]
            self._bar.update(task, completed=self.done, total=self.total, status=self.status())

    def _line(self, *parts: str) -> None:
        text = ", ".join(filter(None, parts))
        print(f"{self.description}: {text}", file=self._stream, flush=True)

    def status(self) -> str:
        """Count, share, rate and time left in words, as far as they are known."""
        elapsed = self._clock() - self._start
        rate = (self.done - self._before) / elapsed if elapsed > 0 else 0.0
        parts = [_amount(self.done, self.unit)]
        if self.total:
            done = _amount(self.done, "B" if self.unit == "B" else "")
            share = f"{100 * self.done / self.total:.0f} %"
            parts = [f"{done} of {_amount(self.total, self.unit)} ({share})"]
        if rate > 0 and not self._uneven:
            digits = 0 if rate >= 100 else 1 if rate >= 1 else 3
            parts.append(f"{_amount(rate, self.unit, digits)}/s")
            if self.total and self.total > self.done:
                parts.append(f"{duration((self.total - self.done) / rate)} left")
        return ", ".join([*parts, self.note] if self.note else parts)


def say(text: str) -> None:
    """Tell the person at the terminal one thing, on standard error."""
    print(printable(text), file=sys.stderr, flush=True)


def progress(
    items: Iterable[Item], description: str, unit: str = "", *, total: int | None = None
) -> Iterator[Item]:
    """Yield `items` one by one and show how far the loop is."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    with Progress(description, total, unit) as shown:
        for item in items:
            yield item
            shown.advance()


@contextmanager
def watched(
    description: str, total: int, unit: str, look: Callable[[], tuple[int, str]]
) -> Iterator[None]:
    """Show how far the work in the block is, also where no unit of it ends for minutes.

    look: how many units are done, and a note; it is asked again and again, by another thread.
    """
    over = Event()
    with Progress(description, total, unit, uneven=True) as shown:

        def show() -> None:
            done, note = look()
            shown.advance(done - shown.done, note)

        def watch() -> None:
            while not over.wait(SECONDS_BETWEEN_LOOKS):
                show()

        watcher = Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()
        show()


def _amount(amount: float, unit: str, digits: int = 0) -> str:
    if unit == "B":
        from rich.filesize import decimal

        return decimal(int(amount))
    return f"{amount:,.{digits}f} {unit}".rstrip()


def duration(seconds: float) -> str:
    """A time in words, such as "3 min 05 s"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
