"""``sentinelqa models``: what is here, how large, which licence; fetch, verify, move."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from sentinelqa.weights.fetching import Wanted

FOR_RUBRIC = click.option(
    "--for", "rubric", metavar="RUBRIC", help="The models that a rubric needs: its name or a path."
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
REVISION = click.option(
    "--revision", default="", help="Of a Hugging Face id: the commit, 40 hexadecimal digits."
)


@click.group(short_help="List, fetch and verify models and their licences.")
def models() -> None:
    """Models are pinned: where they come from, which bytes they have, what their licence allows.

    Fetched ones are kept in SENTINELQA_CACHE, or in the platform's folder for caches.
    SENTINELQA_OFFLINE=1 and HF_HUB_OFFLINE=1 forbid the network.
    """


@models.command("list")
@click.option("--task", default="", help="Only models for one task, such as text-to-image.")
@click.option("--here", is_flag=True, help="Only models that are on this machine.")
@JSON
def list_models(task: str, here: bool, as_json: bool) -> None:
    """Show every registered model: its task, whether it is here, its size and licence."""
    from sentinelqa.cli.tables import model_table, print_table
    from sentinelqa.weights.audit import audit

    rows = [row for row in audit() if task in ("", row.task) and (row.here or not here)]
    if as_json:
        _print_json({"models": [asdict(row) for row in rows]})
        return
    star = "* unpinned: loads only where the job or the rubric says 'allow_unpinned: true'"
    print_table(model_table(rows), *([] if all(row.pinned for row in rows) else [star]))


@models.command()
@click.argument("names", nargs=-1, metavar="[MODEL]...")
@FOR_RUBRIC
@REVISION
@click.option("--task", default="", help="Of a Hugging Face id: text-to-image or image-text.")
@click.option("-y", "--yes", is_flag=True, help="Fetch without asking.")
@JSON
def pull(
    names: tuple[str, ...], rubric: str | None, revision: str, task: str, yes: bool, as_json: bool
) -> None:
    """Fetch MODELs: registered ids, or Hugging Face ids such as owner/name.

    What is fetched is shown with its licence and size first. An interrupted pull is taken up where
    it stopped by giving the same command again.
    """
    from sentinelqa.weights.fetching import fetch, plan

    wanted = plan(_names(names, rubric), task=task, revision=revision)
    missing = [item for item in wanted if not item.here]
    if missing and not as_json:
        _show(wanted)
        if not yes and sys.stdin.isatty():
            click.confirm("Fetch them?", default=True, abort=True)
    fetch(wanted, lambda line: click.echo(line, err=True))
    if as_json:
        fetched, here = ([item.name for item in items] for items in (missing, wanted))
        _print_json({"fetched": fetched, "here": here})
    else:
        click.echo(f"{len(missing)} fetched, {len(wanted)} here" if wanted else "nothing to fetch")


@models.command()
@click.argument("names", nargs=-1, metavar="[MODEL]...")
@FOR_RUBRIC
@JSON
def verify(names: tuple[str, ...], rubric: str | None, as_json: bool) -> int:
    """Read every byte of MODELs again and compare with what was pinned. Default: all here.

    Exit code 2 when a file is missing or is not what was pinned.
    """
    from sentinelqa.errors import UsageError
    from sentinelqa.weights.audit import audit
    from sentinelqa.weights.catalogue import find
    from sentinelqa.weights.hashing import manifest_of
    from sentinelqa.weights.locating import locate
    from sentinelqa.weights.resolving import hashes_of

    chosen = _names(names, rubric) if names or rubric else [r.id for r in audit() if r.here]
    report: list[dict[str, Any]] = []
    for name in chosen:
        row: dict[str, Any] = {"id": name, "ok": True, "pinned": find(name).pinned}
        try:
            row["sha256"] = manifest_of(hashes_of(locate(name, find(name)), model=name, fresh=True))
        except UsageError as error:
            row |= {"ok": False, "error": str(error)}
        report.append(row)
        if not as_json:
            good = f"ok  {row.get('sha256')}" + ("" if row["pinned"] else "  (unpinned)")
            click.echo(f"{name}: {good if row['ok'] else row['error']}", err=not row["ok"])
    if as_json:
        _print_json({"models": report})
    elif not report:
        click.echo("no model is here")
    return 0 if all(row["ok"] for row in report) else 2


@models.command()
@click.argument("names", nargs=-1, metavar="[MODEL]...")
@FOR_RUBRIC
@JSON
def licences(names: tuple[str, ...], rubric: str | None, as_json: bool) -> None:
    """Print the audit: what each model's licence allows, and where that is stated."""
    from sentinelqa.cli.tables import licence_table, print_table
    from sentinelqa.weights.audit import audit

    rows = audit(_names(names, rubric) if names or rubric else None)
    if as_json:
        _print_json({"models": [asdict(row) for row in rows]})
        return
    conditions = {row.licence: f"{row.licence}: {row.condition}" for row in rows if row.condition}
    print_table(licence_table(rows), *conditions.values())


@models.command("export")
@click.argument("names", nargs=-1, metavar="[MODEL]...")
@FOR_RUBRIC
@REVISION
@click.option(
    "--to",
    "target",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The tar file to write.",
)
@JSON
def export_(
    names: tuple[str, ...], rubric: str | None, revision: str, target: Path, as_json: bool
) -> None:
    """Write MODELs with their manifest to one file, for a machine without network."""
    from sentinelqa.weights.catalogue import find
    from sentinelqa.weights.transfer import export_models

    chosen = _names(names, rubric)
    if rubric:
        chosen = [n for n in chosen if "/" in n or find(n).source.kind in ("pypi", "hub")]
    manifest = export_models(chosen, target, revision=revision)
    if as_json:
        _print_json(manifest.model_dump(mode="json"))
    else:
        click.echo(f"wrote {', '.join(manifest.models)} to {target}")


@models.command("import")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@JSON
def import_(path: Path, as_json: bool) -> None:
    """Bring in the models of PATH, a file that `models export` wrote."""
    from sentinelqa.weights.transfer import import_models

    names = import_models(path)
    if as_json:
        _print_json({"imported": names})
    else:
        click.echo(f"imported {', '.join(names)}")


def _names(names: tuple[str, ...], rubric: str | None) -> list[str]:
    """The models that were named, and those that a rubric needs."""
    from sentinelqa.errors import UsageError

    chosen = list(names)
    if rubric:
        from sentinelqa.rubric.loading import load_rubric
        from sentinelqa.scorer import dimensions_of, features_of
        from sentinelqa.weights import feature_models

        loaded = load_rubric(rubric, gate=False)
        for feature in features_of(loaded, dimensions_of(loaded)):
            chosen.extend(feature_models(feature, loaded.models.get(feature)))
    elif not names:
        raise UsageError(
            "no model is named", remedy="give ids (sentinelqa models list) or --for RUBRIC"
        )
    return list(dict.fromkeys(chosen))


def _show(wanted: list[Wanted]) -> None:
    from sentinelqa.cli.tables import print_table, pull_table

    print_table(pull_table(wanted))


def _print_json(value: object) -> None:
    click.echo(json.dumps(value, ensure_ascii=False))
