"""What a report says, as plain values: made by the data pass, written by the render pass."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Mode = Literal["run", "score"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The numbers that a reader wants first.

    Attributes:
        sentence: what was delivered, in one sentence.
        requests: outcome -> requests; ``open`` counts those that are not decided yet.
        outcomes: outcome -> candidates; ``open`` counts those that are not judged yet.
        seconds: of generating and scoring all candidates.
        currency: what costs are counted in.
    """

    sentence: str
    requests: dict[str, int]
    outcomes: dict[str, int]
    wanted: int
    delivered: int
    candidates: int
    cost: float
    seconds: float
    currency: str

    @property
    def pass_rate(self) -> float | None:
        """Passed over judged candidates; ``None`` where nothing is judged."""
        judged = self.candidates - self.outcomes.get("open", 0)
        return self.outcomes.get("pass", 0) / judged if judged else None

    @property
    def cost_per_delivered(self) -> float | None:
        """``None`` where nothing is delivered."""
        return self.cost / self.delivered if self.delivered else None

    @property
    def seconds_per_delivered(self) -> float | None:
        """``None`` where nothing is delivered."""
        return self.seconds / self.delivered if self.delivered else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One step of the funnel.

    Attributes:
        count: candidates that got here, over all rounds.
        killed: what stopped those that got no further than the stage before: name -> candidates.
            A candidate that failed several checks counts for each.
    """

    name: str
    count: int
    killed: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Funnel:
    """The stages of one round; round 0 stands for all of them together."""

    round: int
    stages: tuple[Stage, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckSection:
    """One threshold or rule of the rubric, over the whole run.

    Attributes:
        kind: ``threshold`` has bounds and values; ``rule`` is an expression.
        counts: how many passed, failed, are to review, in error, and were not looked at.
        start, end: of the histogram's axis.
        bins: candidates per bin of equal width.
        misses: rows of the candidates that failed by least, closest first.
    """

    name: str
    tier: str
    kind: Literal["threshold", "rule"]
    severity: str
    about: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    review_low: float | None = None
    review_high: float | None = None
    counts: dict[str, int] = field(default_factory=dict)
    start: float = 0.0
    end: float = 1.0
    bins: tuple[int, ...] = ()
    misses: tuple[int, ...] = ()

    @property
    def pass_rate(self) -> float | None:
        """Passed over looked at; ``None`` where nothing was looked at."""
        looked = sum(self.counts.values()) - self.counts.get("unmeasured", 0)
        return self.counts.get("pass", 0) / looked if looked else None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestStory:
    """What became of one request.

    Attributes:
        why: why no more was tried; empty where nothing is missing.
        failures: check -> candidates that failed it, most first.
        help: what would complete it; empty where nothing is missing.
    """

    id: str
    prompt: str
    wanted: int
    delivered: int
    candidates: int
    rounds: int
    outcome: str
    why: str
    failures: dict[str, int]
    help: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """A line of the licence audit.

    Attributes:
        commercial: whether the licence allows commercial use.
        condition: under which condition; empty where there is none.
    """

    id: str
    role: str
    licence: str
    sha256: str
    commercial: Literal["yes", "no", "conditional", "unknown"] = "unknown"
    condition: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """How the run was made.

    Attributes:
        pooled: by which column of the requests pass rates were told apart; empty for none.
    """

    rubric: str
    rubric_hash: str
    rubric_yaml: str
    job_yaml: str
    models: tuple[ModelRow, ...]
    policy: str
    versions: dict[str, str]
    platform: str
    pooled: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A rate with its 95 % Wilson interval."""

    hits: int
    total: int
    low: float
    high: float

    @property
    def rate(self) -> float | None:
        """``None`` where there is nothing to count."""
        return self.hits / self.total if self.total else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subgroup:
    """The candidates whose largest face has one Monk skin tone.

    Attributes:
        tone: 1 to 10; 0 where it is not known (no face, greyscale, too little skin).
        colour: of the tone, as hex; empty where it is not known.
        passed: of those judged.
        unscored: of all measurements of faces, those without a score.
        failed: check -> share of the group's candidates that it failed, those of the whole first.
    """

    tone: int
    colour: str
    candidates: int
    passed: Share
    unscored: Share
    failed: tuple[tuple[str, Share], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Subgroups:
    """The audit by skin tone.

    Attributes:
        groups: by tone, the unknown ones last.
        apart: pairs of tones whose pass rates differ by more than chance, after correction for
            the number of pairs.
        smallest: candidates that a group needs before it is compared.
    """

    groups: tuple[Subgroup, ...]
    apart: tuple[tuple[int, int], ...]
    smallest: int

    @property
    def compared(self) -> int:
        """Groups that are large enough to be held against another."""
        return sum(1 for g in self.groups if g.tone and g.passed.total >= self.smallest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One page of a report.

    Attributes:
        page: from 1; the sections before the contact sheet are about the whole run.
        ranges: per page its first and its last request.
        short: requests that fell short, those that lack most first, each with its page; not all
            where there are very many.
        short_count: how many fell short.
        payload: columns for the browser, JSON-ready, each made when it is asked for.
        thumbnails: an image address per candidate of the page, empty where there is no picture;
            made while they are gone through, once.
        subgroups: ``None`` where no face has a known skin tone.
    """

    title: str
    mode: Mode
    page: int
    ranges: tuple[tuple[str, str], ...]
    headline: Headline
    funnels: tuple[Funnel, ...]
    checks: tuple[CheckSection, ...]
    short: tuple[tuple[int, RequestStory], ...]
    short_count: int
    making: Making
    payload: Mapping[str, Any]
    thumbnails: Iterable[str]
    subgroups: Subgroups | None = None
    notes: tuple[str, ...] = ()

    @property
    def pages(self) -> int:
        """How many there are."""
        return len(self.ranges)
