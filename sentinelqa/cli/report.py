"""``sentinelqa report RUN`` and ``sentinelqa report RUN RUN2``."""

from __future__ import annotations

from pathlib import Path

import click

RUN = click.Path(file_okay=False, path_type=Path)


@click.command(short_help="Build the report of a run again, or compare two runs.")
@click.argument("run", type=RUN)
@click.argument("run2", type=RUN, required=False)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the comparison goes; by default comparison.html in RUN2.",
)
@click.option(
    "--sample",
    metavar="N",
    type=click.IntRange(1, 5000),
    help="Write labelling.html instead: N pictures, most of them close to a threshold.",
)
def report(run: Path, run2: Path | None, out: Path | None, sample: int | None) -> int:
    """Write report.html of the run in RUN again, from its ledger; also while it is going.

    With RUN2, compare the two runs instead: which pass rates moved, which requests got better or
    worse, their pictures side by side.

    With --sample, write a sheet in which people label pictures good or bad. It exports a csv for
    sentinelqa rubric calibrate RUBRIC --labels.
    """
    from sentinelqa.errors import UsageError
    from sentinelqa.pipeline import rebuild_tables
    from sentinelqa.report import write_comparison, write_labelling_sheet, write_report

    if out is not None and run2 is None:
        raise UsageError("--out belongs to a comparison", remedy="give a second run")
    if sample is not None and run2 is not None:
        raise UsageError("--sample draws from one run", remedy="leave out the second run")
    rebuild_tables(run)
    if sample is not None:
        click.echo(write_labelling_sheet(run, sample))
        return 0
    if run2 is None:
        click.echo(write_report(run))
        return 0
    rebuild_tables(run2)
    click.echo(write_comparison(run, run2, out))
    return 0
