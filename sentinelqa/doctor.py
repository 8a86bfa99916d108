"""What ``sentinelqa doctor`` looks at: the machine, the installation, the models."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

LEAST_MEMORY = 4e9
LEAST_DISK = 2e9
SQLITE_FIXED = (3, 51, 3)
"""Earlier versions may lose a committed page when a WAL is reset under two checkpointers; a run has
one, so this is advice."""


class Level(StrEnum):
    """How much a finding matters."""

    GOOD = "ok"
    ADVICE = "advice"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the check-up."""

    level: Level
    subject: str
    text: str
    remedy: str = ""


def examine(path: Path) -> Iterator[Finding]:
    """Look at everything; ``path`` is where runs would be written."""
    yield Finding(Level.GOOD, "python", f"{platform.python_version()} on {platform.system()}")
    yield from _packages()
    yield from _onnxruntime()
    yield _memory()
    yield _disk(path)
    yield _sqlite()
    yield from _models()


def _packages() -> Iterator[Finding]:
    yield from (_extra(name, packages) for name, packages in EXTRAS.items())
    if find_spec("torch") is None:
        return
    import torch

    if torch.cuda.is_available():
        names = {torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())}
        device = f"{torch.cuda.device_count()} x {', '.join(sorted(names))}"
    else:
        device = f"no CUDA device; {len(os.sched_getaffinity(0))} CPU cores"
    yield Finding(Level.GOOD, "device", f"torch {torch.__version__}, {device}")


EXTRAS = {
    "generate": ("torch", "diffusers", "transformers", "accelerate", "safetensors"),
    "clip": ("torch", "open_clip", "safetensors"),
}
"""Extra -> the modules it brings."""


def _extra(name: str, modules: tuple[str, ...]) -> Finding:
    missing = [m for m in modules if find_spec(m) is None]
    if missing:
        return Finding(
            Level.ADVICE,
            f"extra {name}",
            f"not installed ({', '.join(missing)})",
            f"pip install 'sentinelqa[{name}]'",
        )
    return Finding(Level.GOOD, f"extra {name}", "installed")


def _onnxruntime() -> Iterator[Finding]:
    installed = [n for n in ("onnxruntime", "onnxruntime-gpu") if _version(n)]
    if len(installed) == 2:
        yield Finding(
            Level.PROBLEM,
            "onnxruntime",
            "onnxruntime and onnxruntime-gpu are both installed; they overwrite each other's "
            "files, and models silently run on the CPU",
            "pip uninstall onnxruntime onnxruntime-gpu, then install the one you want",
        )
    elif installed:
        yield Finding(Level.GOOD, "onnxruntime", f"{installed[0]} {_version(installed[0])}")
    opencv = [
        n
        for n in ("opencv-python", "opencv-python-headless", "opencv-contrib-python")
        if _version(n)
    ]
    if len(opencv) > 1:
        yield Finding(
            Level.ADVICE,
            "opencv",
            f"{' and '.join(opencv)} are both installed and share one folder",
            "keep one of them",
        )


def _memory() -> Finding:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    level = Level.GOOD if total >= LEAST_MEMORY else Level.ADVICE
    return Finding(level, "memory", f"{total / 1e9:.0f} GB")


def _disk(path: Path) -> Finding:
    existing = next(p for p in (path.resolve(), *path.resolve().parents) if p.exists())
    free = shutil.disk_usage(existing).free
    level = Level.GOOD if free >= LEAST_DISK else Level.PROBLEM
    return Finding(level, "disk", f"{free / 1e9:.0f} GB free at {existing}")


def _sqlite() -> Finding:
    found = sqlite3.sqlite_version_info
    text = f"SQLite {sqlite3.sqlite_version}"
    if found < (3, 37):
        return Finding(Level.PROBLEM, "ledger", f"{text} has no STRICT tables", "use Python 3.11+")
    if found < SQLITE_FIXED:
        return Finding(
            Level.ADVICE,
            "ledger",
            f"{text}; do not open a running run's ledger for writing with another program",
        )
    return Finding(Level.GOOD, "ledger", text)


def _models() -> Iterator[Finding]:
    from sentinelqa.errors import SentinelError
    from sentinelqa.weights import resolve

    for model in ("starter", "starter-clip"):
        try:
            resolved = resolve(model)
        except SentinelError as error:
            yield Finding(Level.PROBLEM, model, str(error).splitlines()[0], "reinstall sentinelqa")
        else:
            yield Finding(Level.GOOD, model, f"{resolved.licence}, {resolved.path}")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
