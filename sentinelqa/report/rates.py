"""The rates of a comparison: overall, and check by check."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from sentinelqa.report.comparison import RateRow
from sentinelqa.report.contrasts import version_of, wanted
from sentinelqa.report.evidence import UNMEASURED
from sentinelqa.report.halves import Bools, Half
from sentinelqa.report.intervals import Change, Tally, change
from sentinelqa.rubric.columns import PASS
from sentinelqa.rubric.model import Check, Threshold


def overall_rates(first: Half, second: Half) -> Iterator[RateRow]:
    """Candidates that pass, and what was delivered of what was wanted."""
    scored = first.evidence.scoring_only
    name = "Images that pass" if scored else "Candidates that pass"
    yield RateRow(name=name, change=_changed(first, second, lambda h: (h.passed, h.judged)))
    if scored:
        return
    if any(half.evidence.rounds.max(initial=0) > 1 for half in (first, second)):
        found = _changed(first, second, lambda h: (h.passed, h.judged & (h.evidence.rounds == 1)))
        yield RateRow(name="In the first round alone", change=found)
    got = [half.of_requests("delivered") for half in (first, second)]
    asked = [half.of_requests("wanted") for half in (first, second)]
    images = [Tally(np.minimum(g, a), a) for g, a in zip(got, asked, strict=True)]
    yield RateRow(name="Wanted images delivered", change=change(images[0], images[1]))
    full = [
        Tally(((g >= a) & (a > 0)).astype(np.int64), np.minimum(a, 1))
        for g, a in zip(got, asked, strict=True)
    ]
    yield RateRow(name="Requests complete", change=change(full[0], full[1]))


def _changed(first: Half, second: Half, of: Callable[[Half], tuple[Bools, Bools]]) -> Change:
    return change(first.tally(*of(first)), second.tally(*of(second)))


def check_rates(first: Half, second: Half) -> Iterator[RateRow]:
    """The checks that both rubrics have, in the order of the first."""
    others = {check.name: index for index, check in enumerate(second.evidence.rubric.checks)}
    for index, check in enumerate(first.evidence.rubric.checks):
        if check.name not in others or check.severity == "warn":
            continue
        places = (index, others[check.name])
        pair = check, second.evidence.rubric.checks[places[1]]
        tallies = [
            half.tally(half.evidence.codes[at] == PASS, half.evidence.codes[at] != UNMEASURED)
            for half, at in zip((first, second), places, strict=True)
        ]
        yield RateRow(
            name=check.name,
            change=change(tallies[0], tallies[1]),
            wanted=tuple(dict.fromkeys(wanted(one) for one in pair)),
            unit=getattr(check, "unit", ""),
            medians=(_median(first, pair[0]), _median(second, pair[1])),
            caution=_caution(first, second, pair),
        )


def _median(half: Half, check: Check) -> float | None:
    if not isinstance(check, Threshold):
        return None
    values = half.evidence.values(check)[half.place >= 0]
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else None


def _caution(first: Half, second: Half, pair: tuple[Check, Check]) -> str:
    versions = [version_of(h.evidence, c) for h, c in zip((first, second), pair, strict=True)]
    if versions[0] != versions[1]:
        return "measured by different versions: the values cannot be held against each other"
    return ""
