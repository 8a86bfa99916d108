"""Runs the rows one after the other and collects their figures."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.base import Goal, Row

ROOT = Path(__file__).parent.parent
ROWS = Path(__file__).parent / "rows"
LIMIT, LONG_LIMIT = 600.0, 7200.0
"""Seconds after which a row is given up; in its long form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What came of one module.

    Attributes:
        trouble: the end of what it said when it did not finish; empty when it did.
    """

    name: str
    rows: tuple[Row, ...]
    seconds: float
    trouble: str = ""


def modules(numbers: Sequence[int] = ()) -> list[str]:
    """Names of the modules that measure ``numbers``; of all without any."""
    names = sorted(p.stem for p in ROWS.glob("r[0-9][0-9]_*.py"))
    return [n for n in names if not numbers or number_of(n) in numbers]


def number_of(module: str) -> int:
    """The row that ``r05_cascade`` measures."""
    return int(module[1:3])


def run(names: Sequence[str], size: str = "") -> Iterator[Measured]:
    """Measure one after the other, each in a process of its own.

    Args:
        size: ``quick`` or ``long``; empty for what fits into fifteen minutes.
    """
    for name in names:
        yield _run_one(name, size)


def _run_one(name: str, size: str) -> Measured:
    start = time.monotonic()
    limit = LONG_LIMIT if size == "long" else LIMIT
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "rows.json"
        command = [sys.executable, "-m", "benchmarks.one", name, str(out)]
        try:
            ended = subprocess.run(
                [*command, f"--{size}"] if size else command,
                cwd=ROOT,
                timeout=limit,
                capture_output=True,
                text=True,
                check=False,
            )
            said = ended.stderr or ended.stdout
        except subprocess.TimeoutExpired:
            said = f"given up after {limit:.0f} s"
        seconds = time.monotonic() - start
        if not out.is_file():
            return Measured(name=name, rows=(), seconds=seconds, trouble=said.strip()[-2000:])
        found = json.loads(out.read_text(encoding="utf-8"))
    return Measured(name=name, rows=tuple(row_from(r) for r in found), seconds=seconds)


def row_from(values: dict[str, Any]) -> Row:
    """A :class:`Row` from its JSON."""
    goal = values["goal"] and Goal(**values["goal"])
    return Row(**{**values, "goal": goal})
