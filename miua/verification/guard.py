"""What a check cannot read is a finding, too: results of others may hold anything."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from miua.errors import MissingExtraError, MiuaError
from miua.files import read_json
from miua.verification.finding import Finding


def guarded(check: str, subject: str, find: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """The findings of `find`; if something that it reads is missing or damaged, one that says so.

    Raises:
        MissingExtraError: what is missing is a package.
    """
    try:
        yield from find()
    except MissingExtraError:
        raise
    except MiuaError as error:
        yield Finding(check, subject, "failed", str(error))
    except Exception as error:
        # Content made by a stranger can make any library raise anything; whatever it is, the
        # other checks must go on, and this one must not pass.
        said = f"{type(error).__name__}: {error}"
        yield Finding(check, subject, "failed", f"It cannot be read as what it should be ({said}).")


def read_record(path: Path) -> dict[str, Any]:
    """A provenance record or other JSON object. MiuaError: it is missing or none."""
    record = read_json(path)
    if not isinstance(record, dict):
        raise MiuaError(f"{path} holds no record. Make it again.")
    return record
