"""What figures were measured on, and with what."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.runner import ROOT

PACKAGES = ("torch", "diffusers", "open-clip-torch", "numpy", "opencv-python-headless", "pillow")


def facts() -> dict[str, Any]:
    """Commit, date, machine and versions, as they go into the history."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "machine": machine(),
        "versions": {"python": platform.python_version(), **_packages()},
    }


def commit() -> str:
    """The commit that is measured; with a ``+`` where the checkout holds changes to the code."""
    head = _git("rev-parse", "--short=12", "HEAD")
    changed = _git("status", "--porcelain", "--", "sentinelqa", "benchmarks/rows", "models")
    return head + "+" * bool(changed)


def machine() -> str:
    """Processor, cores, and the accelerator if there is one."""
    cores = len(os.sched_getaffinity(0))
    return ", ".join(filter(None, [_processor(), f"{cores} cores", _accelerator()]))


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _accelerator() -> str:
    try:
        import torch
    except ModuleNotFoundError:
        return ""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else ""


def _packages() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
