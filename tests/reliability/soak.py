"""A long run watched from outside: what it holds while it goes, against what it has done.

``python soak.py JOB OUT LEAK`` is the run itself: the real pipeline on its worker processes. LEAK
is a deliberate fault that the measurement must notice, or ``none``.
"""

from __future__ import annotations

import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from itertools import pairwise
from pathlib import Path

RUBRIC = """\
name: plain
version: 1
tiers:
  generic:
    artifacts: {min: 0.3}
    sharpness: {min: 0.9}
rank: {sharpness: 1}
"""
JOB = """\
name: soak
requests: requests.csv
prompt: "a {colour} disc"
generator: {model: fake, width: 48, height: 48, steps: 4}
rubric: rubric.yaml
deliver: 1
candidates: {best_of: 4, batch: 16}
seed: 5
"""
WARM_UP = 0.25
"""Share of a run that caches and allocators may fill in."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What a run held at one moment.

    Attributes:
        done: candidates judged.
        own, workers: resident memory of the run and of its workers together, MB.
    """

    done: int
    own: float
    workers: float
    descriptors: int
    threads: int
    children: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Slopes:
    """How what a run holds grows with what it has done, per 100,000 candidates.

    Attributes:
        drift: speed of the last third over that of the middle third.
        peak: of the run's own memory, also while it writes its tables and report, MB.
    """

    own: float
    workers: float
    descriptors: float
    threads: float
    children: float
    drift: float
    peak: float


def soak(folder: Path, candidates: int, *, leak: str = "none", every: float = 0.5) -> Slopes:
    """Run a job of so many candidates in ``folder`` and watch it.

    Raises:
        AssertionError: the run failed.
    """
    (folder / "rubric.yaml").write_text(RUBRIC)
    (folder / "job.yaml").write_text(JOB)
    lines = "".join(f"r{n},red\n" for n in range(candidates // 4))
    (folder / "requests.csv").write_text(f"id,colour\n{lines}")
    out = folder / "out"
    with (folder / "errors").open("wb") as errors:
        run = subprocess.Popen(
            [sys.executable, __file__, str(folder / "job.yaml"), str(out), leak], stderr=errors
        )
    samples: list[Sample] = []
    peak = 0.0
    start = time.monotonic()
    while run.poll() is None:
        time.sleep(every)
        sample = _sample(run.pid, out, time.monotonic() - start)
        if sample is None:
            continue
        peak = max(peak, sample.own)
        if 0 < sample.done < candidates:
            samples.append(sample)
    assert run.returncode == 0, (folder / "errors").read_text()
    return slopes(samples, peak)


def slopes(samples: Sequence[Sample], peak: float) -> Slopes:
    """The slopes after the warm-up, by least squares."""
    warm = [s for s in samples if s.done > WARM_UP * samples[-1].done]
    assert len(warm) > 10, f"{len(warm)} samples are too few"
    columns = list(zip(*(astuple(s) for s in warm), strict=True))
    per = [1e5 * _slope(columns[0], column) for column in columns[1:6]]
    thirds = [warm[0], warm[len(warm) // 2], warm[-1]]
    speeds = [(b.done - a.done) / (b.seconds - a.seconds) for a, b in pairwise(thirds)]
    return Slopes(*per, drift=speeds[1] / speeds[0], peak=peak)


def _slope(xs: Sequence[float], ys: Sequence[float]) -> float:
    middle, level = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - middle) ** 2 for x in xs)
    return sum((x - middle) * (y - level) for x, y in zip(xs, ys, strict=True)) / spread


def _sample(pid: int, out: Path, seconds: float) -> Sample | None:
    """``None`` before there is a ledger and once the run has ended."""
    try:
        done = _judged(out / "ledger.sqlite")
        process = Path(f"/proc/{pid}")
        threads = len(list((process / "task").iterdir()))
        children = (process / "task" / str(pid) / "children").read_text().split()
        return Sample(
            done=done,
            own=_resident(pid),
            workers=sum(_resident(int(c)) for c in children),
            descriptors=len(list((process / "fd").iterdir())),
            threads=threads,
            children=len(children),
            seconds=seconds,
        )
    except (FileNotFoundError, ProcessLookupError, sqlite3.OperationalError):
        return None


def _judged(ledger: Path) -> int:
    db = sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)
    try:
        (count,) = db.execute("SELECT count(*) FROM verdict").fetchone()
        return int(count)
    finally:
        db.close()


def _resident(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise ProcessLookupError(pid)


def main() -> None:
    """The run itself, with the deliberate fault if one is asked for."""
    from sentinelqa.job import load_job
    from sentinelqa.ledger import Ledger
    from sentinelqa.pipeline import run

    job, out, leak = sys.argv[1:]
    kept: list[object] = []
    record = Ledger.record_scores

    def memory() -> None:
        kept.append(bytearray(b"x" * 200_000))

    def descriptors() -> None:
        kept.append(socket.socket())

    def threads() -> None:
        kept.append(threading.Thread(target=time.sleep, args=(3600,), daemon=True))
        kept[-1].start()  # type: ignore[attr-defined]

    faults = {"memory": memory, "descriptors": descriptors, "threads": threads}

    def leaking(self: Ledger, *arguments: object) -> int:
        faults[leak]()
        return record(self, *arguments)  # type: ignore[arg-type]

    if leak != "none":
        Ledger.record_scores = leaking  # type: ignore[assignment,method-assign]
    run(load_job(job), out=out)


if __name__ == "__main__":
    main()
