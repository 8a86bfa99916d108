"""Images through a rubric, in this process: for its examples and for calibration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rich.progress import track

from sentinelqa.errors import RubricError
from sentinelqa.rubric.loading import find_rubric, load_rubric, read_layers
from sentinelqa.rubric.model import Rubric
from sentinelqa.scorer import Scored, ScoreItem, ScorePlan, ScoreStage
from sentinelqa.types import Candidate, Outcome, Request, Verdict, candidate_id

BATCH = 8


def score_images(
    rubric: Rubric,
    images: Sequence[tuple[str, Request]],
    *,
    quiet: bool = True,
) -> list[Scored]:
    """Score images completely, in order. What cannot be read becomes an ``error`` verdict."""
    stage = ScoreStage(ScorePlan(rubric=rubric, full=True))
    stage.load()
    items = [
        ScoreItem(
            candidate=Candidate(id=candidate_id(request.id, i), request_id=request.id, path=path),
            request=request,
            path=path,
        )
        for i, (path, request) in enumerate(images)
    ]
    batches = [items[at : at + BATCH] for at in range(0, len(items), BATCH)]
    done: list[Scored] = []
    for batch in track(batches, "scoring", disable=quiet, transient=True):
        done.extend(stage.run(batch))
    return done


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One example and what is expected of it.

    Attributes:
        rule: the custom rule whose example it is; empty for an example of the whole rubric.
        because: names of checks that must be among the reasons.
    """

    image: str
    expect: Literal["pass", "fail", "review"]
    rule: str = ""
    because: tuple[str, ...] = ()
    request: Request = field(default_factory=lambda: Request(id="example"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of one example.

    Attributes:
        got: the outcome, of the rubric or of the rule alone.
        surprise: what is not as expected; empty when everything is.
    """

    case: Case
    got: Outcome
    verdict: Verdict
    surprise: str

    @property
    def ok(self) -> bool:
        return not self.surprise


def cases_of(name_or_path: str | Path) -> list[Case]:
    """The examples of a rubric and of its rules.

    Raises:
        RubricError: an image is missing, or there are none.
    """
    layer = read_layers(find_rubric(name_or_path))[-1]
    folder = layer.path.parent
    cases = []
    for number, example in enumerate(layer.file.examples):
        request = Request(
            id=f"example-{number}",
            prompt=example.prompt,
            references=tuple(str(folder / path) for path in example.references),
            metadata=dict(example.request),
        )
        case = Case(
            image=str(folder / example.image),
            expect=example.expect,
            because=tuple(example.because),
            request=request,
        )
        cases.append((case, layer.marks.where(("examples", number))))
    for number, rule in enumerate(layer.file.tiers.custom):
        where = layer.marks.where(("tiers", "custom", number, "examples"))
        for expect, paths in _expected(rule.examples):
            cases.extend(
                (Case(image=str(folder / path), expect=expect, rule=rule.name), where)
                for path in paths
            )
    if not cases:
        raise RubricError(
            "the rubric has no examples",
            where=str(layer.path),
            remedy="add examples: a list of {image, expect, because}",
        )
    for case, where in cases:
        if not Path(case.image).is_file():
            raise RubricError(f"there is no example image {case.image!r}", where=where)
    return [case for case, _ in cases]


def _expected(examples: Any) -> Iterator[tuple[Literal["pass", "fail"], list[str]]]:
    if examples is not None:
        yield "pass", examples.passes
        yield "fail", examples.fails


def run_examples(name_or_path: str | Path, *, quiet: bool = True) -> list[Trial]:
    """Judge a rubric's own examples.

    Raises:
        RubricError: the rubric cannot be used, or has no examples.
    """
    rubric = load_rubric(name_or_path)
    cases = cases_of(name_or_path)
    scored = score_images(rubric, [(c.image, c.request) for c in cases], quiet=quiet)
    return [trial(case, one.verdict) for case, one in zip(cases, scored, strict=True)]


def trial(case: Case, verdict: Verdict) -> Trial:
    """Compare a verdict with what was expected."""
    got = verdict.outcome
    because = case.because
    if case.rule:
        check = next(c for c in verdict.checks if c.name == case.rule)
        got = check.outcome or Outcome.ERROR
        if case.expect == "fail" and got is Outcome.REVIEW:
            got = Outcome.FAIL
    surprise = ""
    if got.value != case.expect:
        reasons = "; ".join(verdict.reasons) or "no reason to reject it"
        surprise = f"expected {case.expect}, got {got.value}: {reasons}"
    else:
        named = {c.name for c in verdict.checks if c.outcome not in (None, Outcome.PASS)}
        missing = [name for name in because if name not in named]
        if missing:
            surprise = f"{', '.join(missing)} is not among the reasons: {', '.join(sorted(named))}"
    return Trial(case=case, got=got, verdict=verdict, surprise=surprise)
