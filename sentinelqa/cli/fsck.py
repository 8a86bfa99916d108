"""``sentinelqa fsck RUN``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from sentinelqa.terminal import plain


@click.command(short_help="Check a run against its ledger, and mend it.")
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--repair", is_flag=True, help="Mend what can be mended.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def fsck(run: Path, repair: bool, as_json: bool) -> int:
    """Check the ledger of RUN, every image against its hash, and every delivery and table against
    the ledger. Exits with 1 when something is damaged.

    With --repair, damaged images and deliveries are put back, to be made again by the next
    `sentinelqa run`, and tables and report are written again.
    """
    from sentinelqa import fsck as checking

    problems = list(checking.check(run))
    harmful = [p for p in problems if not p.harmless]
    left = checking.repair(run, problems) if repair and problems else harmful
    if as_json:
        click.echo(
            json.dumps(
                {
                    "run": str(run),
                    "problems": [asdict(p) for p in problems],
                    "repaired": len(problems) - len(left) if repair else 0,
                    "ok": not left,
                },
                ensure_ascii=False,
            )
        )
        return int(bool(left))
    for problem in problems:
        click.echo(plain(f"{'left behind: ' if problem.harmless else ''}{problem}"))
    if not problems:
        click.echo("everything is as the ledger says")
    elif repair:
        click.echo(_repaired(len(problems) - len(left), len(left)))
    else:
        click.echo(f"{len(harmful)} damaged, {len(problems) - len(harmful)} left behind by a crash")
    return int(bool(left))


def _repaired(mended: int, left: int) -> str:
    if left:
        return (
            f"{left} problems of the ledger, job or rubric cannot be mended; what is delivered "
            "stays, and `sentinelqa run --fresh` makes the run again"
        )
    return f"{mended} mended; `sentinelqa run` with the same job makes again what was put back"
