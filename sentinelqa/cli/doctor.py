"""``sentinelqa doctor``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click


@click.command(short_help="Check this machine and this installation.")
@click.argument("path", type=click.Path(file_okay=False, path_type=Path), default=Path())
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list.")
def doctor(path: Path, as_json: bool) -> int:
    """Check Python, packages, device, memory, the disk at PATH, the ledger and the models.

    Exit code 2 when something must be mended before a run can work.
    """
    from sentinelqa.doctor import Level, examine

    findings = list(examine(path))
    if as_json:
        click.echo(json.dumps([asdict(f) for f in findings]))
    else:
        width = max(len(f.subject) for f in findings)
        for finding in findings:
            click.echo(f"{finding.level:>7}  {finding.subject:<{width}}  {finding.text}")
            if finding.remedy:
                click.echo(f"{'':>7}  {'':<{width}}  remedy: {finding.remedy}")
    return 2 if any(f.level is Level.PROBLEM for f in findings) else 0
