"""The data pass: from a run directory to the values of its report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentinelqa.picturecache import PictureCache
from sentinelqa.report.checks import check_sections
from sentinelqa.report.evidence import Evidence
from sentinelqa.report.funnel import funnels
from sentinelqa.report.making import making
from sentinelqa.report.model import Headline, Report, RequestStory
from sentinelqa.report.overlays import overlays
from sentinelqa.report.payload import payload
from sentinelqa.report.stories import request_stories
from sentinelqa.report.subgroups import subgroups
from sentinelqa.report.thumbnails import MOST_EMBEDDED, Shown, beside, embedded

PAGE = 20_000
"""Candidates on one page of a report; a request is never split."""


def build_report(path: Path, cache: PictureCache | None = None) -> Iterator[Report]:
    """The pages of the report of a run, first to last.

    Args:
        cache: where thumbnails and overlays of existing images are kept.

    Raises:
        JobError: there are no tables.
        RubricError: the run's rubric cannot be read.
    """
    evidence = Evidence(path)
    sections = check_sections(evidence)
    stories = request_stories(evidence)
    pages = _pages(evidence)
    headline = _headline(evidence)
    audit = subgroups(evidence)
    layers = overlays(evidence, sections, cache)
    for number, rows in enumerate(pages, start=1):
        shown = [_shown(evidence, row) for row in rows.tolist()]
        show = embedded if evidence.rows <= MOST_EMBEDDED else beside
        yield Report(
            title=str(evidence.facts.get("name") or evidence.job.get("name") or path.name),
            mode="score" if evidence.scoring_only else "run",
            page=number,
            pages=len(pages),
            headline=headline,
            funnels=funnels(evidence),
            checks=sections,
            stories=stories,
            making=making(evidence),
            payload=payload(evidence, sections, stories, rows, layers),
            thumbnails=show(evidence.run, shown, cache=cache),
            subgroups=audit,
            notes=tuple(_notes(evidence)),
        )


def _shown(evidence: Evidence, row: int) -> Shown:
    """A file that no worker could read is not decoded here either, where it would take the run."""
    sha256 = evidence.texts("sha256")[row]
    path = evidence.texts("path")[row] if sha256 else ""
    return Shown(evidence.texts("candidate_id")[row], path, sha256)


def _pages(evidence: Evidence) -> list[NDArray[np.int64]]:
    """Rows per page: whole requests, at most :data:`PAGE` candidates unless one has more."""
    order = np.argsort(evidence.position, kind="stable")
    ends = np.flatnonzero(np.diff(evidence.position[order], append=-1)) + 1
    pages, start, last = [], 0, 0
    for end in ends.tolist():
        if end - start > PAGE and last > start:
            pages.append(order[start:last])
            start = last
        last = end
    pages.append(order[start:last])
    return pages


def _headline(evidence: Evidence) -> Headline:
    outcomes = dict.fromkeys(("pass", "review", "fail", "error", "open"), 0)
    for outcome in evidence.outcomes:
        outcomes[outcome] += 1
    requests = dict.fromkeys(("delivered", "short", "error", "open"), 0)
    for found in evidence.requests["outcome"].tolist():
        requests["open" if found is None or found != found else str(found)] += 1
    wanted, delivered = (int(evidence.requests[name].sum()) for name in ("wanted", "delivered"))
    seconds = evidence.numbers("generate_seconds"), evidence.numbers("score_seconds")
    return Headline(
        sentence=_sentence(evidence, outcomes, requests, wanted, delivered),
        requests=requests,
        outcomes=outcomes,
        wanted=wanted,
        delivered=delivered,
        candidates=evidence.rows,
        cost=float(np.nansum(evidence.numbers("cost"))),
        seconds=float(sum(np.nansum(column) for column in seconds)),
        currency=str(evidence.facts.get("currency") or "device-seconds"),
    )


def _sentence(
    evidence: Evidence,
    outcomes: dict[str, int],
    requests: dict[str, int],
    wanted: int,
    delivered: int,
) -> str:
    if evidence.scoring_only:
        return f"{outcomes['pass']:,} of {evidence.rows:,} images passed."
    full = f"{requests['delivered']:,} of {len(evidence.requests):,} requests are complete"
    return f"{delivered:,} of {wanted:,} images delivered; {full}."


def _notes(evidence: Evidence) -> Iterator[str]:
    open_ = sum(outcome == "open" for outcome in evidence.outcomes)
    undecided = evidence.requests["outcome"].isna().sum() if not evidence.scoring_only else 0
    if open_ or undecided:
        yield "This run is not finished: the report shows how far it has come."
    yield from evidence.facts.get("warnings") or ()


def short_stories(stories: tuple[RequestStory, ...]) -> list[RequestStory]:
    """The requests that fell short, those that lack most first."""
    short = [story for story in stories if story.outcome in ("short", "error")]
    return sorted(short, key=lambda story: (story.delivered - story.wanted, story.id))
