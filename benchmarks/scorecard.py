"""The scorecard of reliability and security: every row's harness, and what it reached.

    python -m benchmarks.scorecard                 # the quick forms, about ten minutes
    python -m benchmarks.scorecard --row 7 --full  # the long form of one row
    python -m benchmarks.scorecard --record        # keep what was reached: docs/reliability.md

A row is reached when every test of its harness passes, its mutants among them. The figures are what
the tests report by ``record_property``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).parent.parent
KEPT = Path(__file__).with_name("scorecard.json")
DOCUMENT = ROOT / "docs" / "reliability.md"
START, END = "<!-- scorecard: start -->", "<!-- scorecard: end -->"


@dataclass(frozen=True, slots=True)
class Row:
    """One property that is tried.

    Attributes:
        harness: globs of test files below ``tests``.
    """

    number: int
    name: str
    goal: str
    harness: tuple[str, ...]


ROWS = (
    Row(
        1,
        "killed at a system call that changes something",
        "0 lost, 0 twice, 0 dangling; resumed byte for byte; at most a batch again per worker",
        ("reliability/test_kill.py",),
    ),
    Row(
        2,
        "power lost, names lost or kept",
        "0 violations; every durability mutant noticed",
        ("reliability/test_power_loss.py",),
    ),
    Row(
        3,
        "disk full or failing at a write, sync or rename",
        "0 damaged; ends within 5 s; resumed byte for byte",
        ("reliability/test_disk.py",),
    ),
    Row(
        6,
        "memory of the device runs out above k images",
        "all that fits is made; at most log2(batch) failures, then remembered; given up after 3",
        ("reliability/test_device_memory.py",),
    ),
    Row(
        7,
        "workers that hang, die, or ignore being ended",
        "ended 10 s after the deadline at most; 0 left; at most 3 attempts; neighbours all done",
        ("reliability/test_workers.py",),
    ),
    Row(
        8,
        "TERM and Ctrl-C at random moments",
        "ended within 10 s with code 130; 0 leases left; resumed byte for byte; a batch again",
        ("reliability/test_signals.py",),
    ),
    Row(
        9,
        "malformed images and decompression bombs",
        "0 crashes; each has its reason; at most 2 s and 512 MB each",
        ("reliability/test_malformed.py",),
    ),
    Row(
        10,
        "hostile YAML and rule expressions",
        "0 executed; YAML refused in 100 ms with its line, expressions in 50 ms",
        ("security/test_languages.py",),
    ),
    Row(
        11,
        "payloads in prompts, names and metadata",
        "0 new elements in the report; 0 formulas; as many log lines as events",
        ("security/test_outputs.py",),
    ),
    Row(
        12,
        "paths, special files, addresses, pickled models",
        "0 outside the run; 0 calls to private addresses; 0 executed",
        ("security/test_boundary.py", "security/test_addresses.py", "security/test_pickled.py"),
    ),
    Row(
        13,
        "secrets and prompts where they do not belong",
        "0 found",
        ("security/test_canaries.py",),
    ),
    Row(
        14,
        "readers beside the writer",
        "0 locked out; log at most 64 MB; 99 of 100 reads at most 100 ms in the ledger",
        ("reliability/test_readers.py",),
    ),
    Row(
        15,
        "100,000 candidates",
        "at most 100 MB per 100,000; descriptors, threads, children flat; drift at most 5 %",
        ("reliability/test_soak.py",),
    ),
    Row(
        16,
        "the same again: rerun, shuffled, other workers, interrupted",
        "all deliverables byte for byte; 10 of 10 corruptions found",
        ("reliability/test_determinism.py", "end_to_end/test_fsck.py"),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """What came of one row.

    Attributes:
        form: ``quick`` or ``full``.
        figures: (name, value), as the tests reported them.
        skipped: why tests were skipped.
    """

    number: int
    form: str
    date: str
    commit: str
    passed: int
    failed: tuple[str, ...]
    skipped: tuple[str, ...]
    figures: tuple[tuple[str, str], ...]
    seconds: float

    @property
    def mark(self) -> str:
        """``met``, ``missed`` or, when nothing could be tried, ``not tried``."""
        if self.failed:
            return "missed"
        return "met" if self.passed else "not tried"

    def said(self) -> str:
        """The figures, else how many tests passed."""
        parts = [f"{name}: {value}" for name, value in self.figures]
        parts += [f"failed: {test}" for test in self.failed]
        parts += [f"skipped: {why}" for why in self.skipped]
        return "; ".join([*parts, f"{self.passed} tests passed"])


def measure(row: Row, *, full: bool) -> Reached:
    """Run the harness of a row."""
    files = sorted(p for glob in row.harness for p in (ROOT / "tests").glob(glob))
    start = time.monotonic()
    # one folder at a time, since each has a conftest of its own
    cases = [c for _, some in groupby(files, lambda p: p.parent) for c in _cases(some, full=full)]
    return Reached(
        number=row.number,
        form="full" if full else "quick",
        date=time.strftime("%Y-%m-%d", time.gmtime()),
        commit=_commit(),
        passed=sum(not _has(c, "failure", "error", "skipped") for c in cases),
        failed=tuple(c.get("name", "") for c in cases if _has(c, "failure", "error")),
        skipped=tuple(
            dict.fromkeys(s.get("message", "") for c in cases for s in c.iter("skipped"))
        ),
        figures=tuple(
            (p.get("name", ""), p.get("value", "")) for c in cases for p in c.iter("property")
        ),
        seconds=round(time.monotonic() - start),
    )


def _cases(files: Iterable[Path], *, full: bool) -> list[ET.Element]:
    """Run test files. Returns what came of each test."""
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "junit.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        command += ["-m", "" if full else "not full", f"--junitxml={report}"]
        command += ["-o", "junit_family=xunit1", *map(str, files)]
        subprocess.run(command, cwd=ROOT, stdout=sys.stderr, check=False)
        return list(ET.parse(report).iter("testcase"))


def _has(case: ET.Element, *kinds: str) -> bool:
    return any(case.find(kind) is not None for kind in kinds)


def _commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip()


def plain(found: Iterable[Reached]) -> str:
    """For a terminal."""
    rows = {row.number: row for row in ROWS}
    lines = []
    for reached in found:
        row = rows[reached.number]
        lines += [
            f"{row.number:>3}  {row.name:<60} {reached.mark}",
            f"     goal     {row.goal}",
            f"     reached  {reached.said()} ({reached.form} form, {reached.seconds:.0f} s)",
            f"     again    {_again(reached)}",
        ]
    return "\n".join(lines)


def markdown(found: Iterable[Reached]) -> str:
    """For the document."""
    rows = {row.number: row for row in ROWS}
    lines = ["| # | tried | goal | | reached | form |", "|---|---|---|---|---|---|"]
    for reached in sorted(found, key=lambda r: r.number):
        row = rows[reached.number]
        said = reached.said().replace("|", "\\|").replace("\n", " ")
        form = f"{reached.form}, {reached.seconds:.0f} s, {reached.date}, {reached.commit}"
        lines.append(
            f"| {row.number} | {row.name} | {row.goal} | {reached.mark} | {said} | {form} |"
        )
    return "\n".join(lines) + "\n"


def _again(reached: Reached) -> str:
    form = " --full" if reached.form == "full" else ""
    return f"python -m benchmarks.scorecard --row {reached.number}{form}"


def record(found: Iterable[Reached]) -> None:
    """Keep the rows, and write the table of all that are kept. A quick form replaces no long one
    that was met."""
    kept = {r.number: r for r in load()}
    for reached in found:
        before = kept.get(reached.number)
        worse = before is not None and before.form == "full" and before.mark == "met"
        if not (worse and reached.form == "quick" and reached.mark == "met"):
            kept[reached.number] = reached
    ordered = [kept[number] for number in sorted(kept)]
    KEPT.write_text(json.dumps([asdict(r) for r in ordered], indent=1) + "\n", encoding="utf-8")
    before_table, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(START)
    _, _, after = rest.partition(END)
    table = f"{before_table}{START}\n{markdown(ordered)}{END}{after}"
    DOCUMENT.write_text(table, encoding="utf-8")


def load() -> list[Reached]:
    """The rows that were kept."""
    if not KEPT.is_file():
        return []
    return [_read(entry) for entry in json.loads(KEPT.read_text(encoding="utf-8"))]


def _read(entry: dict[str, object]) -> Reached:
    lists = ("failed", "skipped", "figures")
    values = {k: tuple(map(_tuple, v)) if k in lists else v for k, v in entry.items()}  # type: ignore[call-overload]
    return Reached(**values)  # type: ignore[arg-type]


def _tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def main(arguments: Sequence[str] | None = None) -> None:
    """Run, print, and keep; exit code 1 when a row was missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--row", type=int, action="append", help="only this one; may be repeated")
    parser.add_argument("--full", action="store_true", help="the long forms: hours in all")
    parser.add_argument("--record", action="store_true", help="keep what was reached")
    parser.add_argument("--json", type=Path, help="write what was reached to this file")
    given = parser.parse_args(arguments)
    chosen = [r for r in ROWS if not given.row or r.number in given.row]
    if unknown := {*(given.row or ())} - {r.number for r in ROWS}:
        parser.error(f"no such row: {sorted(unknown)}; there are {[r.number for r in ROWS]}")
    found = []
    for row in chosen:
        found.append(measure(row, full=given.full))
        if given.record:
            record(found[-1:])
    print(plain(found))
    if given.json:
        given.json.write_text(json.dumps([asdict(r) for r in found], indent=1) + "\n")
    sys.exit(any(r.mark == "missed" for r in found))


if __name__ == "__main__":
    main()
