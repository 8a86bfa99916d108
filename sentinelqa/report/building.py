"""The data pass: from a run directory to the values of its report."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sentinelqa.picturecache import PictureCache
from sentinelqa.report.checks import CheckCount
from sentinelqa.report.evidence import Evidence
from sentinelqa.report.funnel import Counts, funnels, stage_counts, together
from sentinelqa.report.headline import HeadlineCount
from sentinelqa.report.making import making
from sentinelqa.report.model import Report
from sentinelqa.report.overlays import Picks, overlays
from sentinelqa.report.parts import is_large
from sentinelqa.report.payload import payload
from sentinelqa.report.stories import Shortest
from sentinelqa.report.subgroups import ToneCount
from sentinelqa.report.thumbnails import Shown, beside, embedded
from sentinelqa.tables import release

MOST_SHORT = 200
"""Requests that fell short which every page tells of; each stands in full on its own page."""


def build_report(path: Path, cache: PictureCache | None = None) -> Iterator[Report]:
    """The pages of the report of a run, first to last. The run is gone through twice, part by
    part: once for what is said of all of it, and once for the pages.

    Args:
        cache: where thumbnails and overlays of existing images are kept.

    Raises:
        JobError: there are no tables.
        RubricError: the run's rubric cannot be read.
    """
    evidence = Evidence(path)
    spans = evidence.spans()
    survey = _Survey(evidence)
    for number, span in enumerate(spans, start=1):
        survey.add(evidence.part(span), number)
        release()
    sections = survey.checks.sections()
    layers = overlays(evidence, survey.picks.pictures(sections), cache)
    show = beside if is_large(evidence.rows) else embedded
    for number, span in enumerate(spans, start=1):
        part = evidence.part(span)
        yield Report(
            title=str(evidence.facts.get("name") or evidence.job.get("name") or path.name),
            mode="score" if evidence.scoring_only else "run",
            page=number,
            ranges=tuple(survey.ranges),
            headline=survey.headline.headline(),
            funnels=funnels(survey.stages),
            checks=sections,
            short=survey.short.stories(),
            short_count=survey.short.count,
            making=making(evidence),
            payload=payload(part, sections, layers, survey.whole() if len(spans) > 1 else None),
            thumbnails=_thumbnails(show, part, cache),
            subgroups=survey.tones.audit(),
            notes=(*survey.headline.notes(), *(evidence.facts.get("warnings") or ())),
        )


class _Survey:
    """What is said of the whole run, found part by part."""

    def __init__(self, evidence: Evidence) -> None:
        self.checks = CheckCount(evidence)
        self.picks = Picks(evidence)
        self.headline = HeadlineCount(evidence)
        self.short = Shortest(MOST_SHORT)
        self.tones = ToneCount()
        self.stages: Counts = {}
        self.ranges: list[tuple[str, str]] = []

    def add(self, part: Evidence, page: int) -> None:
        self.checks.add(part)
        self.picks.add(part)
        self.headline.add(part)
        self.short.add(part, page)
        self.tones.add(part)
        self.stages = together(self.stages, stage_counts(part))
        ids = part.texts_of_requests("request_id")
        self.ranges.append((ids[0], ids[-1]) if ids else ("", ""))

    def whole(self) -> dict[str, Any]:
        """What a page says of all candidates, of which it has only some; see ``whatif.js``."""
        return {
            "funnels": {
                str(funnel.round): [
                    {"name": s.name, "count": s.count, "killed": list(s.killed.items())}
                    for s in funnel.stages
                ]
                for funnel in funnels(self.stages)
            },
            "checks": [list(section.counts.values()) for section in self.checks.sections()],
        }


def _thumbnails(
    show: Callable[..., Iterator[str]], part: Evidence, cache: PictureCache | None
) -> Iterator[str]:
    """Looked for when the page has written all else: then nothing else of it is in memory."""
    yield from show(part.run, _shown(part), cache=cache)


def _shown(part: Evidence) -> list[Shown]:
    """A file that no worker could read is not decoded here either, where it would take the run."""
    columns = (part.texts_once(name) for name in ("candidate_id", "path", "sha256"))
    return [
        Shown(name, path if sha256 else "", sha256)
        for name, path, sha256 in zip(*columns, strict=True)
    ]
