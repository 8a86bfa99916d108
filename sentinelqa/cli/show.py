"""``sentinelqa show RUN REQUEST``: one request's story."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sentinelqa.errors import JobError, did_you_mean
from sentinelqa.terminal import plain

if TYPE_CHECKING:
    from rich.table import Table

    from sentinelqa.report.stories import Told


@click.command(short_help="Tell what became of one request.")
@click.argument("run", type=click.Path(file_okay=False, path_type=Path))
@click.argument("request")
def show(run: Path, request: str) -> int:
    """Print what REQUEST of the run in RUN asked for, what it got, and why."""
    from rich.console import Console
    from rich.text import Text

    from sentinelqa.report.stories import tell

    told = tell(run, request)
    if told is None:
        from sentinelqa.report.evidence import Evidence

        known = Evidence(run).texts_of_requests("request_id")
        raise JobError(
            f"the run has no request {request!r}",
            where=str(run),
            remedy=did_you_mean(request, known[:1000]),
        )
    story = told.story
    console = Console(highlight=False)
    console.width = min(100, console.width) if console.is_terminal else 100
    for line in (
        f"{story.id}: {story.delivered} of {story.wanted} delivered"
        f" from {story.candidates} candidates in {story.rounds} rounds",
        story.prompt,
        f"why no more: {story.why}" if story.why else "",
        story.help,
    ):
        if line:
            console.print(Text(plain(line)))
    console.print(_table(told))
    if told.page is not None:
        from sentinelqa.report.render import page_name

        console.print(Text(plain(f"its pictures: {run / page_name(told.page)}")))
    return 0


def _table(told: Told) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("round", "candidate", "verdict", "rank"):
        table.add_column(name, no_wrap=True)
    table.add_column("because", overflow="fold")
    for line in told.lines:
        verdict = f"delivered {line.place}" if line.place else line.outcome
        rank = f"{line.rank:.3f}" if line.ranked else "not ranked"
        cells = (str(line.round), line.id, verdict, rank, "; ".join(line.reasons))
        table.add_row(*(Text(plain(cell)) for cell in cells))
    return table
