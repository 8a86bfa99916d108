"""Nothing reaches outside its folder through a name, a link or a special file; nothing hangs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sentinelqa.features import decoding
from sentinelqa.rubric.loading import load_rubric
from sentinelqa.scorer import ScoreItem, ScorePlan, ScoreStage
from sentinelqa.sources import requests
from sentinelqa.types import Candidate, Request
from tests.security import boundary
from tests.security.boundary import figures, violations


def test_no_path_leads_outside_and_none_hangs(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    found = figures(tmp_path)
    for name, value in found.items():
        record_property(name, round(value, 1))
    assert found["cases"] >= 80
    assert violations(found) == [], found


def _any_id(request_id: str, where: str) -> None:
    return None


def _never_seen(seen: Any, request: Any) -> None:
    return None


@pytest.mark.parametrize(
    ("module", "name", "instead", "noticed"),
    [
        (requests, "_check_id", _any_id, "outside"),
        (requests, "_claim", _never_seen, "collisions"),
        (decoding.os, "O_NOFOLLOW", 0, "outside"),
    ],
)
def test_the_harness_notices_a_check_that_is_missing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    module: Any,
    name: str,
    instead: Any,
    noticed: str,
) -> None:
    monkeypatch.setattr(module, name, instead)
    assert noticed in violations(figures(tmp_path))


def test_the_harness_notices_waiting_on_a_pipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boundary, "PATIENCE", 0.2)
    monkeypatch.setattr(decoding.os, "O_NONBLOCK", 0)
    assert "hung" in violations(figures(tmp_path))


def test_raw_pixels_of_strangers_are_no_image_and_write_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "pixels.npy"
    np.save(path, np.zeros((8, 8, 3), np.uint8))
    rubric = tmp_path / "any.yaml"
    rubric.write_text("name: any\nversion: 1\ntiers:\n  generic:\n    sharpness: {min: 0.5}\n")
    stage = ScoreStage(ScorePlan(rubric=load_rubric(str(rubric))))
    stage.load()
    candidate = Candidate(id="a", request_id="a", path=str(path))
    (scored,) = stage.run([ScoreItem(candidate=candidate, request=Request(id="a"), path=str(path))])
    assert scored.image is None
    assert {p.name for p in tmp_path.iterdir()} == {"pixels.npy", "any.yaml"}
