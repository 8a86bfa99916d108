"""``sentinelqa bench``: measure the figures of ``docs/performance.md``, from a checkout."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import click

import sentinelqa
from sentinelqa.errors import UsageError

HOME = Path(sentinelqa.__file__).parent.parent


@click.command(short_help="Measure speed and memory (from a checkout).")
@click.option("--row", "rows", type=int, multiple=True, help="A row of the table; all by default.")
@click.option("--quick", is_flag=True, help="Small sizes: whether it runs, not what it reaches.")
@click.option("--long", is_flag=True, help="The sizes of the goals; minutes a row.")
@click.option("--record", is_flag=True, help="Add the figures to the history and the document.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("runs/bench"),
    show_default=True,
    help="Folder for bench.json and bench.svg.",
)
def bench(rows: tuple[int, ...], quick: bool, long: bool, record: bool, out: Path) -> int:
    """Measure goal, reached and limit of each row of docs/performance.md.

    Exit code 1 when a goal is missed.
    """
    if not (HOME / "benchmarks" / "command.py").is_file():
        raise UsageError(
            "the benchmarks are not part of an installed package",
            where=str(HOME),
            remedy="clone the repository and run the command there",
        )
    if quick and (record or long):
        raise UsageError(
            f"--quick and --{'record' if record else 'long'} exclude each other",
            where="--quick",
            remedy="leave --quick away",
        )
    sys.path.insert(0, str(HOME))
    code: int = import_module("benchmarks.command").bench(
        rows,
        size="quick" if quick else "long" if long else "",
        record=record,
        out=out,
        say=click.echo,
    )
    return code
