"""The one exception that speaks to the person at the terminal."""

from collections.abc import Iterator
from contextlib import contextmanager


class MiuaError(Exception):
    """Something the user can fix: says what is wrong, where, and what to do.

    The command line prints the message alone, without a traceback, and exits with status 1.
    """


class MissingExtraError(MiuaError):
    """A command needs packages that the light install does not bring."""

    def __init__(self, what: str, package: str, extra: str = "study") -> None:
        super().__init__(
            f"{what} needs the package {package!r}, which the light install does not bring. "
            f"Install the extra {extra!r}: pip install 'miua[{extra}]'"
        )


@contextmanager
def extra_named(what: str, extra: str = "study") -> Iterator[None]:
    """Name the extra where a package is missing; a missing module of our own stays a defect."""
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "miua").split(".")[0]
        raise (error if package == "miua" else MissingExtraError(what, package, extra)) from None
