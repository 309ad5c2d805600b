"""torch's Adam, without the compiler that it loads and a training here does not use.

torch's optimisers load `torch._dynamo` at their first call, to tell it not to compile them. That
takes longer than loading torch itself. `tests/training/test_optimiser.py` sees to it that this
stays away, and that the steps are Adam's.
"""

from __future__ import annotations

import torch


class Adam(torch.optim.Adam):
    """torch.optim.Adam. Its step is the same function, without what wraps it for the compiler."""

    step = torch.no_grad()(getattr(torch.optim.Adam.step, "__wrapped__", torch.optim.Adam.step))


def _do_without_compiler() -> None:
    """Answer what the other methods ask first: what to call, so that nothing is compiled."""
    for method in vars(torch.optim.Optimizer).values():
        if plain := getattr(method, "__wrapped__", None):
            setattr(plain, "__dynamo_disable", plain)


_do_without_compiler()
