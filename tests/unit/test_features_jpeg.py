"""Plain JPEG files: what is taken for whole, and that late decoding changes nothing."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from photographs import photograph, shrunk, spoilt_jpeg
from PIL import Image

from sentinelqa.errors import ScoringError
from sentinelqa.features import jpeg
from sentinelqa.features.jpeg import JpegFile, essentials
from sentinelqa.features.pixels import decode
from sentinelqa.rubric.loading import load_rubric
from sentinelqa.scorer import ScoreItem, ScorePlan, ScoreStage
from sentinelqa.types import Candidate, Outcome, Request

WAYS: dict[str, dict[str, object]] = {
    "4:4:4": {"subsampling": 0},
    "4:2:2": {"subsampling": 1},
    "4:2:0": {"subsampling": 2},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_blocks": 3},
    "restarts, progressive": {"restart_marker_rows": 1, "progressive": True},
    "coarse": {"quality": 8},
    "stored as RGB": {"keep_rgb": True, "quality": 40},
    "remarks": {"comment": b"\xff\xd9 no end \xff\xda"},
}


def written(folder: Path, rgb: np.ndarray, mode: str = "RGB", **ways: object) -> Path:
    path = folder / "a.jpg"
    Image.fromarray(rgb).convert(mode).save(path, **ways)
    return path


def content_of(rgb: np.ndarray, **ways: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", **ways)
    return buffer.getvalue()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("mode", "orientation"), [("RGB", 1), ("RGB", 6), ("L", 1)])
def test_pixels_are_those_of_pillow(way: str, mode: str, orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    rgb = cv2.GaussianBlur(photograph("coffee")[:391, :517], (0, 0), 1)
    path = written(tmp_path, rgb, mode, exif=exif, **WAYS[way])
    with Image.open(path) as image:
        expected = np.rot90(np.asarray(image.convert("RGB")), -1 if orientation == 6 else 0)
    picture = decode(str(path))
    assert isinstance(picture.source, JpegFile)
    assert (picture.width, picture.height) == expected.shape[1::-1]
    assert np.array_equal(picture.rgb, expected)
    of_rgb = cv2.cvtColor(picture.rgb, cv2.COLOR_RGB2GRAY).astype(int)
    assert np.abs(picture.luma - of_rgb).mean() < 0.5


@pytest.mark.parametrize(("side", "scale"), [(511, 1), (1023, 1), (1024, 2), (2048, 4), (5000, 8)])
def test_the_overview_is_the_smallest_that_is_large_enough(
    side: int, scale: int, tmp_path: Path
) -> None:
    rgb = cv2.resize(photograph("chelsea"), (side, side // 3 * 2))
    picture = decode(str(written(tmp_path, rgb)))
    height = -(-(side // 3 * 2) // scale)
    assert picture.overview.shape == (height, -(-side // scale), 3)
    area = cv2.resize(picture.rgb, picture.overview.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(picture.overview.astype(int) - area).mean() < 1.5
    assert max(picture.within(512).shape) == min(512, side)
    assert picture.overview_of(height).shape == picture.overview.shape
    assert picture.overview_of(height + 1).shape == picture.rgb.shape


def test_what_is_seen_does_not_hang_on_what_was_looked_at_before(tmp_path: Path) -> None:
    path = str(written(tmp_path, cv2.resize(photograph("astronaut"), (1500, 1100))))
    alone, after = decode(path), decode(path)
    assert after.rgb.shape == (1100, 1500, 3)
    assert np.array_equal(alone.luma, after.luma)
    for longest in (100, 512, 800, 1024):
        assert np.array_equal(alone.within(longest), after.within(longest))
        assert np.array_equal(alone.grey_within(longest), after.grey_within(longest))


def test_only_what_pixels_follow_from_is_kept() -> None:
    rgb = photograph("rocket")
    bare, dressed = (
        content_of(rgb),
        content_of(rgb, comment=b"x" * 900, exif=b"Exif\0\0" + b"y" * 99),
    )
    size = rgb.shape[1::-1]
    assert essentials(bare, size) == bare
    assert essentials(dressed + b"trailing", size) == bare


def test_whatever_is_cut_off_is_left_to_pillow(tmp_path: Path) -> None:
    rgb = shrunk(photograph("coffee"), 200)
    thumbnail = b"Exif\0\0" + content_of(shrunk(rgb, 40))
    for ways in ({}, {"progressive": True}, {"restart_marker_blocks": 2}):
        whole = content_of(rgb, exif=thumbnail, **ways)
        assert essentials(whole, (200, 133))
        for length in (*range(2, len(whole) - 1, 97), len(whole) - 2, len(whole) - 1):
            assert essentials(whole[:length], (200, 133)) is None, length
        path = tmp_path / "cut.jpg"
        path.write_bytes(whole[: len(whole) * 2 // 3])
        with pytest.raises(ScoringError, match=r"^truncated: "):
            decode(str(path))


def test_rarer_kinds_are_left_to_pillow(tmp_path: Path) -> None:
    content = content_of(photograph("coffee"))
    size = (600, 400)
    frame = content.index(b"\xff\xc0")
    assert essentials(content, (600, 399)) is None
    assert essentials(content[:frame] + b"\xff\xc9" + content[frame + 2 :], size) is None
    assert essentials(content[: frame + 4] + b"\x0c" + content[frame + 5 :], size) is None
    assert essentials(content[:-2] + content[frame:], size) is None
    cmyk = decode(str(written(tmp_path, photograph("coffee"), "CMYK")))
    assert not isinstance(cmyk.source, JpegFile)
    assert cmyk.overview is cmyk.rgb


def test_a_file_larger_than_its_pixels_does_not_wait(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    picture = decode(str(written(tmp_path, noise, quality=100, subsampling=0)))
    assert not isinstance(picture.source, JpegFile)


def test_what_fails_late_is_that_image_s_error(tmp_path: Path) -> None:
    rubric = tmp_path / "r.yaml"
    rubric.write_text(
        "name: r\nversion: 1\ntiers:\n  generic:\n    sharpness: {min: 0.1}\n"
        "    artifacts: {min: 0.1}\n    background: {metric: share, min: 0.0}\n"
    )
    good = written(tmp_path, photograph("coffee"))
    stage = ScoreStage(ScorePlan(rubric=load_rubric(str(rubric)), full=True))
    stage.load()
    paths = [good, spoilt_jpeg(tmp_path / "b.jpg"), good]
    items = [
        ScoreItem(
            candidate=Candidate(id=str(n), request_id="r", path=str(p)),
            request=Request(id="r"),
            path=str(p),
        )
        for n, p in enumerate(paths)
    ]
    found = stage.run(items)
    assert [s.verdict.outcome for s in found] == [Outcome.PASS, Outcome.ERROR, Outcome.PASS]
    assert {m.note.partition(":")[0] for m in found[1].measurements} == {"damaged"}


def test_memory_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = decode(str(written(tmp_path, np.full((6000, 6000, 3), 90, np.uint8))))
    monkeypatch.setattr(jpeg, "MAX_MEMORY", 2**20)
    with pytest.raises(ScoringError, match=r"^too_much_memory: "):
        _ = picture.rgb
