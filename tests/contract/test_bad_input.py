"""Odd and broken pictures through every dimension: a measurement or a reason, never a crash.

The scoring stage turns a dimension's exception into ``unscored: error``, so a readable picture must
not give that reason anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
from PIL import Image

from sentinelqa import registry
from sentinelqa.errors import ComponentError, DependencyError, ModelError
from sentinelqa.features.person import MODEL
from sentinelqa.rubric.loading import load_rubric
from sentinelqa.scorer import Scored, ScoreItem, ScorePlan, ScoreStage, features_of
from sentinelqa.types import Candidate, Measurement, Request, Unscored
from sentinelqa.weights import resolve

pytestmark = pytest.mark.slow

KINDS = {"float": float, "int": int, "bool": bool, "str": str}


def astronaut() -> np.ndarray:
    return np.ascontiguousarray(skimage.data.astronaut()[:300, 100:360])


def label() -> np.ndarray:
    rgb = np.full((300, 400, 3), 250, np.uint8)
    rgb[40:260, 60:340] = (170, 40, 40)
    cv2.putText(rgb, "ACME Tea", (80, 120), cv2.FONT_HERSHEY_SIMPLEX, 1.6, (255, 255, 255), 3)
    cv2.putText(rgb, "Net 250 g", (90, 210), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (255, 230, 120), 2)
    return rgb


def crowd() -> np.ndarray:
    one = cv2.resize(skimage.data.astronaut()[40:200, 140:300], (240, 240))
    rgb = np.full((1000, 1200, 3), 128, np.uint8)
    for row in range(3):
        for column in range(4):
            rgb[60 + 300 * row :, 40 + 290 * column :][:240, :240] = one
    return rgb


def picture(rgb: np.ndarray) -> Image.Image:
    return Image.fromarray(rgb)


def animated(path: Path) -> None:
    frames = [picture(astronaut()).rotate(a) for a in (0, 90)]
    frames[0].save(path, "GIF", save_all=True, append_images=frames[1:])


def sixteen_bits(path: Path) -> None:
    grey = np.asarray(picture(astronaut()).convert("L"), np.uint16) * 257
    Image.fromarray(grey).save(path, "PNG")


def rotated(path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture(np.rot90(astronaut())).save(path, "JPEG", exif=exif)


def see_through(path: Path) -> None:
    image = picture(astronaut()).quantize(64)
    image.info["transparency"] = 3
    image.save(path, "PNG", transparency=3)


def one_value(value: float) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        plane = np.full((64, 64), 0.5, np.float32)
        plane[3, 5] = value
        Image.fromarray(plane).save(path, "TIFF")

    return write


def saved(rgb: Callable[[], np.ndarray], form: str = "PNG", mode: str = "RGB") -> Callable:
    return lambda path: picture(rgb()).convert(mode).save(path, form)


READABLE: Mapping[str, Callable[[Path], None]] = {
    "greyscale": saved(astronaut, mode="L"),
    "one pixel": saved(lambda: np.zeros((1, 1, 3), np.uint8)),
    "a strip": saved(lambda: np.full((50, 20_000, 3), 90, np.uint8)),
    "a tall strip": saved(lambda: np.full((20_000, 50, 3), 90, np.uint8)),
    "animated": animated,
    "four inks": saved(astronaut, "JPEG", "CMYK"),
    "palette and alpha": see_through,
    "sixteen bits": sixteen_bits,
    "turned by EXIF": rotated,
    "no face": saved(lambda: np.ascontiguousarray(skimage.data.coffee()[:300, :400])),
    "twelve faces": saved(crowd),
    "half a face": saved(lambda: np.ascontiguousarray(skimage.data.astronaut()[:300, :222])),
    "mirrored label": saved(lambda: np.ascontiguousarray(label()[:, ::-1])),
}
UNREADABLE: Mapping[str, tuple[Callable[[Path], None], str]] = {
    "not a number": (one_value(float("nan")), "non_finite"),
    "infinite": (one_value(float("inf")), "non_finite"),
    "cut short": (lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n"), "not_an_image"),
}


def usable(folder: Path) -> tuple[str, ...]:
    """The dimensions whose packages are installed."""
    found = []
    for name in registry.dimensions:
        path = folder / f"{name}.yaml"
        path.write_text(f"name: one\ntiers: {{use_case: {{{name}: {{min: 0.5}}}}}}\n")
        try:
            dimension = registry.dimensions.load(name)()
            features_of(load_rubric(str(path)), [dimension])
        except (DependencyError, ComponentError):
            continue
        found.append(name)
    return tuple(found)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> ScoreStage:
    folder = tmp_path_factory.mktemp("rubrics")
    thresholds = "".join(f"    {name}: {{min: 0.5}}\n" for name in usable(folder))
    try:
        resolve(MODEL)
        models = f"models: {{person: {MODEL}}}\n" if "faces" in thresholds else ""
    except ModelError:
        models = ""
    path = folder / "all.yaml"
    path.write_text(f"name: all\n{models}tiers:\n  use_case:\n{thresholds}")
    made = ScoreStage(ScorePlan(rubric=load_rubric(str(path)), full=True))
    made.load()
    return made


def score(stage: ScoreStage, path: Path, *references: Path) -> dict[str, Measurement]:
    request = Request(
        id="r",
        prompt="a red tin",
        references=tuple(map(str, references)),
        metadata={"text": "ACME Tea", "colour": "red"},
    )
    candidate = Candidate(id="0" * 16, request_id="r", prompt=request.prompt)
    item = ScoreItem(candidate=candidate, request=request, path=str(path))
    scored: Scored = stage.run([item])[0]
    return {m.dimension: m for m in scored.measurements}


@pytest.fixture(scope="module")
def of_kind(
    stage: ScoreStage, reference: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], dict[str, Measurement]]:
    """The measurements of one of the readable pictures, each scored once."""
    folder = tmp_path_factory.mktemp("odd")

    @cache
    def measured(kind: str) -> dict[str, Measurement]:
        READABLE[kind](folder / kind)
        return score(stage, folder / kind, reference)

    return measured


def check(found: Mapping[str, Measurement], forgiven: tuple[str, ...] = ()) -> None:
    for name, made in found.items():
        assert made.unscored is not Unscored.ERROR or name in forgiven, f"{name}: {made.note}"
        assert made.score is None or np.isfinite(made.score)
        assert made.unscored is None or len(made.note) > 10
        specs = registry.dimensions.load(name)().metrics
        for metric, value in made.metrics.items():
            spec = specs[metric]
            assert type(value) is KINDS[spec.kind], f"{name}.{metric}: {value!r}"
            if isinstance(value, float):
                assert np.isfinite(value), f"{name}.{metric}"
                assert spec.low is None or value >= spec.low - 1e-6, f"{name}.{metric}: {value}"
                assert spec.high is None or value <= spec.high + 1e-6, f"{name}.{metric}: {value}"


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("reference") / "reference.png"
    picture(astronaut()).save(path)
    return path


@pytest.mark.parametrize("kind", READABLE)
def test_odd_pictures_get_a_measurement_or_a_reason(
    of_kind: Callable[[str], dict[str, Measurement]], kind: str
) -> None:
    found = of_kind(kind)
    check(found)
    assert found["resolution"].score is not None
    assert {"artifacts", "sharpness", "background", "duplicate"} <= set(found)


@pytest.mark.parametrize("kind", UNREADABLE)
def test_unreadable_pictures_are_an_error_everywhere(
    stage: ScoreStage, reference: Path, tmp_path: Path, kind: str
) -> None:
    write, code = UNREADABLE[kind]
    path = tmp_path / "broken"
    write(path)
    found = score(stage, path, reference)
    for name, made in found.items():
        assert made.unscored in (Unscored.ERROR, Unscored.MODEL_MISSING), name
        if made.unscored is Unscored.ERROR:
            assert made.note.startswith(code), made.note
    assert found["artifacts"].unscored is Unscored.ERROR


def test_a_reference_that_cannot_be_read_is_an_outage_of_what_needs_it(
    stage: ScoreStage, tmp_path: Path
) -> None:
    path, broken = tmp_path / "fine.png", tmp_path / "broken.png"
    picture(astronaut()).save(path)
    broken.write_bytes(b"nothing")
    found = score(stage, path, broken)
    comparing = {n for n in found if registry.dimensions.load(n)().reference_needs}
    check(found, forgiven=tuple(comparing))
    for name in comparing:
        made = found[name]
        if made.unscored is not Unscored.MODEL_MISSING and made.score is not None:
            assert name in ("colour", "prompt_alignment"), f"{name} scored without its reference"
    assert found["duplicate"].unscored is Unscored.ERROR
    assert found["sharpness"].score is not None


def test_a_reference_without_a_face_leaves_faces_uncompared(
    stage: ScoreStage, tmp_path: Path
) -> None:
    path, faceless = tmp_path / "face.png", tmp_path / "coffee.png"
    picture(astronaut()).save(path)
    picture(np.ascontiguousarray(skimage.data.coffee()[:300, :400])).save(faceless)
    found = score(stage, path, faceless)
    check(found)
    made = found.get("face_fidelity")
    if made is None or made.unscored is Unscored.MODEL_MISSING:
        pytest.skip("sentinelqa models pull --for headshot")
    assert made.unscored is Unscored.NO_REFERENCE
    assert "no face" in made.note


def test_faces_are_counted(of_kind: Callable[[str], dict[str, Measurement]]) -> None:
    found = {kind: of_kind(kind) for kind in ("twelve faces", "half a face", "no face")}
    if "faces" not in found["no face"] or found["no face"]["faces"].score is None:
        pytest.skip("sentinelqa models pull --for headshot")
    counts = [found[kind]["faces"].metrics["count"] for kind in found]
    assert counts[0] == 12
    assert counts[1] in (0, 1)
    assert counts[2] == 0
    assert found["no face"]["expression"].unscored is Unscored.NOT_APPLICABLE


def test_a_mirrored_label_is_seen_to_be_mirrored(stage: ScoreStage, tmp_path: Path) -> None:
    upright, mirrored = tmp_path / "label.png", tmp_path / "mirrored.png"
    picture(label()).save(upright)
    READABLE["mirrored label"](mirrored)
    found = score(stage, mirrored, upright)
    check(found)
    assert found["orientation"].metrics["is_mirrored"] is True
