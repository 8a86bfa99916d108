"""A second run over the same images: no worker, no decoder, the same evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sentinelqa import picturecache
from sentinelqa.features import pixels
from sentinelqa.generators.fake import draw
from sentinelqa.images import encode_fast
from sentinelqa.picturecache import PictureCache
from sentinelqa.pipeline import score as score_images
from sentinelqa.report import overlays, thumbnails
from sentinelqa.report.thumbnails import Shown, embedded
from sentinelqa.rundir import RunDir
from sentinelqa.scorecache import CachePlan, ScoreCache
from sentinelqa.types import Candidate, Settings

RUBRIC = """\
name: again
version: 1
tiers:
  generic:
    sharpness: {min: 0.5}
  use_case:
    framing: {min: 0.2}
"""
CONTEXT = "ab" * 32


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six discs, and a rubric."""
    monkeypatch.setenv("SENTINELQA_SCORE_CACHE", str(tmp_path / "scores.sqlite"))
    (tmp_path / "rubric.yaml").write_text(RUBRIC)
    (tmp_path / "images").mkdir()
    for seed in range(6):
        _write(tmp_path / "images" / f"{seed}.png", seed)
    return tmp_path


def _write(path: Path, seed: int) -> None:
    settings = Settings(model="fake", width=64, height=64)
    candidate = Candidate(id=path.name, request_id="r", seed=seed, settings=settings)
    path.write_bytes(encode_fast(draw(candidate)))


def _score(folder: Path, out: str, **options: Any) -> pd.DataFrame:
    options = {"engine": "inline", **options}
    run = score_images(
        [str(folder / "images")],
        rubric=str(folder / "rubric.yaml"),
        out=folder / out,
        **options,
    )
    return run.candidates.drop(columns=["score_seconds", "cost"])


def _refuse(*_args: object, **_options: object) -> None:
    raise AssertionError("nothing is left to do")


def test_nothing_is_started_decoded_or_drawn_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _score(folder, "first")
    monkeypatch.setattr("sentinelqa.engines.local.LocalEngine.pool", _refuse)
    for module, name in ((pixels, "decode"), (thumbnails, "decode"), (overlays, "shapes")):
        monkeypatch.setattr(module, name, _refuse)

    second = _score(folder, "second", engine="local")

    pd.testing.assert_frame_equal(first, second)
    kept = [(folder / out / "report-overlays.json").read_bytes() for out in ("first", "second")]
    assert kept[0] == kept[1]
    shown = [_thumbnails(folder / out) for out in ("first", "second")]
    assert shown[0] == shown[1]
    assert all(shown[0])


def _thumbnails(run: Path) -> tuple[str, ...]:
    text = (run / "report.html").read_text(encoding="utf-8")
    return tuple(part.split('"', 1)[0] for part in text.split("data:image/webp;base64,")[1:])


def test_only_what_is_new_is_measured(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _score(folder, "first")
    _write(folder / "images" / "3.png", 99)
    _write(folder / "images" / "9.png", 98)
    decoded: list[str] = []
    decode = pixels.decode

    def counting(path: str, *options: Any) -> Any:
        decoded.append(Path(path).name)
        return decode(path, *options)

    monkeypatch.setattr(pixels, "decode", counting)
    after = _score(folder, "second")

    assert {"3.png", "9.png"} == set(decoded)
    pd.testing.assert_frame_equal(after, _score(folder, "third", cache=False))


def test_a_file_that_changed_since_it_was_scored_is_shown_but_not_kept(folder: Path) -> None:
    plan = CachePlan(path=str(folder / "scores.sqlite"), contexts=())
    shown = [Shown("a", str(folder / "images" / "0.png"), "cd" * 32)]

    with PictureCache(plan) as cache:
        (address,) = embedded(RunDir(folder), shown, cache=cache)
    assert address
    assert _held(plan) == 0


def _held(plan: CachePlan) -> int:
    with PictureCache(plan) as cache:
        assert cache._db is not None
        return int(cache._db.execute("SELECT count(*) FROM picture").fetchone()[0])


def test_pictures_stay_within_their_share(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = CachePlan(path=str(folder / "scores.sqlite"), contexts=())
    with PictureCache(plan) as cache:
        cache.keep(CONTEXT, {f"{n:064x}": bytes(1000) for n in range(100)})
        assert len(cache.recall(CONTEXT, [f"{n:064x}" for n in range(100)])) == 100
    monkeypatch.setattr("sentinelqa.scorecache.MAX_PICTURE_BYTES", 50_000)

    ScoreCache(plan).trim()

    assert 0 < _held(plan) <= 50


def test_what_was_used_longest_ago_goes_first(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = CachePlan(path=str(folder / "scores.sqlite"), contexts=())
    images = [f"{n:064x}" for n in range(4)]
    for day, made in ((1, images), (2, [])):
        monkeypatch.setattr(picturecache, "today", lambda day=day: day)
        with PictureCache(plan) as cache:
            cache.keep(CONTEXT, dict.fromkeys(made, bytes(1000)))
            cache.recall(CONTEXT, images[:2] if day == 2 else [])
    monkeypatch.setattr("sentinelqa.scorecache.MAX_PICTURE_BYTES", 2500)

    ScoreCache(plan).trim()

    with PictureCache(plan) as cache:
        assert set(cache.recall(CONTEXT, images)) == set(images[:2])


def test_a_broken_file_costs_nothing_but_its_use(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "scores.sqlite").write_bytes(b"no database" * 1000)

    found = _score(folder, "first")

    pd.testing.assert_frame_equal(found, _score(folder, "second", cache=False))
    assert _thumbnails(folder / "first") == _thumbnails(folder / "second")
    assert "is not used" in caplog.text
