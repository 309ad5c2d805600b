"""miua: a study of synthetic fetal head ultrasound images, rerun, measured and judged.

from miua import evaluate
evaluation = evaluate("my/real", "my/synthetic", size=64)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from miua.evaluation.evaluate import evaluate as evaluate

__all__ = ["evaluate"]


def __getattr__(name: str) -> Any:
    """`miua.evaluate` and `miua.__version__`, loaded when asked for, as that takes a while."""
    if name == "evaluate":
        from miua.evaluation.evaluate import evaluate

        return evaluate
    if name == "__version__":
        from importlib.metadata import version

        return version("miua")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
