"""TERM and Ctrl-C at random moments: a run ends soon, in order, and goes on as if undisturbed."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from harness import RUBRIC, descendants, install_hostile, outcome

from sentinelqa import fsck

SOON = 10.0
"""Seconds within which an interrupted run has ended."""
CODE = 130
BATCH = 4
JOB = """\
name: interrupted
requests: requests.csv
prompt: "a {colour} disc"
generator: {model: hostile, width: 32, height: 32, steps: 4}
rubric: rubric.yaml
deliver: 2
candidates: {first: 3, max: 9, batch: 4}
retry: {rounds: 2}
seed: 11
"""
START = """\
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from sentinelqa.cli import main
MUTANT
print("ready", flush=True)
main(["run", sys.argv[1], "--out", sys.argv[2], "-q"])
"""
MUTANTS = {
    "none": "",
    "leases stay": (
        "from sentinelqa.ledger import states; states.give_back = lambda db, session: None"
    ),
    "slow to leave": (
        "import time; from sentinelqa.engines import local\n"
        "local.LocalEngine.__exit__ = lambda self, *exc: time.sleep(11)"
    ),
}


@dataclass(frozen=True, slots=True)
class Stopped:
    """How one interrupted process ended."""

    code: int
    seconds: float
    wrong: tuple[str, ...]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("signals")
    install_hostile(folder / "site")
    (folder / "rubric.yaml").write_text(RUBRIC)
    (folder / "job.yaml").write_text(JOB)
    colours = ("red", "blue", "green", "teal", "pink", "grey", "brown", "black")
    lines = "".join(f"r{n},{colour}\n" for n, colour in enumerate(colours))
    (folder / "requests.csv").write_text(f"id,colour\n{lines}")
    (folder / "deeds.json").write_text('{"generation": {}, "scoring": {}}')
    return folder


@pytest.fixture(scope="module")
def undisturbed(folder: Path) -> tuple[dict[str, Any], float]:
    """What an undisturbed run delivers, and how many seconds it takes."""
    start = time.monotonic()
    whole(folder, folder / "undisturbed")
    return outcome(folder / "undisturbed"), time.monotonic() - start


def whole(folder: Path, out: Path) -> None:
    """Run to the end."""
    process = begin(folder, out)
    _, said = process.communicate(timeout=120)
    assert process.returncode in (0, 1), said


def begin(folder: Path, out: Path, mutant: str = "none") -> subprocess.Popen[str]:
    """Start the run; returns once it is about to work."""
    path = os.pathsep.join([str(folder / "site"), str(Path(fsck.__file__).parents[1])])
    process = subprocess.Popen(
        [sys.executable, "-c", START.replace("MUTANT", MUTANTS[mutant]), "job.yaml", str(out)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path, "HOSTILE": str(folder / "deeds.json")},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def stop(folder: Path, out: Path, how: signal.Signals, after: float) -> Stopped:
    """Start or resume the run, and interrupt it after so many seconds."""
    process = begin(folder, out)
    try:
        process.wait(timeout=after)
    except subprocess.TimeoutExpired:
        process.send_signal(how)
    return ended(folder, out, process)


def ended(folder: Path, out: Path, process: subprocess.Popen[str]) -> Stopped:
    """Wait for an interrupted process to end, and look at what it leaves."""
    start = time.monotonic()
    _, said = process.communicate(timeout=60)
    seconds = time.monotonic() - start
    wrong = [f"{p} is left" for p in descendants("HOSTILE", folder / "deeds.json")]
    if process.returncode not in (0, 1, CODE) or "Traceback" in said:
        wrong.append(f"exit code {process.returncode}: {said}")
    if seconds > SOON:
        wrong.append(f"it took {seconds:.1f} s to end")
    if (out / "ledger.sqlite").exists():
        kinds = ("ledger", "image", "delivery")
        wrong += [str(p) for p in fsck.check(out) if not p.harmless and p.kind in kinds]
        if count := leased(out):
            wrong.append(f"{count} leases are left")
    return Stopped(process.returncode, seconds, tuple(wrong))


def leased(out: Path) -> int:
    db = sqlite3.connect(out / "ledger.sqlite")
    (count,) = db.execute("SELECT count(*) FROM candidate WHERE state = 'leased'").fetchone()
    db.close()
    return int(count)


def made(folder: Path) -> int:
    """How many candidates were begun in all runs of this folder since it was last asked."""
    log = folder / "deeds.begun"
    count = log.read_text().count("generation ") if log.exists() else 0
    log.unlink(missing_ok=True)
    return count


def interrupt_often(
    folder: Path, times: int, seed: int, expected: tuple[dict[str, Any], float]
) -> tuple[list[Stopped], list[int]]:
    """Interrupt ``times`` processes at random moments, each run again and again until it is done.

    Returns:
        how each process ended, and per run how many candidates were made more than once, over the
        number of its interruptions.
    """
    delivered, seconds = expected
    rng = random.Random(seed)
    stopped: list[Stopped] = []
    again: list[int] = []
    number = 0
    planned = len(whole_candidates(folder / "undisturbed"))
    while sum(s.code == CODE for s in stopped) < times:
        out = folder / f"out-{seed}-{number}"
        number += 1
        made(folder)
        before = len(stopped)
        while not stopped or len(stopped) == before or stopped[-1].code == CODE:
            how = rng.choice((signal.SIGTERM, signal.SIGINT))
            stopped.append(stop(folder, out, how, rng.uniform(0, 1.1 * seconds)))
            assert stopped[-1].wrong == (), f"interruption {len(stopped)}"
            if sum(s.code == CODE for s in stopped) >= times:
                break
        whole(folder, out)
        assert outcome(out) == delivered
        assert [p for p in fsck.check(out) if not p.harmless] == []
        again.append(made(folder) - planned)
        assert again[-1] <= (len(stopped) - before) * BATCH
    return stopped, again


def whole_candidates(out: Path) -> list[str]:
    db = sqlite3.connect(out / "ledger.sqlite")
    found = [i for (i,) in db.execute("SELECT id FROM candidate")]
    db.close()
    return found


@pytest.mark.slow
def test_a_few_interruptions_change_nothing(
    folder: Path,
    undisturbed: tuple[dict[str, Any], float],
    record_property: Callable[[str, object], None],
) -> None:
    report(*interrupt_often(folder, 5, 1, undisturbed), record_property)


def report(stopped: list[Stopped], again: list[int], say: Callable[[str, object], None]) -> None:
    interrupted = [s for s in stopped if s.code == CODE]
    say("interruptions", len(interrupted))
    say("longest until the process had ended (s)", round(max(s.seconds for s in interrupted), 1))
    say("candidates made again per interruption", round(sum(again) / len(interrupted), 1))


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_a_hundred_interruptions_change_nothing(
    folder: Path,
    undisturbed: tuple[dict[str, Any], float],
    record_property: Callable[[str, object], None],
) -> None:
    report(*interrupt_often(folder, 100, 2, undisturbed), record_property)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mutant", "noticed"),
    [
        ("leases stay", "leases are left"),
        pytest.param("slow to leave", "s to end", marks=pytest.mark.full),
    ],
)
def test_the_harness_notices_what_is_not_put_in_order(
    folder: Path, tmp_path: Path, mutant: str, noticed: str
) -> None:
    log = folder / "deeds.begun"
    log.unlink(missing_ok=True)
    process = begin(folder, tmp_path / "out", mutant)
    while not log.exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    wrong = ended(folder, tmp_path / "out", process).wrong
    assert any(noticed in w for w in wrong)
