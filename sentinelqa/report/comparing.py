"""The data pass of a comparison: two runs, request by request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from sentinelqa.errors import JobError, RubricError
from sentinelqa.report.changes import request_rows
from sentinelqa.report.comparison import Comparison, Side
from sentinelqa.report.contrasts import differences, models_of
from sentinelqa.report.evidence import Evidence
from sentinelqa.report.halves import Half, request_keys
from sentinelqa.report.intervals import sign_test
from sentinelqa.report.pairs import picture_pairs
from sentinelqa.report.rates import check_rates, overall_rates
from sentinelqa.report.thumbnails import address_between


def compare(first: Path, second: Path, beside: Path) -> Comparison:
    """Compare two runs.

    Args:
        beside: the folder of the page, for the addresses of both runs' own reports.

    Raises:
        JobError: one has no tables, both are the same run, or one generated and one scored.
        RubricError: their rubrics have nothing in common.
    """
    if first.resolve() == second.resolve():
        raise JobError("a run cannot be compared with itself", where=str(first))
    runs = Evidence(first), Evidence(second)
    _refuse(*runs)
    keys = request_keys(*runs)
    shared = [key for key in keys[0] if key in set(keys[1])]
    names = shared or [*keys[0], *keys[1]]
    places = {key: place for place, key in enumerate(names)}
    halves = Half(runs[0], keys[0], places), Half(runs[1], keys[1], places)
    requests = request_rows(*halves) if shared else []
    standings = Counter(row.standing for row in requests)
    changed = [r for kind in ("worse", "better") for r in requests if r.standing == kind]
    checks = [{check.name: check for check in run.rubric.checks} for run in runs]
    mode = "score" if runs[0].scoring_only else "run"
    return Comparison(
        mode="score" if mode == "score" else "run",
        first=_side("A", halves[0], first, beside),
        second=_side("B", halves[1], second, beside),
        requests=len(shared),
        left_out=(len(keys[0]) - len(shared), len(keys[1]) - len(shared)),
        differences=differences(*runs),
        overall=tuple(overall_rates(*halves)),
        checks=tuple(check_rates(*halves)),
        changed=tuple(changed),
        standings={name: standings[name] for name in ("worse", "better", "same")},
        chance=sign_test(standings["better"], standings["worse"]),
        alone=(tuple(checks[0].keys() - checks[1]), tuple(checks[1].keys() - checks[0])),
        payload=picture_pairs(runs, [half.rows for half in halves], requests),
        notes=tuple(_notes(runs, len(shared))),
    )


def _refuse(first: Evidence, second: Evidence) -> None:
    if first.scoring_only != second.scoring_only:
        made, scored = (second, first) if first.scoring_only else (first, second)
        raise JobError(
            f"{str(made.run.path)!r} generated its images and {str(scored.run.path)!r} scored "
            "existing ones: their pass rates answer different questions",
            remedy="compare two runs of 'sentinelqa run', or two of 'sentinelqa score'",
        )
    for evidence in (first, second):
        if not any(outcome != "open" for outcome in evidence.outcomes):
            raise JobError(
                f"nothing of {str(evidence.run.path)!r} has been judged yet",
                remedy="wait until the run has scored some candidates",
            )
    names = [{check.name for check in evidence.rubric.checks} for evidence in (first, second)]
    if not names[0] & names[1]:
        raise RubricError(
            f"the rubrics {first.rubric.name!r} and {second.rubric.name!r} have no check in common",
            remedy=f"judge one run by the other's rubric: sentinelqa rubric whatif "
            f"{first.run.path} --rubric {second.run.rubric}",
        )


def _side(letter: str, half: Half, path: Path, beside: Path) -> Side:
    evidence, among = half.evidence, half.place >= 0
    seconds = evidence.numbers("generate_seconds"), evidence.numbers("score_seconds")
    return Side(
        letter=letter,
        title=str(evidence.facts.get("name") or evidence.job.get("name") or path.name),
        folder=path.name,
        report=address_between(beside, evidence.run.report),
        rubric=f"{evidence.rubric.name} {evidence.rubric.version}",
        models=models_of(evidence),
        candidates=int(among.sum()),
        delivered=int(((evidence.delivered > 0) & among).sum()),
        cost=float(np.nansum(evidence.numbers("cost")[among])),
        seconds=float(sum(np.nansum(column[among]) for column in seconds)),
        currency=str(evidence.facts.get("currency") or "device-seconds"),
    )


def _notes(runs: Sequence[Evidence], shared: int) -> Iterator[str]:
    if not shared:
        yield (
            "The runs have no request in common: the intervals hold for different requests, and "
            "there is nothing to put side by side."
        )
    for letter, evidence in zip("AB", runs, strict=True):
        if any(outcome == "open" for outcome in evidence.outcomes):
            yield f"Run {letter} is not finished: the comparison shows how far it has come."
