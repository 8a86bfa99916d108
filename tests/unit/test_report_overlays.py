"""Overlays of the evidence: shapes from feature values, and which pictures get them."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from photographs import spoilt_jpeg

from sentinelqa.costs import Cost
from sentinelqa.features.face import Eye, Face, FaceSet
from sentinelqa.features.foreground import find_foreground
from sentinelqa.features.person import Person
from sentinelqa.features.pixels import Picture
from sentinelqa.features.reading import Line, TextFound
from sentinelqa.report import write_report
from sentinelqa.report.building import build_report
from sentinelqa.report.checks import CheckCount
from sentinelqa.report.evidence import Evidence
from sentinelqa.report.model import CheckSection
from sentinelqa.report.overlays import FILE, Picks, overlays
from sentinelqa.report.seen import FRAME, Shapes, shapes
from tests.report_run import write_run


def _disc(width: int = 200, height: int = 100) -> Picture:
    canvas = np.full((height, width, 3), 250, np.uint8)
    cv2.circle(canvas, (width // 2, height // 2), height // 4, (200, 30, 30), -1)
    return Picture(canvas)


def test_the_subject_is_outlined_where_it_stands() -> None:
    picture = _disc()
    found = shapes({"pixels": picture, "foreground": find_foreground(picture)})

    (outline,) = found["subject"]
    xs, ys = outline[::2], outline[1::2]
    assert found["size"] == [1000, 500]
    assert (min(xs), max(xs)) == pytest.approx((375, 625), abs=8)
    assert (min(ys), max(ys)) == pytest.approx((125, 375), abs=8)


def test_people_are_outlined_where_there_are_any() -> None:
    mask = np.zeros((50, 100), bool)
    mask[10:40, 20:60] = True

    found = shapes({"pixels": _disc(), "person": Person(mask)})

    (outline,) = found["people"]
    assert (min(outline[::2]), max(outline[::2])) == pytest.approx((200, 600), abs=10)
    assert "people" not in shapes({"pixels": _disc(), "person": Person(None, "nobody")})


def test_faces_and_writing_are_placed_in_the_frame() -> None:
    eye = Eye(lids=np.full((16, 2), 40.0), iris=np.full((5, 2), 40.0))
    mesh = np.zeros((468, 3))
    mesh[:, 0], mesh[:, 1] = 50.0, 25.0
    face = Face(
        box=(20.0, 10.0, 80.0, 60.0),
        score=0.9,
        mesh=mesh,
        left_eye=eye,
        right_eye=eye,
        present=0.9,
    )
    corners = np.array([[0.0, 0.0], [20.0, 0.0], [20.0, 10.0], [0.0, 10.0]])
    values = {
        "pixels": _disc(),
        "faces": FaceSet((face,)),
        "text": TextFound((Line("ACME", 0.9, corners, mirrored=True),)),
    }

    found = shapes(values)

    assert found["faces"][0]["box"] == [100, 50, 400, 300]
    assert found["faces"][0]["points"][:2] == [250, 125]
    assert len(found["faces"][0]["points"]) == 2 * (234 + 32)
    assert found["text"] == [{"corners": [0, 0, 100, 0, 100, 50, 0, 50], "upright": False}]


def test_the_maps_say_where_it_is_sharp_and_where_it_is_damaged() -> None:
    rng = np.random.default_rng(0)
    grain = rng.integers(0, 255, (512, 512, 1), np.uint8).repeat(3, axis=2)
    half = cv2.GaussianBlur(grain, (0, 0), 6)
    half[:, :256] = cv2.GaussianBlur(grain, (0, 0), 0.8)[:, :256]

    found = shapes({"pixels": Picture(half)})

    tiles = np.array([int(digit) for digit in found["focus"]]).reshape(8, 8)
    assert tiles[:, :3].mean() > tiles[:, 5:].mean() + 2
    _, blocky = cv2.imencode(".jpg", half, [cv2.IMWRITE_JPEG_QUALITY, 4])
    broken = shapes({"pixels": Picture(cv2.imdecode(blocky, cv2.IMREAD_COLOR))})
    assert min(broken["damage"]) < "9"
    assert len(broken["damage"]) == 64
    assert "damage" not in shapes({"pixels": _disc(64, 64)})


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run", requests=3, per_request=6, size=48)


def _drawn(evidence: Evidence) -> tuple[dict[int, Shapes], tuple[CheckSection, ...]]:
    checks, picks = CheckCount(evidence), Picks(evidence)
    checks.add(evidence)
    picks.add(evidence)
    sections = checks.sections()
    return overlays(evidence, picks.pictures(sections)), sections


def test_the_delivered_and_the_nearest_misses_have_overlays(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sentinelqa.report.overlays.MOST_OTHERS", 0)
    evidence = Evidence(run)

    found, sections = _drawn(evidence)

    wanted = set(np.flatnonzero(evidence.delivered > 0).tolist())
    wanted |= {row for section in sections for row in section.misses}
    assert set(found) == wanted
    assert all(layer["size"] == [FRAME, FRAME] for layer in found.values())
    assert all(layer["subject"] for layer in found.values())


def test_a_small_run_has_overlays_for_all(run: Path) -> None:
    evidence = Evidence(run)

    assert len(_drawn(evidence)[0]) == evidence.rows


def test_what_was_found_once_is_kept(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (first,) = build_report(run)
    kept = (run / FILE).read_bytes()
    monkeypatch.setattr("sentinelqa.report.overlays.shapes", None)

    (second,) = build_report(run)

    assert json.dumps(second.payload["layers"]) == json.dumps(first.payload["layers"])
    assert (run / FILE).read_bytes() == kept


def test_another_version_of_a_feature_is_drawn_anew(run: Path) -> None:
    write_report(run)
    stored = json.loads((run / FILE).read_text())
    stored["versions"]["pixels"] = "0"
    stored["pictures"] = {key: {"size": [1, 1]} for key in stored["pictures"]}
    (run / FILE).write_text(json.dumps(stored))

    (page,) = build_report(run)

    assert all(layer["size"] == [FRAME, FRAME] for layer in page.payload["layers"].values())


@pytest.mark.parametrize("text", ["", "[]", '{"versions": 1}', "not json"])
def test_a_damaged_file_of_overlays_is_written_anew(run: Path, text: str) -> None:
    write_report(run)
    whole = (run / FILE).read_bytes()
    (run / FILE).write_text(text)

    write_report(run)

    assert (run / FILE).read_bytes() == whole


def test_pictures_that_are_gone_or_broken_have_none(run: Path) -> None:
    table = pd.read_parquet(run / "candidates.parquet")
    delivered = table[table["delivered"].notna()]
    (run / delivered["path"].iloc[0]).unlink()
    (run / delivered["path"].iloc[1]).write_bytes(b"not an image")
    spoilt_jpeg(run / delivered["path"].iloc[2])

    (page,) = build_report(run)

    layers = {int(row) for row in page.payload["layers"]}
    assert layers
    assert not layers & set(delivered.index[:3])


def test_costly_features_are_drawn_for_fewer_pictures(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sentinelqa.report.overlays.MOST_MILLISECONDS", 5.5)
    monkeypatch.setattr("sentinelqa.report.overlays.MAPS", Cost(0.0))
    evidence = Evidence(run)

    found, _ = _drawn(evidence)

    with_subject = [layer for layer in found.values() if "subject" in layer]
    assert 0 < len(with_subject) < len(found)
