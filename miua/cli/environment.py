"""What a bug report needs: `miua env`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer


def env_command(
    json: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False,
) -> None:
    """Print what a bug report needs: versions, machine, settings."""
    from miua.environment import environment

    found = environment()
    if json:
        import json as json_module

        print(json_module.dumps(found, indent=2))
        return
    lines = [line for line in _lines(found) if line[1]]
    width = max(len(name) for name, _ in lines)
    for name, text in lines:
        print(f"{name:{width}}  {text}")


def _lines(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Names and what stands behind them; a name is empty where the line before goes on."""
    code, system, hardware = found["miua"], found["system"], found["hardware"]
    yield "miua", f"{code['version'] or 'not installed'}, in {code['folder']}"
    yield "commit", _commit(code)
    python = found["python"]
    yield "Python", f"{python['implementation']} {python['version']}, {python['program']}"
    yield "system", f"{system['name']} ({system['kernel']})"
    yield "container", system["container"] or "no"
    yield (
        "processor",
        (f"{hardware['processor']} ({hardware['architecture']}), {hardware['cores']} cores to use"),
    )
    yield "memory", f"{hardware['memory_bytes'] / 1e9:.1f} GB"
    yield "GPU", _joined(_gpu(gpu) for gpu in hardware["gpus"])
    kernels = found["kernels"]
    used = kernels["forced"] or kernels["instruction_sets"][-1]
    yield "kernels", f"{used}, of {', '.join(kernels['instruction_sets'])}"
    for number, pool in enumerate(found["thread_pools"]):
        words = (pool["library"], pool["version"], pool["architecture"])
        told = " ".join(word for word in words if word)
        yield "" if number else "libraries", f"{pool['user_api']}: {told}, {_threads(pool)}"
    yield "torch", _torch(found["torch"])
    yield "extras", "; ".join(_extra(*item) for item in found["extras"].items())
    yield (
        "packages",
        ", ".join(
            f"{name} {version or '(missing)'}" for name, version in found["packages"].items()
        ),
    )
    yield from _lock(found["lock"])
    yield "LaTeX", found["latex"] or "none"
    yield "Slurm", found["slurm"] or "none"
    data = found["data_folder"]
    yield (
        "data",
        f"{data['path']}, {data['free_bytes'] / 1e9:.1f} GB free"
        + ("" if data["exists"] else " (not made yet)"),
    )
    yield "variables", _joined(f"{name}={value}" for name, value in found["variables"].items())


def _joined(texts: Iterator[str]) -> str:
    return ", ".join(texts) or "none"


def _commit(code: dict[str, Any]) -> str:
    if code["commit"] is None:
        return "not known: no checkout"
    return f"{code['commit']}{', with uncommitted changes' if code['uncommitted_changes'] else ''}"


def _gpu(gpu: dict[str, Any]) -> str:
    memory = f", {gpu['memory_bytes'] / 1e9:.1f} GB" if gpu["memory_bytes"] else ""
    return f"{gpu['name']}{memory}, driver {gpu['driver']}"


def _threads(pool: dict[str, Any]) -> str:
    count = pool["num_threads"]
    return f"{count} thread{'' if count == 1 else 's'}"


def _torch(found: dict[str, Any] | None) -> str:
    if found is None:
        return "not installed"
    cuda = f"built for CUDA {found['cuda_of_build']}" if found["cuda_of_build"] else "without CUDA"
    seen = f"sees {_joined(iter(found['gpus']))}" if found["cuda_available"] else "sees no GPU"
    return f"{found['version']}, {cuda}, {seen}, {found['threads']} threads"


def _extra(name: str, missing: list[str]) -> str:
    return f"{name} (missing: {', '.join(missing)})" if missing else name


def _lock(lock: dict[str, Any] | None) -> Iterator[tuple[str, str]]:
    if lock is None:
        yield "lock", "none: installed without requirements.lock"
        return
    different, missing = lock["differ"], lock["missing"]
    yield (
        "lock",
        (
            f"{len(different)} packages of other versions, {len(missing)} not installed"
            if different or missing
            else f"every package as in {lock['file']}"
        ),
    )
    for each in different:
        yield "", f"{each['package']} {each['installed']} (locked: {each['locked']})"
    if missing:
        yield "", f"not installed: {', '.join(missing)}"
