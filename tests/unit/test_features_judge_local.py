"""A local judge: a real transformers model of a few thousand parameters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from photographs import photograph

pytest.importorskip("transformers")
pytest.importorskip("torch")

import torch
from tiny_judge import WORDS, write_judge

from sentinelqa.errors import ModelError, ScoringError
from sentinelqa.features.base import FeatureInput
from sentinelqa.features.judge import JUDGES, JudgeFeature, Verdicts
from sentinelqa.features.judge_local import LocalJudge
from sentinelqa.features.pixels import Picture
from sentinelqa.types import Request

QUESTION = "Does this picture show a cup ?"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_judge(tmp_path_factory.mktemp("judge"))


@pytest.fixture(scope="module")
def judge(folder: str) -> LocalJudge:
    return LocalJudge(folder, "cpu")


def test_the_first_token_gives_the_probability_of_yes(judge: LocalJudge) -> None:
    picture = Picture(photograph("coffee"))
    answer = judge.ask(picture, QUESTION)
    assert 0 < answer < 1
    assert answer == judge.ask(picture, QUESTION)
    assert answer != judge.ask(picture, "Does this picture show a dog ?")
    assert answer != judge.ask(Picture(np.zeros((40, 60, 3), np.uint8)), QUESTION)


def test_every_way_of_writing_yes_counts(
    judge: LocalJudge, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = torch.full((len(WORDS),), 1e-6)
    for word, share in (("yes", 0.3), ("Yes", 0.2), ("No", 0.1), ("maybe", 0.4)):
        shares[WORDS.index(word)] = share
    head = judge._network.lm_head

    def answering(_module: object, _inputs: object, output: torch.Tensor) -> torch.Tensor:
        return shares.log().expand_as(output)

    hook = head.register_forward_hook(answering)
    try:
        assert judge.ask(Picture(photograph("coffee")), QUESTION) == pytest.approx(0.5 / 0.6, 1e-4)
        for word in ("yes", "Yes", "no", "No"):
            shares[WORDS.index(word)] = 1e-6
        with pytest.raises(ScoringError, match="neither yes nor no"):
            judge.ask(Picture(photograph("coffee")), QUESTION)
    finally:
        hook.remove()


def test_a_model_that_cannot_say_no_is_refused(tmp_path: Path) -> None:
    words = tuple("not" if w.lower() == "no" else w for w in WORDS if w != "No")
    with pytest.raises(ModelError, match="no token for 'no'"):
        LocalJudge(write_judge(tmp_path, words), "cpu")


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(ModelError, match="does not load"):
        LocalJudge(str(tmp_path), "cpu")


def test_judges_may_be_local_and_their_answers_are_kept(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = write_judge(tmp_path / "other", seed=5)
    monkeypatch.setenv("SENTINELQA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv(JUDGES, f"local {folder}; local {other}")
    feature = JudgeFeature((QUESTION,))
    feature.load("cpu")
    picture = Picture(photograph("coffee"))
    item = FeatureInput("", Request(id="r"), {"pixels": picture})
    first = feature.compute([item])[0]
    assert isinstance(first, Verdicts)
    votes = sorted(LocalJudge(path, "cpu").ask(picture, QUESTION) for path in (folder, other))
    assert first.answers[QUESTION] == pytest.approx(sum(votes) / 2)
    assert first.spread[QUESTION] == pytest.approx(votes[1] - votes[0])
    assert [m.id for m in first.models] == [folder, other]
    assert all(len(m.sha256) == 64 for m in first.models)
    monkeypatch.setattr(LocalJudge, "ask", lambda *_: pytest.fail("asked again"))
    again = feature.compute([item])[0]
    assert isinstance(again, Verdicts)
    assert again.answers == first.answers


def test_a_local_judge_that_is_not_here_is_a_missing_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(JUDGES, f"local {tmp_path / 'nowhere'}")
    with pytest.raises(ModelError, match="nowhere"):
        JudgeFeature().load("cpu")
