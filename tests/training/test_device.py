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
