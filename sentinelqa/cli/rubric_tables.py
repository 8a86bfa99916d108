"""How the rubric commands print: tables for people, plain values for programs."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sentinelqa.rubric.calibrate import Fit
from sentinelqa.rubric.trials import Trial
from sentinelqa.rubric.whatif import Standing, WhatIf
from sentinelqa.types import Outcome

WIDTH = 100


def trial_table(trials: list[Trial]) -> None:
    """One line per example, like a test runner."""
    table = _table("", "image", "rule", "expected", "got", "why")
    for one in trials:
        mark = "ok" if one.ok else "SURPRISE"
        why = one.surprise or "; ".join(one.verdict.reasons)
        if one.case.rule and one.ok:
            why = ""
        image = one.case.image.rsplit("/", maxsplit=1)[-1]
        table.add_row(*_texts(mark, image, one.case.rule, one.case.expect, one.got.value, why))
    _print(table)


def trial_as_dict(one: Trial) -> dict[str, Any]:
    """An example's result for programs."""
    return {
        "image": one.case.image,
        "rule": one.case.rule,
        "expected": one.case.expect,
        "got": one.got.value,
        "ok": one.ok,
        "surprise": one.surprise,
        "reasons": list(one.verdict.reasons),
    }


def fit_table(fitted: Fit) -> None:
    """Thresholds, what each dimension adds, what to expect, labels to look at.

    ``alone`` counts the bad images that only this dimension rejects.
    """
    table = _table(
        "dimension", ">was", ">fitted", ">AUC", "95 % interval", ">overlap", ">alone", ""
    )
    for name, value in fitted.thresholds.items():
        found = fitted.separations[name]
        table.add_row(
            *_texts(
                name,
                f"{fitted.before[name]:g}",
                f"{value:.4g}",
                f"{found.auc:.3f}",
                f"{found.auc_low:.3f} to {found.auc_high:.3f}",
                f"{found.overlap:.0%}",
                str(fitted.alone[name]),
                "adds nothing here" if name in fitted.idle else "",
            )
        )
    _print(table)
    console = _console()
    console.print(Text(f"goal: {fitted.goal_text}"))
    for what, rates in (
        ("bad images that pass", fitted.false_pass),
        ("good images that pass", fitted.true_pass),
    ):
        low, high = rates.interval
        console.print(
            Text(
                f"{what}, judged by thresholds fitted without them: {rates.passed} of "
                f"{rates.total}, {rates.rate:.1%} (95 % interval {low:.1%} to {high:.1%})"
            )
        )
    if fitted.false_pass.interval[1] > fitted.goal:
        console.print(Text("the interval reaches beyond the goal: more bad images would settle it"))
    for path, suspect in fitted.suspects:
        label = "good" if suspect.is_good else "bad"
        console.print(Text(f"look at the label of {path}: {label}, but {suspect.why}"))


def fit_as_dict(fitted: Fit) -> dict[str, Any]:
    """A calibration for programs, with the ROC curves."""
    return {
        "goal": fitted.goal,
        "thresholds": fitted.thresholds,
        "before": fitted.before,
        "dimensions": {
            name: {
                "auc": one.auc,
                "auc_interval": [one.auc_low, one.auc_high],
                "overlap": one.overlap,
                "rejects_alone": fitted.alone[name],
                "adds_nothing": name in fitted.idle,
                "roc": one.roc,
            }
            for name, one in fitted.separations.items()
        },
        **{
            key: {"passed": r.passed, "total": r.total, "rate": r.rate, "interval": r.interval}
            for key, r in (
                ("false_pass", fitted.false_pass),
                ("true_pass", fitted.true_pass),
                ("fitted_false_pass", fitted.fitted_false_pass),
            )
        },
        "suspects": [
            {"image": path, "label": "good" if s.is_good else "bad", "why": s.why}
            for path, s in fitted.suspects
        ],
        "versions": fitted.versions,
        "weights": fitted.weights,
    }


def what_if_table(found: WhatIf, most: int) -> None:
    """The run as it was beside what it would be, then what flips and why."""
    table = _table("", ">as it was", f">under {found.rubric}", ">change")
    before, after = found.before, found.after
    for outcome in Outcome:
        was, now = (standing.outcomes.get(outcome.value, 0) for standing in (before, after))
        table.add_row(*_texts(outcome.value, str(was), str(now), f"{now - was:+d}"))
    change = 100 * (after.pass_rate - before.pass_rate)
    rates = f"{before.pass_rate:.1%}", f"{after.pass_rate:.1%}", f"{change:+.1f} points"
    table.add_row(*_texts("pass rate", *rates))
    for label, name in (("delivered images", "delivered"), ("requests filled", "filled")):
        was, now = getattr(before, name), getattr(after, name)
        table.add_row(*_texts(label, str(was), str(now), f"{now - was:+d}"))
    table.add_row(*_texts("cost per delivered", *_costs(before, after), found.currency))
    _print(table)
    console = _console()
    console.print(Text(f"{len(found.flips)} of {found.candidates} candidates flip"))
    for name, count in list(found.because.items())[:most]:
        console.print(Text(f"  {count:>6}  {name}"))
    if most and len(found.flips):
        flips = _table("candidate", "request", "was", "now", "because")
        for row in found.flips.head(most).itertuples():
            cells = (row.candidate_id, row.request_id, row.was, row.now, row.because)
            flips.add_row(*_texts(*(str(cell) for cell in cells)))
        _print(flips)
    if found.unknown:
        console.print(
            Text(
                f"{found.unknown} candidates count as error: scoring had stopped at a failure, "
                "before what this rubric needs was measured (score with --full to know)"
            )
        )
    for note in found.notes:
        console.print(Text(f"note: {note}"))


def what_if_as_dict(found: WhatIf) -> dict[str, Any]:
    """A what-if for programs; the flips are left to ``--flips``."""
    return {
        "rubric": found.rubric,
        "candidates": found.candidates,
        "requests": found.requests,
        "before": _standing(found.before),
        "after": _standing(found.after),
        "flips": len(found.flips),
        "because": found.because,
        "unknown": found.unknown,
        "currency": found.currency,
        "notes": list(found.notes),
    }


def _standing(one: Standing) -> dict[str, Any]:
    return {
        **one.outcomes,
        "pass_rate": one.pass_rate,
        "delivered": one.delivered,
        "filled": one.filled,
        "cost_per_delivered": one.cost_per_delivered,
    }


def _costs(*standings: Standing) -> list[str]:
    costs = (standing.cost_per_delivered for standing in standings)
    return ["none" if cost is None else f"{cost:.3g}" for cost in costs]


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in columns:
        right = column.startswith(">")
        table.add_column(column.removeprefix(">"), justify="right" if right else "left")
    return table


def _texts(*cells: str) -> list[Text]:
    """Cells that are printed as they are: markup in them means nothing."""
    return [Text(cell) for cell in cells]


def _console() -> Console:
    console = Console(highlight=False)
    if not console.is_terminal or console.width > WIDTH:
        console.width = WIDTH
    return console


def _print(table: Table) -> None:
    _console().print(table)
