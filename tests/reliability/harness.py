"""Runs under ``strace``: killed at a system call, refused by the disk, or only written down."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import pandas as pd

MUTATING = ("write", "pwrite64", "fsync", "fdatasync", "rename", "unlink", "mkdir", "ftruncate")
TRACED = (*MUTATING, "openat", "close", "lseek", "rmdir", "unlinkat")
BESIDE = ("fsync", "rename", "unlink", "mkdir")
"""Those that other threads than the first make through ``os``."""
KILL = "KILL"
INJECTED = re.compile(r"^\d+ +([\d.]+) .*(?:\(INJECTED\)|killed by SIGKILL.*)$", re.MULTILINE)
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


class Point(NamedTuple):
    """A system call of a run: the n-th that one thread makes, or of all threads beside the first.

    ``strace`` counts by thread, and acts on the thread that comes to its n-th first. So calls of
    other threads, which come to fewer, are counted by the driver, together.
    """

    call: str
    n: int
    beside: bool = False

    def __str__(self) -> str:
        return f"{self.call} {self.n}{' beside the main thread' if self.beside else ''}"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended.

    Attributes:
        code: exit code, or minus the signal.
        seconds: since it was first interfered with; ``None`` where it never was.
        trace: where ``strace`` wrote.
    """

    code: int
    seconds: float | None
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

    def run(
        self,
        out: Path,
        *,
        mutant: str = "none",
        options: tuple[str, ...] = (),
        beside: str = "nothing",
    ) -> Ended:
        """Run the job into ``out``; with ``options``, under ``strace``.

        Args:
            beside: what the driver does to a call beside the main thread.
        """
        assert self._server.stdin is not None
        self._trace.unlink(missing_ok=True)
        self._server.stdin.write(f"{out} {mutant} {beside}\n")
        self._server.stdin.flush()
        child = int(self._answer())
        tracer = self._attach(child, options) if options else None
        os.kill(child, signal.SIGCONT)
        code = int(self._answer())
        now = time.time()
        if tracer is not None:
            tracer.communicate()
        return Ended(code, self._since(out, now), self._trace)

    def disturb(
        self, out: Path, point: Point, fault: str, *, mutant: str = "none", onwards: bool = False
    ) -> Ended:
        """Run the job, and at a point kill it (``KILL``) or refuse the call (``ENOSPC`` ...).

        Args:
            onwards: every such call from there on.
        """
        when = f"{point.n}{'+' if onwards else ''}"
        if point.beside:
            return self.run(out, mutant=mutant, beside=f"{point.call}:{when}:{fault}")
        what = "signal=KILL" if fault == KILL else f"error={fault}"
        inject = f"inject={point.call}:{what}:when={when}"
        return self.run(
            out, mutant=mutant, options=("-ttt", "-e", f"trace={point.call}", "-e", inject)
        )

    def _since(self, out: Path, now: float) -> float | None:
        """Seconds from the first interference until now."""
        told = Path(f"{out}.disturbed")
        if told.exists():
            first = told.stat().st_mtime
            told.unlink()
            return now - first
        if not self._trace.exists():
            return None
        injected = INJECTED.search(self._trace.read_text())
        return now - float(injected[1]) if injected else None

    @property
    def errors(self) -> str:
        """What the runs printed."""
        return (self.folder / "stderr").read_text()

    def points(self, *calls: str) -> list[Point]:
        """Every call of an undisturbed run that changes something, or those of these names."""
        out = self.folder / "counted"
        wanted = calls or MUTATING
        trace = self.run(out, options=("-e", f"trace={','.join(wanted)}")).trace.read_text()
        shutil.rmtree(out)
        found = Counter(re.findall(r"^(\d+) +(\w+)\(", trace, re.MULTILINE))
        main = trace.split(maxsplit=1)[0]
        most = {c: max(n for (_, call), n in found.items() if call == c) for c in wanted}
        others = {
            c: sum(n for (thread, call), n in found.items() if call == c and thread != main)
            for c in wanted
            if c in BESIDE
        }
        return [Point(c, n) for c in wanted for n in range(1, most[c] + 1)] + [
            Point(c, n, beside=True) for c in others for n in range(1, others[c] + 1)
        ]

    def _attach(self, child: int, options: tuple[str, ...]) -> subprocess.Popen[str]:
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
