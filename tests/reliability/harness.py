"""Runs under ``strace``: killed at a system call, refused by the disk, or only written down."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pandas as pd

MUTATING = ("write", "pwrite64", "fsync", "fdatasync", "rename", "unlink", "mkdir", "ftruncate")
TRACED = (*MUTATING, "openat", "close", "lseek", "rmdir", "unlinkat")
CLOCKED = ("generate_seconds", "score_seconds", "cost", "cost_per_delivered")
"""Columns that hold measured times, the only ones that may differ between equal runs."""

RUBRIC = """\
name: plain
version: 1
tiers:
  generic:
    artifacts: {min: 0.3}
    sharpness: {min: 0.955}
rank: {sharpness: 1}
"""
JOB = """\
name: killed
requests: requests.csv
prompt: "a {colour} disc"
generator: {model: fake, width: 32, height: 32, steps: 4}
rubric: rubric.yaml
deliver: 2
candidates: {first: 3, max: 9, batch: 4}
retry: {rounds: 2}
seed: 11
"""


def can_trace() -> str:
    """Why ``strace`` cannot be used here; empty when it can."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    tried = subprocess.run(["strace", "-qq", "true"], check=False, capture_output=True, text=True)
    return "" if tried.returncode == 0 else f"ptrace is refused: {tried.stderr.strip()}"


def write_job(folder: Path) -> Path:
    """A job of three requests whose first round falls short for some."""
    (folder / "rubric.yaml").write_text(RUBRIC)
    (folder / "job.yaml").write_text(JOB)
    (folder / "requests.csv").write_text("id,colour\na,red\nb,blue\nc,green\n")
    return folder / "job.yaml"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended.

    Attributes:
        code: exit code, or minus the signal.
        seconds: since the tracer first interfered; without it, since the start.
        trace: where ``strace`` wrote.
    """

    code: int
    seconds: float
    trace: Path


class Runs:
    """A server that runs the job again and again. A context manager."""

    def __init__(self, job: Path, folder: Path) -> None:
        self.folder = folder
        self._trace = folder / "trace"
        with (folder / "stderr").open("w") as errors:
            self._server = subprocess.Popen(
                [sys.executable, "-B", str(Path(__file__).with_name("driver.py")), str(job)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
        assert self._answer() == "ready"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.close()
        self._server.wait()
        self._server.stdout.close()

    def run(self, out: Path, *, mutant: str = "none", options: tuple[str, ...] = ()) -> Ended:
        """Run the job into ``out``; with ``options``, under ``strace``."""
        assert self._server.stdin is not None
        self._server.stdin.write(f"{out} {mutant}\n")
        self._server.stdin.flush()
        child = int(self._answer())
        tracer = self._attach(child, options) if options else None
        start = time.monotonic()
        os.kill(child, signal.SIGCONT)
        code = int(self._answer())
        seconds = time.monotonic() - start
        now = time.time()
        if tracer is not None:
            tracer.communicate()
            first = re.compile(r"^\d+ +([\d.]+) .*\(INJECTED\)$", re.MULTILINE)
            interfered = first.search(self._trace.read_text())
            seconds = now - float(interfered[1]) if interfered else seconds
        return Ended(code, seconds, self._trace)

    @property
    def errors(self) -> str:
        """What the runs printed."""
        return (self.folder / "stderr").read_text()

    def kill_points(self) -> list[tuple[str, int]]:
        """(system call, n): every mutating call of an undisturbed run."""
        out = self.folder / "counted"
        ended = self.run(out, options=("-e", f"trace={','.join(MUTATING)}"))
        calls = re.findall(r"^\d+ +(\w+)\(", ended.trace.read_text(), re.MULTILINE)
        shutil.rmtree(out)
        return [(c, n) for c in MUTATING for n in range(1, calls.count(c) + 1)]

    def _attach(self, child: int, options: tuple[str, ...]) -> subprocess.Popen[str]:
        self._trace.unlink(missing_ok=True)
        tracer = subprocess.Popen(
            ["strace", "-f", "-o", str(self._trace), *options, "-p", str(child)],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert tracer.stderr is not None
        said = tracer.stderr.readline()
        assert "attached" in said, said
        return tracer

    def _answer(self) -> str:
        assert self._server.stdout is not None
        line = self._server.stdout.readline().strip()
        assert line, f"the driver died: {self.errors}"
        return line


def outcome(out: Path) -> dict[str, Any]:
    """Everything that must not depend on what happened on the way."""
    delivered = out / "delivered"
    files = {
        str(p.relative_to(delivered)): p.read_bytes()
        for p in sorted(delivered.rglob("*"))
        if p.is_file()
    }
    tables = {
        name: pd.read_parquet(out / f"{name}.parquet")
        .drop(columns=list(CLOCKED), errors="ignore")
        .to_json()
        for name in ("candidates", "requests")
    }
    return files | tables


HOSTILE = """\
[sentinelqa.generators]
hostile = hostile:HostileGenerator

[sentinelqa.dimensions]
hostile = hostile:HostileDimension
"""


def install_hostile(site: Path) -> None:
    """Install the plug-in ``hostile.py`` into a folder that is to be put on the path."""
    (site / "hostile-1.dist-info").mkdir(parents=True)
    (site / "hostile-1.dist-info/METADATA").write_text("Name: hostile\nVersion: 1\n")
    (site / "hostile-1.dist-info/entry_points.txt").write_text(HOSTILE)
    shutil.copy(Path(__file__).with_name("hostile.py"), site)


def descendants(variable: str, value: Path) -> list[str]:
    """Processes whose environment says so, and children of this one; zombies among them."""
    found = []
    said = f"{variable}={value}".encode()
    me = str(os.getpid())
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or entry.name == me:
            continue
        try:
            state, parent, *_ = (entry / "stat").read_text().rpartition(") ")[2].split()
            if said in (entry / "environ").read_bytes() or (parent == me and state == "Z"):
                found.append(f"process {entry.name} ({state})")
        except (FileNotFoundError, PermissionError, ProcessLookupError):
            continue
    return found
