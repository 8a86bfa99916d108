"""What vision-language models answer about a picture. Off unless this machine configures judges."""

from __future__ import annotations

import hashlib
import os
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from sentinelqa.errors import ModelError, ScoringError
from sentinelqa.features.base import FeatureInput
from sentinelqa.features.judge_client import DEFECTS, Judge, ask, encode_picture
from sentinelqa.features.pixels import Picture
from sentinelqa.heartbeat import progress
from sentinelqa.registry import missing_package
from sentinelqa.types import ModelUse
from sentinelqa.weights.cache import cache_root

if TYPE_CHECKING:
    from sentinelqa.features.judge_local import LocalJudge

JUDGES, KEY = "SENTINELQA_JUDGES", "SENTINELQA_JUDGE_KEY"
LOCAL = "local"
_SECRET = re.compile(r"[@?#]")
SHOWS = 'Does this picture show "{prompt}"?'


@dataclass(frozen=True, slots=True, eq=False)
class Verdicts:
    """Answers to the questions that were asked of one picture.

    Attributes:
        answers: question -> the median over the judges of the probability of yes, 0 to 1.
        spread: question -> the largest difference between two judges.
    """

    answers: dict[str, float]
    spread: dict[str, float] = field(default_factory=dict)
    models: tuple[ModelUse, ...] = ()


class JudgeFeature:
    """Feature ``judge``: :class:`Verdicts` per picture.

    ``SENTINELQA_JUDGES`` holds one or several ``address model`` pairs, separated by semicolons:
    ``http://127.0.0.1:8000/v1 qwen2.5-vl``, or ``local /models/qwen2.5-vl-3b`` for a folder that
    transformers loads in this process. ``SENTINELQA_JUDGE_KEY`` is sent as a bearer token.
    Every judge is asked every question; the median counts, and at least half of them must answer.
    Answers are kept in the user's cache by picture, question and model.
    """

    name = "judge"
    version = "1"
    needs = ("pixels",)

    def __init__(self, questions: tuple[str, ...] = DEFECTS) -> None:
        self.questions = tuple(questions)
        self.models: tuple[ModelUse, ...] = ()
        self._judges: tuple[Judge, ...] = ()
        self._local: dict[Judge, LocalJudge] = {}
        self._kept = Path()

    def load(self, device: str) -> None:
        """Read the configuration and load local models; nothing is asked yet.

        Raises:
            ModelError: no judge is configured, not as ``address model``, or a local one is not
                here.
            DependencyError: what runs a local model is not installed.
        """
        self._judges = judges_of(os.environ.get(JUDGES, ""))
        self._local = {j: _load_local(j, device) for j in self._judges if j.url == LOCAL}
        self.models = tuple(
            self._local[j].use if j in self._local else ModelUse(id=f"judge:{j.model}")
            for j in self._judges
        )
        self._kept = cache_root() / "answers.sqlite"

    def compute(self, batch: Sequence[FeatureInput]) -> list[Verdicts | ScoringError]:
        """Ask about every picture. A picture whose questions stay open gives an error."""
        return [self._one(item) for item in batch]

    def _one(self, item: FeatureInput) -> Verdicts | ScoringError:
        prompt = item.request.prompt.strip()
        questions = (*self.questions, *([SHOWS.format(prompt=prompt)] if prompt else []))
        try:
            found = {q: self._vote(item.features["pixels"], q) for q in questions}
        except ScoringError as error:
            return error
        return Verdicts(
            {q: median(votes) for q, votes in found.items()},
            {q: max(votes) - min(votes) for q, votes in found.items()},
            self.models,
        )

    def _vote(self, picture: Picture, question: str) -> list[float]:
        votes, silent = [], []
        for judge in self._judges:
            try:
                votes.append(self._answer(judge, picture, question))
            except ScoringError as error:
                silent.append(error)
            progress()
        if silent and len(votes) <= len(silent):
            raise silent[0]
        return votes

    def _answer(self, judge: Judge, picture: Picture, question: str) -> float:
        pixels = hashlib.sha256(picture.rgb.tobytes()).hexdigest()
        local = self._local.get(judge)
        weights = local.use.sha256 if local else ""
        parts = (judge.url, judge.model + weights, question, str(picture.rgb.shape), pixels)
        key = hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
        with _answers(self._kept) as kept:
            row = kept.execute("SELECT yes FROM answer WHERE key = ?", (key,)).fetchone()
        if row is not None:
            return float(row[0])
        if local:
            yes = local.ask(picture, question)
        else:
            yes = ask(judge, os.environ.get(KEY, ""), encode_picture(picture), question)
        with _answers(self._kept) as kept:
            kept.execute("INSERT OR REPLACE INTO answer VALUES (?, ?)", (key, yes))
        return yes


def judges_of(setting: str) -> tuple[Judge, ...]:
    """The judges that ``SENTINELQA_JUDGES`` names.

    Raises:
        ModelError: none, or not as ``address model``.
    """
    judges = []
    for entry in filter(None, (part.strip() for part in setting.split(";"))):
        url, _, model = entry.partition(" ")
        known = url == LOCAL or url.startswith(("http://", "https://"))
        if not known or not model.strip():
            raise ModelError(
                "a judge is an address, or 'local', and a model, and this is neither",
                where=JUDGES,
                remedy="for example: http://127.0.0.1:8000/v1 qwen2.5-vl",
            )
        if _SECRET.search(url.partition("://")[2]):
            raise ModelError(
                "the address of a judge holds a user, a password or a query",
                where=JUDGES,
                remedy=f"put the key into {KEY}",
            )
        judges.append(Judge(url, model.strip()))
    if not judges:
        raise ModelError(
            "no vision-language judge is configured",
            where=JUDGES,
            remedy="set it to 'address model', for example http://127.0.0.1:8000/v1 qwen2.5-vl",
        )
    return tuple(judges)


def _load_local(judge: Judge, device: str) -> LocalJudge:
    try:
        from sentinelqa.features.judge_local import LocalJudge
    except ModuleNotFoundError as error:
        raise missing_package("a local judge", str(error.name), "starter") from error
    return LocalJudge(judge.model, device)


@contextmanager
def _answers(path: Path) -> Iterator[sqlite3.Connection]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, timeout=30)) as connection, connection:
        connection.execute("CREATE TABLE IF NOT EXISTS answer (key TEXT PRIMARY KEY, yes REAL)")
        yield connection
