"""What is told to torch and to the C library before a training."""

import pytest
import torch

from miua.errors import MiuaError
from miua.training.device import choose_device, set_precision


def test_a_device_that_is_not_there_is_told(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert choose_device("auto") == torch.device("cpu")
    with pytest.raises(MiuaError, match="No CUDA device was found"):
        choose_device("cuda")
    with pytest.raises(MiuaError, match="tf32 needs a CUDA device"):
        set_precision("tf32", torch.device("cpu"))


@pytest.mark.parametrize(
    ("precision", "allowed"), [("tf32", True), ("float32", False), ("bfloat16", False)]
)
def test_tensorfloat_32_is_allowed_only_where_it_was_asked_for(precision, allowed):
    parts = (torch.backends.cuda.matmul, torch.backends.cudnn)
    before = [part.allow_tf32 for part in parts]
    try:
        for part in parts:
            part.allow_tf32 = not allowed
        set_precision(precision, torch.device("cuda"))
        assert [part.allow_tf32 for part in parts] == [allowed, allowed]
    finally:
        for part, value in zip(parts, before, strict=True):
            part.allow_tf32 = value
