"""Any order of measuring, no further than the first failure, delivers what full scoring does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sentinelqa.cascade import Survey, failed_checks, only_ranking, order
from sentinelqa.costs import Cost
from sentinelqa.decide import ImageFacts, decide, is_decided
from sentinelqa.dimensions.base import MetricSpec
from sentinelqa.features.base import Features
from sentinelqa.rubric.model import Rubric, Severity, Threshold
from sentinelqa.selection import select
from sentinelqa.types import (
    Candidate,
    Judged,
    Measurement,
    Outcome,
    Request,
    Tier,
    Unscored,
    Verdict,
)

NAMES = ("a", "b", "c", "d", "e")
FEATURES = ("f", "g")
IMAGE = ImageFacts(width=64, height=64)


@dataclass(frozen=True)
class Fact:
    """A dimension of which only its name, needs and cost matter here."""

    name: str
    cost: Cost
    needs: tuple[str, ...] = ()
    reference_needs: tuple[str, ...] = ()
    version: str = "1"
    tier: Tier = "generic"
    metrics: Mapping[str, MetricSpec] = field(default_factory=dict)

    def measure(self, features: Features, request: Request) -> Measurement:
        raise NotImplementedError


@dataclass(frozen=True)
class Seen:
    """A feature of which only its name and cost matter here."""

    name: str
    cost: Cost
    version: str = "1"
    needs: tuple[str, ...] = ()
    models: tuple[Any, ...] = ()

    def load(self, device: str) -> None: ...

    def compute(self, batch: Any) -> Any: ...


costs = st.builds(Cost, st.floats(0.1, 1000), st.floats(0, 100))


@st.composite
def rubrics(draw: st.DrawFn) -> Rubric:
    thresholds = [
        Threshold(
            name=name,
            tier="generic",
            source=name,
            low=draw(st.floats(0, 1)),
            severity=draw(st.sampled_from(["fail", "review", "warn"])),
        )
        for name in draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
    ]
    return Rubric(
        name="drawn",
        version="1",
        checks=tuple(thresholds),
        resolved="",
        hash="",
        dimensions=NAMES,
        on_unscored=draw(st.sampled_from(["fail", "review"])),
    )


def measurement(name: str, score: float | Unscored) -> Measurement:
    if isinstance(score, Unscored):
        return Measurement.without_score(name, score, "why")
    return Measurement(dimension=name, score=score)


scores = st.one_of(
    st.floats(0, 1),
    st.sampled_from([Unscored.ERROR, Unscored.UNDECIDABLE, Unscored.NOT_APPLICABLE]),
)
tables = st.lists(st.fixed_dictionaries(dict.fromkeys(NAMES, scores)), min_size=1, max_size=8)


@given(
    rubric=rubrics(),
    table=tables,
    dimension_costs=st.lists(costs, min_size=5, max_size=5),
    feature_costs=st.lists(costs, min_size=2, max_size=2),
    needs=st.lists(st.sets(st.sampled_from(FEATURES)), min_size=5, max_size=5),
    megapixels=st.floats(0.001, 50),
    learnt=st.integers(0, 8),
    always=st.sets(st.sampled_from(NAMES)),
    wanted=st.integers(0, 4),
)
def test_early_exit_delivers_what_full_scoring_delivers(
    rubric: Rubric,
    table: list[dict[str, float | Unscored]],
    dimension_costs: list[Cost],
    feature_costs: list[Cost],
    needs: list[set[str]],
    megapixels: float,
    learnt: int,
    always: set[str],
    wanted: int,
) -> None:
    measured = [{n: measurement(n, s) for n, s in row.items()} for row in table]
    full = [decide(rubric, m, Request(id="r"), IMAGE) for m in measured]
    counts: dict[tuple[str, ...], int] = {}
    for verdict in full[:learnt]:
        counts[failed_checks(verdict)] = counts.get(failed_checks(verdict), 0) + 1
    sequence = order(
        rubric,
        [
            Fact(n, c, tuple(sorted(k)))
            for n, c, k in zip(NAMES, dimension_costs, needs, strict=True)
        ],
        {n: Seen(n, c) for n, c in zip(FEATURES, feature_costs, strict=True)},
        megapixels=megapixels,
        survey=Survey.of(counts),
        always=always,
    )
    early = [_early(rubric, [d.name for d in sequence], m, always) for m in measured]

    assert sorted(d.name for d in sequence) == sorted(NAMES)
    assert [v.outcome for v in early] == [v.outcome for v in full]
    assert [v for v in early if v.outcome is not Outcome.FAIL] == [
        v for v in full if v.outcome is not Outcome.FAIL
    ]
    assert select(_judged(early), wanted) == select(_judged(full), wanted)


def _early(
    rubric: Rubric, sequence: list[str], measured: Mapping[str, Measurement], always: set[str]
) -> Verdict:
    known: dict[str, Measurement] = {}
    decided = False
    for name in sequence:
        if not decided or name in always:
            known[name] = measured[name]
        decided = decided or is_decided(rubric, known, Request(id="r"), IMAGE)
    return decide(rubric, known, Request(id="r"), IMAGE)


def _judged(verdicts: list[Verdict]) -> list[Judged]:
    return [
        Judged(candidate=Candidate(id=str(i), request_id="r", index=i), verdict=v)
        for i, v in enumerate(verdicts)
    ]


def gate(name: str, severity: Severity = "fail") -> Threshold:
    return Threshold(name=name, tier="generic", source=name, low=0.5, severity=severity)


def names(checks: tuple[Threshold, ...], prices: dict[str, Cost], **options: Any) -> list[str]:
    rubric = Rubric(name="r", version="1", checks=checks, resolved="", hash="")
    facts = [Fact(name, cost) for name, cost in prices.items()]
    return [d.name for d in order(rubric, facts, {}, **{"megapixels": 1.0, **options})]


PRICES = {"a": Cost(10.0), "b": Cost(1.0, 5.0), "c": Cost(3.0), "d": Cost(0.1)}


def test_cheap_gates_come_first_and_what_rejects_nothing_last() -> None:
    checks = (gate("a"), gate("b"), gate("c"), gate("d", "warn"))
    assert names(checks, PRICES) == ["c", "b", "a", "d"]


def test_what_is_dear_depends_on_the_size_of_the_picture() -> None:
    checks = (gate("a"), gate("b"), gate("c"))
    assert names(checks, PRICES, megapixels=0.1)[0] == "b"
    assert names(checks, PRICES, megapixels=4.0)[:2] == ["c", "a"]


def test_what_rejects_much_moves_to_the_front() -> None:
    checks = (gate("a"), gate("b"), gate("c"))
    survey = Survey.of({("a",): 90, (): 10})
    assert names(checks, PRICES, survey=survey)[0] == "a"


def test_what_rejects_only_what_is_rejected_already_gains_nothing() -> None:
    checks = (gate("a"), gate("b"), gate("c"))
    survey = Survey.of({("a", "c"): 500, ("b",): 30, (): 10})
    assert names(checks, PRICES, survey=survey)[:3] == ["c", "b", "a"]


def test_what_is_measured_anyway_comes_first() -> None:
    assert names((gate("a"), gate("c")), PRICES, always={"a", "d"}) == ["a", "c", "d", "b"]


def put_off(rank: dict[str, float], prices: dict[str, Cost], **options: Any) -> set[str]:
    total = sum(rank.values())
    rubric = Rubric(
        name="r",
        version="1",
        checks=(gate("a"),),
        resolved="",
        hash="",
        rank={name: weight / total for name, weight in rank.items()},
    )
    facts = [Fact(name, cost, ("f",)) for name, cost in prices.items()]
    features = {"f": Seen("f", Cost(4.0))}
    return set(only_ranking(rubric, facts, features, **{"megapixels": 1.0, **options}))


def test_what_only_ranks_is_put_off_where_it_is_dear_and_leaves_little_open() -> None:
    dear = {"a": Cost(90.0), "b": Cost(90.0), "c": Cost(7.0)}
    assert put_off({"a": 2, "b": 1, "c": 1}, dear) == {"b"}
    assert put_off({"a": 1, "b": 1}, dear) == set()
    assert put_off({"a": 2, "b": 1}, dear, always={"b"}) == set()


def test_of_what_is_dear_the_lightest_is_put_off() -> None:
    dear = {"a": Cost(1.0), "b": Cost(90.0), "c": Cost(90.0), "d": Cost(300.0)}
    assert put_off({"a": 6, "b": 3, "c": 1, "d": 2}, dear) == {"c", "d"}
