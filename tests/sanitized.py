"""A pytest plugin: test the compiled module that MIUA_KERNELS names, not the installed one."""

import importlib.util
import os
import sys

import miua

_spec = importlib.util.spec_from_file_location("miua._kernels", os.environ["MIUA_KERNELS"])
assert _spec is not None and _spec.loader is not None
_kernels = importlib.util.module_from_spec(_spec)
sys.modules["miua._kernels"] = _kernels
_spec.loader.exec_module(_kernels)
miua._kernels = _kernels  # type: ignore[attr-defined]
