"""How commands are declared: an option with its help, and the packages that a command needs."""

import inspect
from collections.abc import Callable, Iterable
from functools import wraps
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any, get_type_hints

import typer

from miua.errors import MissingExtraError

# Modules that the light install does not bring.
STUDY_PACKAGES = {
    *("jinja2", "matplotlib", "pandas", "pooch", "pydantic", "requests", "safetensors"),
    *("snakemake", "statsmodels", "torch", "torch_fidelity", "torchvision", "yaml"),
}


def option(help: str, *names: str, **limits: Any) -> Any:
    """An option with its help; its name is its parameter's unless `names` say otherwise."""
    return typer.Option(*names, help=help, **limits)


def argument(help: str) -> Any:
    """An argument with its help."""
    return typer.Argument(help=help)


def need(what: str, *packages: str, extra: str = "study") -> None:
    """Raise the error that names the extra, before any work, unless the packages are installed."""
    for package in packages:
        if find_spec(package) is None:
            raise MissingExtraError(what, package, extra)


def takes(**groups: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let functions declare options of a command: one function for each parameter named here.

    The function's parameters become options, in the parameter's place; the command gets what the
    function returns.
    """
    declared = {name: _parameters(group) for name, group in groups.items()}

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(command)
        def wrapped(**given: Any) -> Any:
            for name, group in groups.items():
                given[name] = group(**{each.name: given.pop(each.name) for each in declared[name]})
            return command(**given)

        parameters = []
        for parameter in _parameters(command, groups):
            parameters += declared.get(parameter.name, [parameter])
        wrapped.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        wrapped.__annotations__ = {each.name: each.annotation for each in parameters}
        return wrapped

    return decorate


def _parameters(
    function: Callable[..., Any], unread: Iterable[str] = ()
) -> list[inspect.Parameter]:
    """A function's parameters with their annotations read, but for those of `unread`."""
    names = function.__annotations__.keys() - {"return", *unread}
    texts = {name: function.__annotations__[name] for name in names}
    hints = get_type_hints(
        SimpleNamespace(__annotations__=texts), function.__globals__, include_extras=True
    )
    return [
        each.replace(annotation=hints.get(name), kind=inspect.Parameter.KEYWORD_ONLY)
        for name, each in inspect.signature(function).parameters.items()
    ]
