"""What a finished run prints: the headline of its report, in at most 100 columns."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sentinelqa.report.words import duration, number, percent, pooled
from sentinelqa.results import DEVICE_SECONDS, Run
from sentinelqa.terminal import one_line

WIDTH = 100


def print_summary(run: Run) -> None:
    """Print the headline of a run."""
    console = Console()
    console.print(summary_table(run), width=min(WIDTH, console.width))


def summary_table(run: Run) -> Table:
    """The headline as a table of two columns."""
    headline = run.as_dict()
    outcomes = headline["outcomes"]
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", justify="right")
    table.add_column(overflow="fold")

    def row(name: str, text: str) -> None:
        table.add_row(name, Text(one_line(text)))

    if not run.scoring_only:
        requests = headline["requests"]
        row(
            "requests",
            f"{requests['delivered']:,} delivered in full, {requests['short']:,} short, "
            f"{requests['error']:,} in error",
        )
        row("delivered", f"{headline['delivered']:,} of {headline['wanted']:,} images")
        if headline["currency"] != DEVICE_SECONDS:
            row("cost", _cost(headline))
    row("time", _time(headline, scoring_only=run.scoring_only))
    rate = headline["pass_rate"]
    row(
        "candidates" if not run.scoring_only else "images",
        f"{headline['candidates']:,}: {outcomes['pass']:,} passed, {outcomes['fail']:,} failed, "
        f"{outcomes['review']:,} to review, {outcomes['error']:,} in error"
        + (f" (pass rate {percent(rate)})" if rate is not None else ""),
    )
    if headline["failed_by"]:
        row("failed by", ", ".join(f"{name} {n:,}" for name, n in headline["failed_by"].items()))
    if not run.scoring_only and headline["given_up"]["requests"]:
        row("given up", _price(headline["given_up"]))
    if not run.scoring_only and (by := pooled(run.pooled_by)):
        row("pass rates by", by)
    if not run.scoring_only and (early := headline["early_rejection"]):
        row("half way", _dropped(early))
    for warning in run.warnings:
        row("warning", warning)
    row("report", headline["report"])
    return table


def _price(given_up: dict[str, Any]) -> str:
    """What stopping early saved, and what it cost."""
    requests, saved = given_up["requests"], given_up["candidates"]
    return (
        f"{requests:,} request{'s' * (requests != 1)} early: {saved:,} "
        f"candidate{'s' * (saved != 1)} saved, at the price of about "
        f"{number(given_up['would_have_filled'])} more filled"
    )


def _dropped(early: dict[str, Any]) -> str:
    """What early rejection saved, and what finishing some of its drops all the same says."""
    said = (
        f"{early['dropped']:,} of {early['looked_at']:,} candidates dropped, "
        f"{percent(early['steps_saved'])} of all steps saved"
    )
    audit = early["audit"]
    if audit["images"]:
        return (
            f"{said}; it would have dropped {audit['delivered']:,} of the {audit['images']:,} "
            "images of requests finished as an audit"
        )
    if audit["finished"]:
        return f"{said}; {audit['passed']:,} of {audit['finished']:,} finished as an audit passed"
    return said


def _cost(headline: dict[str, Any]) -> str:
    each, currency = headline["cost_per_delivered"], headline["currency"]
    said = f"{number(headline['cost'])} {currency}"
    return said if each is None else f"{number(each)} {currency} per image delivered, {said} in all"


def _time(headline: dict[str, Any], *, scoring_only: bool) -> str:
    total, count = headline["seconds"], headline["candidates"]
    each = total / count if scoring_only and count else headline.get("seconds_per_delivered")
    said = f"{duration(total)} of computing"
    what = "image" if scoring_only else "image delivered"
    return said if each is None else f"{duration(each)} per {what}, {said} in all"
