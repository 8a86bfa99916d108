"""The data pass of a comparison: two runs, request by request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePath

import numpy as np
from numpy.typing import NDArray

from sentinelqa.errors import JobError, RubricError
from sentinelqa.report.comparison import Comparison, RateRow, RequestRow, Side
from sentinelqa.report.contrasts import differences, models_of, version_of, wanted
from sentinelqa.report.evidence import UNMEASURED, Evidence
from sentinelqa.report.intervals import Change, Tally, change, sign_test
from sentinelqa.report.pairs import picture_pairs
from sentinelqa.report.thumbnails import address_between
from sentinelqa.rubric.columns import PASS
from sentinelqa.rubric.model import Check, Threshold

Bools = NDArray[np.bool_]
_WORTH = {"fail": 0, "review": 1, "pass": 2}


@dataclass(frozen=True)
class _Half:
    """One run, seen over the requests that are compared.

    Attributes:
        keys: what identifies each of its requests in the other run.
        places: key -> position among the compared requests.
    """

    evidence: Evidence
    keys: tuple[str, ...]
    places: dict[str, int]

    @cached_property
    def place(self) -> NDArray[np.int64]:
        """Per candidate the position of its request; -1 where it is not compared."""
        of_request = np.array([self.places.get(key, -1) for key in self.keys], np.int64)
        return np.asarray(of_request[self.evidence.position], np.int64)

    @cached_property
    def judged(self) -> Bools:
        known = np.array([outcome != "open" for outcome in self.evidence.outcomes], bool)
        return np.asarray(known & (self.place >= 0), bool)

    @cached_property
    def passed(self) -> Bools:
        return np.array([outcome == "pass" for outcome in self.evidence.outcomes], bool)

    def tally(self, hits: Bools, among: Bools) -> Tally:
        """Counts per compared request."""
        size, compared = len(self.places), among & (self.place >= 0)
        return Tally(
            hits=np.bincount(self.place[hits & compared], minlength=size),
            looked=np.bincount(self.place[compared], minlength=size),
        )

    def of_requests(self, column: str) -> NDArray[np.int64]:
        """A column of the requests table, per compared request."""
        found = np.zeros(len(self.places), np.int64)
        for key, value in zip(self.keys, self.evidence.requests[column].tolist(), strict=True):
            if key in self.places:
                found[self.places[key]] = int(value)
        return found

    @cached_property
    def rows(self) -> list[list[int]]:
        """Candidates per compared request."""
        found: list[list[int]] = [[] for _ in self.places]
        for row, place in enumerate(self.place.tolist()):
            if place >= 0:
                found[place].append(row)
        return found


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
    keys = _keys(*runs)
    shared = [key for key in keys[0] if key in set(keys[1])]
    names = shared or [*keys[0], *keys[1]]
    places = {key: place for place, key in enumerate(names)}
    halves = _Half(runs[0], keys[0], places), _Half(runs[1], keys[1], places)
    requests = _request_rows(*halves) if shared else []
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
        overall=tuple(_overall(*halves)),
        checks=tuple(_check_rows(*halves)),
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


def _keys(first: Evidence, second: Evidence) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What says that requests are the same: their ids; for images in another folder, the name."""
    found = [tuple(str(key) for key in e.requests["request_id"]) for e in (first, second)]
    if first.scoring_only and not set(found[0]) & set(found[1]):
        bare = [tuple(PurePath(key).name for key in keys) for keys in found]
        if all(len(set(keys)) == len(keys) for keys in bare) and set(bare[0]) & set(bare[1]):
            found = bare
    return found[0], found[1]


def _side(letter: str, half: _Half, path: Path, beside: Path) -> Side:
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


def _overall(first: _Half, second: _Half) -> Iterator[RateRow]:
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


def _changed(first: _Half, second: _Half, of: Callable[[_Half], tuple[Bools, Bools]]) -> Change:
    return change(first.tally(*of(first)), second.tally(*of(second)))


def _check_rows(first: _Half, second: _Half) -> Iterator[RateRow]:
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


def _median(half: _Half, check: Check) -> float | None:
    if not isinstance(check, Threshold):
        return None
    values = half.evidence.values(check)[half.place >= 0]
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else None


def _caution(first: _Half, second: _Half, pair: tuple[Check, Check]) -> str:
    versions = [version_of(h.evidence, c) for h, c in zip((first, second), pair, strict=True)]
    if versions[0] != versions[1]:
        return "measured by different versions: the values cannot be held against each other"
    return ""


def _request_rows(first: _Half, second: _Half) -> list[RequestRow]:
    """Per compared request, in the order of the first run."""
    halves = (first, second)
    tallies = [half.tally(half.passed, half.judged) for half in halves]
    got = [half.of_requests("delivered") for half in halves]
    asked = first.of_requests("wanted"), second.of_requests("wanted")
    prompts = dict(zip(first.keys, first.evidence.texts_of_requests("prompt"), strict=True))
    found = []
    for key, place in first.places.items():
        passed = [(int(t.hits[place]), int(t.looked[place])) for t in tallies]
        if first.evidence.scoring_only:
            outcomes = [_outcome(half, place) for half in halves]
            worth: list[float | None] = [_WORTH.get(outcome) for outcome in outcomes]
        else:
            outcomes = [f"{g[place]} of {a[place]}" for g, a in zip(got, asked, strict=True)]
            worth = [
                g[place] / a[place] if a[place] else None for g, a in zip(got, asked, strict=True)
            ]
        found.append(
            RequestRow(
                id=key,
                prompt=prompts[key],
                wanted=int(asked[0][place]),
                standing=_standing(worth),
                got=(outcomes[0], outcomes[1]),
                passed=(passed[0], passed[1]),
            )
        )
    return found


def _outcome(half: _Half, place: int) -> str:
    """The best outcome among the images of a request."""
    found = [half.evidence.outcomes[row] for row in half.rows[place]]
    return max(found, key=lambda outcome: _WORTH.get(outcome, -1), default="open")


def _standing(worth: Sequence[float | None]) -> str:
    """An outage says nothing of the image, so it makes a request neither better nor worse."""
    first, second = worth
    if first is None or second is None or first == second:
        return "same"
    return "better" if second > first else "worse"


def _notes(runs: Sequence[Evidence], shared: int) -> Iterator[str]:
    if not shared:
        yield (
            "The runs have no request in common: the intervals hold for different requests, and "
            "there is nothing to put side by side."
        )
    for letter, evidence in zip("AB", runs, strict=True):
        if any(outcome == "open" for outcome in evidence.outcomes):
            yield f"Run {letter} is not finished: the comparison shows how far it has come."
