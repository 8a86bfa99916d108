"""Image files: equal pixels give equal bytes, and a file is whole or not there."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sentinelqa import files, images
from sentinelqa.errors import ScoringError
from sentinelqa.features.pixels import decode


@pytest.fixture(params=["noise", "drawing", "one pixel"])
def rgb(request: pytest.FixtureRequest) -> NDArray[np.uint8]:
    rng = np.random.default_rng(3)
    if request.param == "noise":
        return rng.integers(0, 256, (40, 56, 3), dtype=np.uint8)
    if request.param == "one pixel":
        return np.array([[[1, 2, 3]]], np.uint8)
    canvas = np.full((64, 48, 3), 255, np.uint8)
    canvas[10:30, 5:40] = (200, 30, 90)
    return canvas


@pytest.mark.parametrize("encode", [images.encode_fast, images.encode_small])
def test_png_is_lossless_and_repeatable_and_holds_nothing_but_pixels(
    encode: object, rgb: NDArray[np.uint8], tmp_path: Path
) -> None:
    encoded = encode(rgb)  # type: ignore[operator]
    (tmp_path / "a.png").write_bytes(encoded)
    assert np.array_equal(images.read(tmp_path / "a.png"), rgb)
    assert encode(rgb.copy()) == encoded  # type: ignore[operator]
    assert _chunks(encoded) <= {b"IHDR", b"IDAT", b"IEND"}


def _chunks(png: bytes) -> set[bytes]:
    found, place = set(), 8
    while place < len(png):
        length = int.from_bytes(png[place : place + 4], "big")
        found.add(png[place + 4 : place + 8])
        place += 12 + length
    return found


def test_deliveries_are_not_larger_than_candidates(rgb: NDArray[np.uint8]) -> None:
    assert len(images.encode_small(rgb)) <= len(images.encode_fast(rgb))


def test_storing_names_by_content_and_twice_is_once(tmp_path: Path) -> None:
    encoded = images.encode_fast(np.zeros((8, 9, 3), np.uint8))
    first = images.store(tmp_path, encoded, width=9, height=8)
    before = (tmp_path / first.path).stat()
    second = images.store(tmp_path, encoded, width=9, height=8)
    assert first == second
    assert first.path == f"images/{first.sha256[:2]}/{first.sha256[2:]}.png"
    assert (tmp_path / first.path).stat().st_mtime_ns == before.st_mtime_ns
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [tmp_path / first.path]


def test_a_file_cut_short_is_written_again(tmp_path: Path) -> None:
    encoded = images.encode_fast(np.zeros((8, 9, 3), np.uint8))
    stored = images.store(tmp_path, encoded, width=9, height=8)
    (tmp_path / stored.path).write_bytes(encoded[:10])
    images.store(tmp_path, encoded, width=9, height=8)
    assert (tmp_path / stored.path).read_bytes() == encoded


def test_inspecting_reads_the_header_and_the_hash(tmp_path: Path) -> None:
    encoded = images.encode_fast(np.zeros((8, 9, 3), np.uint8))
    stored = images.store(tmp_path, encoded, width=9, height=8)
    seen, picture = images.inspect(str(tmp_path / stored.path), shown_as="s3://bucket/a.png")
    assert picture is None
    assert (seen.sha256, seen.width, seen.height, seen.size) == (
        stored.sha256,
        9,
        8,
        len(encoded),
    )
    assert seen.path == "s3://bucket/a.png"
    assert images.sha256_of_file(tmp_path / stored.path) == stored.sha256
    with pytest.raises(ScoringError, match="missing"):
        images.inspect(str(tmp_path / "none.png"))


def test_a_plain_jpeg_comes_with_its_picture_unless_it_is_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    rgb = np.random.default_rng(0).integers(0, 255, (70, 90, 3)).astype(np.uint8)
    Image.fromarray(rgb).save(path, exif=exif, quality=60)
    seen, picture = images.inspect(str(path))
    assert (seen.sha256, seen.size) == images.identify(str(path))
    assert (seen.width, seen.height) == (90, 70)
    assert picture is not None
    alone = decode(str(path))
    assert np.array_equal(picture.rgb, alone.rgb)
    assert (picture.width, picture.height, picture.orientation) == (70, 90, 6)
    assert picture.format == alone.format == "JPEG"
    monkeypatch.setattr(images, "_AT_ONCE", seen.size - 1)
    assert images.inspect(str(path)) == (seen, None)


def test_a_jpeg_that_is_cut_off_has_a_header_and_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    rgb = np.random.default_rng(0).integers(0, 255, (70, 90, 3)).astype(np.uint8)
    Image.fromarray(rgb).save(path)
    path.write_bytes(path.read_bytes()[:-400])
    seen, picture = images.inspect(str(path))
    assert (seen.width, seen.height, picture) == (90, 70, None)
    with pytest.raises(ScoringError, match=r"^truncated: "):
        decode(str(path))


def test_reading_half_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n")
    with pytest.raises(OSError, match="not a whole image"):
        images.read(tmp_path / "a.png")


def test_a_thumbnail_fits_and_is_never_enlarged() -> None:
    for shape, expected in (((100, 50, 3), (40, 20)), ((10, 30, 3), (10, 30))):
        small = images.thumbnail(np.full(shape, 128, np.uint8), 40)
        decoded = cv2.imdecode(np.frombuffer(small, np.uint8), cv2.IMREAD_COLOR)
        assert decoded is not None
        assert decoded.shape[:2] == expected


def test_only_colour_pictures_of_bytes_are_encoded() -> None:
    with pytest.raises(ValueError, match="uint8"):
        images.encode_fast(np.zeros((4, 4, 3), np.float32))  # type: ignore[arg-type]


def test_a_failed_replacement_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    place = tmp_path / "table.csv"
    files.write_atomically(place, b"old")
    with pytest.raises(OSError, match="disk"):
        _write_half_of(place)
    assert place.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [place]


def _write_half_of(place: Path) -> None:
    with files.replacing(place) as part:
        part.write_bytes(b"half of")
        raise OSError("no disk")


def test_leftovers_of_a_crash_are_found(tmp_path: Path) -> None:
    files.write_atomically(tmp_path / "a" / "b.json", b"{}")
    left = tmp_path / "a" / f".b.json.1234{files.PART}"
    left.touch()
    assert list(files.leftovers(tmp_path)) == [left]
