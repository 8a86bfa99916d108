"""``sentinelqa run JOB.yaml``."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import click

from sentinelqa.cli import INTERRUPTED


@click.command(short_help="Generate, score and deliver a job.")
@click.argument("job", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Run directory.")
@click.option("--fresh", is_flag=True, help="Start over in a new directory.")
@click.option("--dry-run", is_flag=True, help="Check everything, print the plan, start nothing.")
@click.option("--engine", default="local", show_default=True, help="Where work runs.")
@click.option("--full", is_flag=True, help="Score every dimension, also of what has failed.")
@click.option(
    "--trace", type=click.Path(dir_okay=False, path_type=Path), help="Write a Chrome trace here."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
def run(
    job: Path,
    out: Path | None,
    fresh: bool,
    dry_run: bool,
    engine: str,
    full: bool,
    trace: Path | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Generate candidates for every request in JOB, score them, deliver those that pass.

    A run that was interrupted goes on by itself when the same command is given again.
    """
    from sentinelqa.job import load_job

    loaded = load_job(job)
    if dry_run:
        from sentinelqa.cli.plan import print_plan
        from sentinelqa.pipeline import pilot, prepare

        plan = prepare(loaded)
        with tempfile.TemporaryDirectory(prefix="sentinelqa-") as scratch:
            measured = pilot(loaded, plan.rubric, Path(scratch))
        print_plan(plan, measured, as_json=as_json)
        return 0
    from sentinelqa.cli.summary import print_summary
    from sentinelqa.pipeline import run as run_job

    try:
        finished = run_job(
            loaded,
            out=out,
            fresh_start=fresh,
            engine=engine,
            full=full,
            quiet=quiet,
            trace=trace,
        )
    except KeyboardInterrupt:
        click.echo("interrupted: the same command goes on where this one stopped", err=True)
        return INTERRUPTED
    if as_json:
        click.echo(json.dumps(finished.as_dict(), ensure_ascii=False))
    else:
        print_summary(finished)
    return finished.exit_code
