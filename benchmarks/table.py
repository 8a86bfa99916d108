"""The table of goals and figures: in a terminal, and in ``docs/performance.md``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.base import Row
from benchmarks.history import Kept
from benchmarks.runner import ROOT

DOCUMENT = ROOT / "docs" / "performance.md"
START, END = "<!-- table: start -->", "<!-- table: end -->"


def plain(rows: Iterable[Row]) -> str:
    """For a terminal: one line a figure, its detail below it."""
    lines = []
    for row in rows:
        lines.append(
            f"{row.number:>3}  {row.name:<46.46}  {mark(row):<7}"
            f"{shown(row.reached):>9} {row.unit:<8} goal {row.goal or '-'!s:<9}"
            f"limit {shown(row.limit)}"
        )
        lines.extend(f"     {text}" for text in (row.detail, row.gap) if text)
    return "\n".join(lines)


def markdown(kept: Sequence[Kept]) -> str:
    """For the document: of each row the figures with a goal first; then what each says, and where
    it comes from."""
    ordered = sorted(kept, key=lambda k: (k.row.number, not k.row.goal, k.row.name))
    machines = list(dict.fromkeys(k.machine for k in ordered))
    letters = {m: chr(ord("A") + i) for i, m in enumerate(machines)}
    lines = [
        "| # | figure | goal | reached | | limit | machine |",
        "|---|---|---|---|---|---|---|",
    ]
    for k in ordered:
        row = k.row
        unit = "" if row.unit == "ratio" else f" {row.unit}"
        lines.append(
            f"| {row.number} | {row.name} | {row.goal or ''} | {shown(row.reached)}{unit} | "
            f"{mark(row)} | {shown(row.limit)} | {letters[k.machine]} |"
        )
    lines += ["", *(f"- Machine {letter}: {name}" for name, letter in letters.items()), ""]
    for k in ordered:
        said = (k.row.detail, k.row.gap and f"To the limit: {k.row.gap}")
        told = " ".join(f"{text.rstrip('.')}." for text in said if text)
        lines.append(f"- **{k.row.number}, {k.row.name}** ({k.date[:10]}, {k.commit}). {told}")
    return "\n".join(lines) + "\n"


def write_document(kept: Sequence[Kept], file: Path = DOCUMENT) -> None:
    """Replace the table in the document; what stands around it stays."""
    before, _, rest = file.read_text(encoding="utf-8").partition(START)
    _, _, after = rest.partition(END)
    file.write_text(f"{before}{START}\n{markdown(kept)}{END}{after}", encoding="utf-8")


def shown(value: float | None) -> str:
    """Three digits; ``-`` for nothing."""
    if value is None:
        return "-"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def mark(row: Row) -> str:
    """``met``, ``missed``, or nothing to say."""
    return "" if row.met is None else "met" if row.met else "missed"
