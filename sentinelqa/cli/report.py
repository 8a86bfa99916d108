"""``sentinelqa report RUN``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(short_help="Build the report of a run again.")
@click.argument("run", type=click.Path(file_okay=False, path_type=Path))
def report(run: Path) -> int:
    """Write report.html of the run in RUN again, from its ledger; also while it is going."""
    from sentinelqa.pipeline import rebuild_tables
    from sentinelqa.report import write_report

    rebuild_tables(run)
    click.echo(write_report(run))
    return 0
