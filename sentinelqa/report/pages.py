"""The files of a report."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sentinelqa.files import write_atomically
from sentinelqa.report.model import Report
from sentinelqa.report.render import render

FIRST = "report.html"


def page_name(number: int) -> str:
    """``report.html``, then ``report-2.html`` ..."""
    return FIRST if number == 1 else f"report-{number}.html"


def write_pages(folder: Path, reports: Iterable[Report]) -> Path:
    """Write each page whole or not at all, and remove pages of an earlier, longer report."""
    written = set()
    for report in reports:
        names = [page_name(number) for number in range(1, report.pages + 1)]
        name = page_name(report.page)
        write_atomically(folder / name, render(report, page_names=names).encode())
        written.add(name)
    for old in folder.glob("report-[0-9]*.html"):
        if old.name not in written:
            old.unlink()
    return folder / FIRST
