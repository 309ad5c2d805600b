"""The one exception that speaks to the person at the terminal."""


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


def missing_extra(what: str, error: ModuleNotFoundError) -> Exception:
    """The error that names the extra; a missing module of our own is a defect and stays itself."""
    package = (error.name or "miua").split(".")[0]
    return error if package == "miua" else MissingExtraError(what, package)
