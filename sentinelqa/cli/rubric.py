"""``sentinelqa rubric``: write, check, explain, test, calibrate, and ask what a change would do."""

from __future__ import annotations

import json
from pathlib import Path

import click

from sentinelqa.terminal import plain

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.group(short_help="Write, check, test and calibrate rubrics.")
def rubric() -> None:
    """Rubrics say what a good image is: thresholds per quality, and rules of the business.

    RUBRIC is a path, or the name of a shipped rubric.
    """


@rubric.command(short_help="Write a rubric to start from.")
@click.argument("name")
@click.option("--from", "base", default="", help="A shipped rubric to build on.")
@click.option(
    "--in",
    "folder",
    default=".",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder to write it into.",
)
def new(name: str, base: str, folder: Path) -> None:
    """Write NAME.yaml, with comments, and the schema that editors complete with."""
    from sentinelqa.rubric.drafts import draft

    path = draft(name, folder, base)
    click.echo(f"wrote {path}\nnext: sentinelqa rubric lint {path}")


@rubric.command(short_help="Errors and advice, with file, line and column.")
@click.argument("rubrics", nargs=-1, required=True)
@click.option("--requests", type=FILE, help="Requests that the rubric is meant for.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def lint(rubrics: tuple[str, ...], requests: Path | None, as_json: bool) -> int:
    """Check rubrics. Exit code 2 when one has an error; advice alone gives 0."""
    from sentinelqa.rubric.lint import lint as check

    problems = [problem for name in rubrics for problem in check(name, requests)]
    errors = sum(not problem.advice for problem in problems)
    if as_json:
        rows = [
            {"what": p.what, "where": p.where, "remedy": p.remedy, "advice": p.advice}
            for p in problems
        ]
        click.echo(json.dumps({"errors": errors, "problems": rows}, ensure_ascii=False))
    else:
        for problem in problems:
            click.echo(plain(str(problem)), err=not problem.advice)
        click.echo(f"{_count(errors, 'error')}, {len(problems) - errors} of advice")
    return 2 if errors else 0


@rubric.command(short_help="The rubric in plain English.")
@click.argument("name", metavar="RUBRIC")
@click.option("--resolved", is_flag=True, help="Print the YAML with 'extends' resolved instead.")
@click.option("--measure", is_flag=True, help="Load everything and time it on this machine.")
def explain(name: str, resolved: bool, measure: bool) -> None:
    """Say what RUBRIC asks for, what it loads and what it costs per image."""
    from sentinelqa.rubric.explain import explain as describe
    from sentinelqa.rubric.loading import load_rubric
    from sentinelqa.rubric.timing import measured

    loaded = load_rubric(name, gate=False)
    if resolved:
        click.echo(loaded.resolved, nl=False)
    else:
        click.echo(describe(loaded, measured(loaded) if measure else None), nl=False)


@rubric.command(short_help="Judge the rubric's own examples.")
@click.argument("rubrics", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def test(rubrics: tuple[str, ...], as_json: bool) -> int:
    """Judge the examples in RUBRICS. Exit code 1 when one comes out otherwise than expected."""
    from sentinelqa.cli.rubric_tables import trial_as_dict, trial_table
    from sentinelqa.rubric.trials import run_examples

    trials = [(name, one) for name in rubrics for one in run_examples(name, quiet=as_json)]
    surprises = sum(not one.ok for _, one in trials)
    if as_json:
        rows = [{"rubric": name, **trial_as_dict(one)} for name, one in trials]
        click.echo(json.dumps({"surprises": surprises, "examples": rows}, ensure_ascii=False))
    else:
        trial_table([one for _, one in trials])
        click.echo(f"{len(trials) - surprises} as expected, {_count(surprises, 'surprise')}")
    return 1 if surprises else 0


@rubric.command(short_help="Fit thresholds to labelled images.")
@click.argument("name", metavar="RUBRIC")
@click.option("--good", type=FOLDER, help="Folder of images that should pass.")
@click.option("--bad", type=FOLDER, help="Folder of images that should not.")
@click.option("--labels", type=FILE, help="Instead: csv with the columns image and label.")
@click.option("--prompt", default="", help="The prompt of all images in the folders.")
@click.option(
    "--max-false-pass",
    type=click.FloatRange(0, 0.5),
    default=0.02,
    show_default=True,
    help="Largest share of bad images that may pass.",
)
@click.option("--write", is_flag=True, help="Write the thresholds into RUBRIC, comments kept.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def calibrate(
    name: str,
    good: Path | None,
    bad: Path | None,
    labels: Path | None,
    prompt: str,
    max_false_pass: float,
    write: bool,
    as_json: bool,
) -> None:
    """Fit the thresholds of RUBRIC to 50 to 200 labelled images, and say how far to trust them."""
    from sentinelqa.cli.rubric_tables import fit_as_dict, fit_table
    from sentinelqa.errors import UsageError
    from sentinelqa.rubric.calibrate import calibrate as fit
    from sentinelqa.rubric.calibrate import read_folders, read_labels, write_back
    from sentinelqa.rubric.loading import find_rubric, shipped_rubrics

    path = find_rubric(name)
    if write and path in shipped_rubrics().values():
        raise UsageError(
            f"{name!r} is a shipped rubric",
            remedy=f"sentinelqa rubric new mine --from {name}, then calibrate mine.yaml",
        )
    if labels is not None and good is None and bad is None:
        labelled = read_labels(labels)
    elif labels is None and good is not None and bad is not None:
        labelled = read_folders(good, bad, prompt)
    else:
        raise UsageError("give --good and --bad, or --labels")
    fitted = fit(path, labelled, goal=max_false_pass, quiet=as_json)
    if write:
        write_back(path, fitted)
    if as_json:
        click.echo(json.dumps(fit_as_dict(fitted), ensure_ascii=False))
        return
    fit_table(fitted)
    click.echo(f"written to {path}" if write else "nothing was written; --write does that")


@rubric.command(short_help="What a changed rubric would do to a finished run.")
@click.argument("run", type=FOLDER)
@click.option("--rubric", "name", required=True, help="The new rubric: a path or a shipped name.")
@click.option("--flips", type=click.Path(dir_okay=False, path_type=Path), help="Write all to csv.")
@click.option("--most", default=10, show_default=True, help="How many flips to show.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def whatif(run: Path, name: str, flips: Path | None, most: int, as_json: bool) -> None:
    """Judge RUN again from its stored measurements. Nothing is loaded and nothing is changed."""
    from sentinelqa.cli.rubric_tables import what_if_as_dict, what_if_table
    from sentinelqa.rubric.whatif import what_if

    found = what_if(run, name)
    if flips is not None:
        from sentinelqa.tables import safe_cell

        found.flips.map(safe_cell).to_csv(flips, index=False)
    if as_json:
        click.echo(json.dumps(what_if_as_dict(found), ensure_ascii=False))
    else:
        what_if_table(found, most)


@rubric.command(short_help="The JSON Schema of rubrics, for editors.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write it here.")
def schema(out: Path | None) -> None:
    """Print the JSON Schema, or write it beside your rubrics."""
    from sentinelqa.rubric.drafts import SCHEMA_FILE, schema_text

    if out is None:
        click.echo(schema_text(), nl=False)
        return
    out.write_text(schema_text(), encoding="utf-8")
    click.echo(f"wrote {out}; name it in a rubric's first line:")
    click.echo(f"# yaml-language-server: $schema={out.name or SCHEMA_FILE}")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
