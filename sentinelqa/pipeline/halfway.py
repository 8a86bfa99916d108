"""Candidates between the two parts of their denoising: looked at, dropped, or gathered to go on."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sentinelqa.cascade import ONE_IN, is_surveyed
from sentinelqa.contest import Contest, Contests
from sentinelqa.generators.stage import PREVIEW_SUFFIX, GenerateItem, HalfwayFiles
from sentinelqa.odds import Entrant
from sentinelqa.scorer import Scored, ScoreItem
from sentinelqa.screening import NAME, PREVIEW, Look, Rule, Screener, Sighting
from sentinelqa.types import (
    Candidate,
    Check,
    Measurement,
    Outcome,
    Request,
    Settings,
    Verdict,
)


@dataclass(slots=True)
class _Halted:
    """One candidate on its way, and what is known of it so far."""

    candidate: Candidate
    latents: str
    step: int
    seconds: float
    shape: int
    seen: Scored | None = None
    preview: Measurement | None = None


@dataclass(slots=True)
class _Open:
    """A request that is being worked on.

    Attributes:
        whole: every candidate is finished, whatever the rule says of it.
        awaited: candidates that are still decided together; 0 where each is decided by itself, and
            once they are.
        known: those of them that are waited for no longer.
        scores: of those that were looked at, also in an earlier process.
    """

    position: int
    wanted: int
    looks: bool
    rule: Rule | Contest | None
    whole: bool
    awaited: int = 0
    known: set[str] = field(default_factory=set)
    scores: dict[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(slots=True)
class Halfway:
    """Everything between the parts. Without a screener nothing is ever halted.

    Attributes:
        batch: the fixed shape in which survivors go on.
        together: candidates of a request that compete with each other; 0 where each is by itself.
    """

    screener: Screener | Contests | None
    batch: int
    together: int = 0
    _requests: dict[str, _Open] = field(default_factory=dict)
    _halted: dict[str, _Halted] = field(default_factory=dict)
    _survivors: dict[Settings, deque[str]] = field(default_factory=dict)
    _dropped: list[tuple[Scored, float]] = field(default_factory=list)

    def opened(
        self,
        request: Request,
        position: int,
        earlier: Iterable[tuple[str, Measurement | None]] = (),
    ) -> None:
        """A request is being worked on; asked in ascending order of positions.

        Args:
            earlier: candidates that have their verdict already, and how they looked.
        """
        screener = self.screener
        if screener is None:
            return
        rule = screener.rule(position)
        whole = isinstance(screener, Contests) and screener.is_whole(position)
        looks = screener.looks(position)
        entry = _Open(position, request.deliver, looks, rule, whole)
        self._requests[request.id] = entry
        if rule is not None and self.together:
            entry.awaited = self.together
            for candidate_id, preview in earlier:
                entry.known.add(candidate_id)
                if preview is not None:
                    entry.scores[candidate_id] = scores_in(preview)

    def closed(self, request_id: str) -> None:
        """A request is finished."""
        self._requests.pop(request_id, None)

    def step(self, batch: Sequence[Candidate]) -> int:
        """The step after which this batch is halted; 0 to make it in one go."""
        settings = batch[0].settings
        if self.screener is None or settings is None:
            return 0
        if not any(self._requests[c.request_id].looks for c in batch):
            return 0
        return self.screener.screening.step(settings.steps)

    def arrived(
        self, item: GenerateItem, files: HalfwayFiles, candidate: Candidate, place: int
    ) -> str:
        """Take in one candidate of a batch that was halted.

        Returns:
            The preview to be scored; empty when it goes on unseen.
        """
        self._halted[candidate.id] = _Halted(
            candidate,
            files.latents[place],
            item.halt,
            files.seconds / len(item.candidates),
            files.shape,
        )
        if self._requests[candidate.request_id].looks:
            return str(files.previews[place])
        self._go_on(candidate.id)
        return ""

    def telling(self, request_id: str) -> tuple[str, ...]:
        """The dimensions that a look at this request's candidates is decided by; empty where all
        are asked for: in the pilot, and of what a later rule follows from."""
        entry = self._requests[request_id]
        return entry.rule.names if entry.rule and not entry.whole else ()

    def is_preview(self, item: ScoreItem) -> bool:
        """Whether this is the look half way, not the finished image."""
        return item.path.endswith(PREVIEW_SUFFIX)

    def seen(self, scored: Scored) -> None:
        """Take in how a candidate looks. It goes on or is dropped, with its siblings where they
        compete and all have been looked at."""
        candidate = scored.candidate
        scores = {m.dimension: m.score for m in scored.measurements if m.score is not None}
        self._halted[candidate.id].seen = replace(scored, measurements=(), image=None, phash=None)
        entry = self._requests[candidate.request_id]
        if not entry.awaited:
            self._decide(entry, {candidate.id: scores})
            return
        entry.scores[candidate.id] = scores
        self._await_no_longer(candidate)

    def unseen(self, candidate: Candidate) -> None:
        """The look could not be scored: the candidate goes on."""
        self._go_on(candidate.id)
        self._await_no_longer(candidate)

    def dropped(self) -> Iterator[tuple[Scored, float]]:
        """The results of those dropped since, each with the device seconds that it took."""
        found, self._dropped = self._dropped, []
        yield from found

    def _await_no_longer(self, candidate: Candidate) -> None:
        entry = self._requests[candidate.request_id]
        if not entry.awaited:
            return
        entry.known.add(candidate.id)
        if len(entry.known) == entry.awaited:
            self._decide(entry, entry.scores)
            entry.awaited, entry.known, entry.scores = 0, set(), {}

    def _decide(self, entry: _Open, scores: Mapping[str, Mapping[str, float]]) -> None:
        """Let those go on that are worth it. Those of an earlier process count beside them, and
        are decided already."""
        ids = sorted(scores)
        looks = [Look(1.0, False, "")] * len(ids)
        if entry.rule is not None and ids:
            looks = entry.rule.looks([scores[i] for i in ids], entry.wanted)
        for candidate_id, look in zip(ids, looks, strict=True):
            if candidate_id not in self._halted:
                continue
            halted = self._halted[candidate_id]
            halted.preview = Measurement(
                dimension=PREVIEW,
                score=round(look.standing, 6),
                metrics={
                    **scores[candidate_id],
                    "step": halted.step,
                    "would_drop": look.drops,
                    **({"whole": entry.whole} if self.together else {}),
                },
            )
            if not look.drops or entry.whole or self._is_audited(candidate_id):
                self._go_on(candidate_id)
            else:
                self._drop(self._halted.pop(candidate_id), look)

    def _is_audited(self, candidate_id: str) -> bool:
        return not self.together and is_surveyed(candidate_id)

    def _drop(self, halted: _Halted, look: Look) -> None:
        assert halted.seen is not None
        assert halted.preview is not None
        Path(halted.latents).unlink(missing_ok=True)
        steps = halted.candidate.settings.steps if halted.candidate.settings else 0
        reason = f"dropped after step {halted.step} of {steps}: {look.why}"
        check = Check(name=NAME, tier="generic", outcome=Outcome.FAIL, reason=reason)
        result = replace(
            halted.seen,
            measurements=(halted.preview,),
            verdict=Verdict(outcome=Outcome.FAIL, checks=(check,)),
        )
        self._dropped.append((result, halted.seconds))

    def take(self, *, partial: bool) -> GenerateItem | None:
        """Survivors that go on together, a full batch unless ``partial``."""
        for settings, waiting in self._survivors.items():
            if len(waiting) >= self.batch or (partial and waiting):
                chosen = [waiting.popleft() for _ in range(min(self.batch, len(waiting)))]
                if not waiting:
                    del self._survivors[settings]
                halted = [self._halted[c] for c in chosen]
                return GenerateItem(
                    candidates=tuple(h.candidate for h in halted),
                    shape=self.batch,
                    halt=halted[0].step,
                    latents=tuple(h.latents for h in halted),
                )
        return None

    def spent(self, candidate: Candidate) -> float:
        """Device seconds of the first part."""
        halted = self._halted.get(candidate.id)
        return halted.seconds if halted else 0.0

    def finished(self, scored: Scored, request: Request) -> Scored:
        """The result of a finished candidate with what was seen of it half way; the pilot learns
        from it."""
        halted = self._halted.pop(scored.candidate.id, None)
        if halted is None or halted.preview is None:
            return scored
        if scored.candidate.round == 1:
            entry = self._requests[request.id]
            place = entry.position, scored.candidate.index
            if isinstance(self.screener, Contests):
                if (one := entrant_of(halted.preview, scored.verdict)) is not None:
                    self.screener.note(*place, request.deliver, one)
            elif self.screener is not None:
                sighting = sighting_of(halted.preview, scored.verdict)
                if sighting is not None:
                    self.screener.note(*place, sighting)
        return replace(scored, measurements=(*scored.measurements, halted.preview))

    def forget(self, candidate: Candidate) -> None:
        """A candidate has its verdict; its siblings wait for it no longer."""
        self._halted.pop(candidate.id, None)
        if self.screener is not None:
            self._await_no_longer(candidate)

    def _go_on(self, candidate_id: str) -> None:
        halted = self._halted[candidate_id]
        assert halted.candidate.settings is not None
        self._survivors.setdefault(halted.candidate.settings, deque()).append(candidate_id)


def scores_in(preview: Measurement) -> dict[str, float]:
    """How a candidate looked, dimension by dimension, from the record."""
    return {k: v for k, v in preview.metrics.items() if isinstance(v, float)}


def sighting_of(preview: Measurement, verdict: Verdict) -> Sighting | None:
    """What the pilot learns from a recorded look; nothing from an outage."""
    if verdict.outcome is Outcome.ERROR:
        return None
    audited = bool(preview.metrics.get("would_drop"))
    passed = verdict.outcome is Outcome.PASS
    return Sighting(scores_in(preview), passed, ONE_IN if audited else 1)


def entrant_of(preview: Measurement, verdict: Verdict) -> Entrant | None:
    """What a contest learns from a recorded look; nothing from an outage, and nothing where
    siblings were dropped."""
    if verdict.outcome is Outcome.ERROR or not preview.metrics.get("whole"):
        return None
    return Entrant(scores_in(preview), verdict.outcome is Outcome.PASS, verdict.rank)
