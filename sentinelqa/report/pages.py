"""The files of a report."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sentinelqa.files import replacing
from sentinelqa.report.model import Report
from sentinelqa.report.render import FIRST, page_name, render


def write_pages(folder: Path, reports: Iterable[Report]) -> Path:
    """Write each page whole or not at all, and remove pages of an earlier, longer report."""
    written = set()
    for report in reports:
        name = page_name(report.page)
        with replacing(folder / name) as part, part.open("wb") as file:
            file.writelines(render(report, folder))
        written.add(name)
        del report  # before the next one is made: a page holds its part of the run
    for old in folder.glob("report-[0-9]*.html"):
        if old.name not in written:
            old.unlink()
    return folder / FIRST
