"""``sentinelqa score PATH... --rubric RUBRIC``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from sentinelqa.cli import INTERRUPTED


@click.command(short_help="Score existing images against a rubric.")
@click.argument("paths", nargs=-1, required=True)
@click.option("--rubric", required=True, help="A shipped rubric's name, or a path.")
@click.option(
    "--requests",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Table with a column 'image' (file names) and prompt, references, any metadata.",
)
@click.option("--prompt", default="", help="The prompt of every image that has no other.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Run directory.")
@click.option("--engine", default="local", show_default=True, help="Where work runs.")
@click.option("--full", is_flag=True, help="Score every dimension, also of what has failed.")
@click.option("--cache/--no-cache", default=True, help="Reuse what was measured before; yes.")
@click.option("--junit", type=click.Path(dir_okay=False, path_type=Path), help="JUnit XML file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
def score(
    paths: tuple[str, ...],
    rubric: str,
    requests: Path | None,
    prompt: str,
    out: Path | None,
    engine: str,
    full: bool,
    cache: bool,
    junit: Path | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Score images: files, folders, globs and fsspec URLs such as s3://bucket/shots.

    Exit code 1 when an image does not pass, so that it gates CI.
    """
    from sentinelqa.cli.summary import print_summary
    from sentinelqa.pipeline import score as score_images

    try:
        finished = score_images(
            paths,
            rubric=rubric,
            requests=requests,
            prompt=prompt,
            out=out,
            engine=engine,
            full=full,
            quiet=quiet,
            cache=cache,
        )
    except KeyboardInterrupt:
        click.echo("interrupted: with --out, the same command goes on", err=True)
        return INTERRUPTED
    if junit is not None:
        from sentinelqa.junit import write_junit

        write_junit(junit, finished)
    if as_json:
        click.echo(json.dumps(finished.as_dict(), ensure_ascii=False))
    else:
        print_summary(finished)
    return finished.exit_code
