"""Figures of earlier runs, one JSON object a line, kept in the repository."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.base import Row
from benchmarks.runner import row_from

FILE = Path(__file__).parent / "history.jsonl"
NOTICEABLE = 0.1
"""A relative change below this is taken for the weather."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A figure with the run that it comes from."""

    row: Row
    commit: str
    date: str
    machine: str


def append(facts: dict[str, Any], rows: Sequence[Row], file: Path = FILE) -> None:
    """Keep the figures of a run."""
    line = json.dumps({**facts, "rows": [asdict(r) for r in rows]}, ensure_ascii=False)
    with file.open("a", encoding="utf-8") as out:
        out.write(line + "\n")


def newest(machine: str = "", file: Path = FILE) -> dict[tuple[int, str], Kept]:
    """The last figure of each (row, name), of any machine or of ``machine`` alone."""
    found: dict[tuple[int, str], Kept] = {}
    for run in _runs(file):
        if machine in ("", run["machine"]):
            for values in run["rows"]:
                row = row_from(values)
                kept = Kept(row, run["commit"], run["date"], run["machine"])
                found[row.number, row.name] = kept
    return found


def moved(rows: Sequence[Row], before: dict[tuple[int, str], Kept]) -> list[str]:
    """What changed by more than a tenth, and which goals were gained or lost, in sentences."""
    said = []
    for row in rows:
        old = before.get((row.number, row.name))
        if old is None or old.row.reached is None or row.reached is None:
            continue
        was, now = old.row.reached, row.reached
        crossed = old.row.met is not None and row.met is not None and old.row.met != row.met
        if crossed or abs(now - was) > NOTICEABLE * max(abs(was), 1e-9):
            verdict = " goal reached" if crossed and row.met else " goal lost" if crossed else ""
            said.append(
                f"row {row.number}, {row.name}: {was:.3g} -> {now:.3g} {row.unit}"
                f"{verdict} (since {old.commit})"
            )
    return said


def _runs(file: Path) -> Iterator[dict[str, Any]]:
    if file.is_file():
        with file.open(encoding="utf-8") as lines:
            yield from (json.loads(line) for line in lines if line.strip())
