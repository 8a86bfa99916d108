from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from sentinelqa.errors import ScoringError
from sentinelqa.features.base import FeatureInput
from sentinelqa.features.decoding import MAX_BYTES, open_regular, probe
from sentinelqa.features.pixels import Pixels, decode
from sentinelqa.types import Request


def scene(width: int = 64, height: int = 48) -> np.ndarray:
    """A picture whose four corners differ, so that turning or mirroring it shows."""
    rgb = np.full((height, width, 3), 200, np.uint8)
    rgb[: height // 2, : width // 2] = (255, 0, 0)
    rgb[: height // 2, width // 2 :] = (0, 255, 0)
    rgb[height // 2 :, : width // 2] = (0, 0, 255)
    return rgb


def save(path: Path, image: Image.Image | np.ndarray, **options: object) -> str:
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    picture.save(path, **options)
    return str(path)


@pytest.mark.parametrize(
    ("suffix", "tolerance"), [("png", 0), ("jpg", 8), ("webp", 12), ("avif", 12), ("tiff", 0)]
)
def test_formats_decode_to_the_same_picture(tmp_path: Path, suffix: str, tolerance: int) -> None:
    path = save(tmp_path / f"a.{suffix}", scene(), **({} if tolerance == 0 else {"quality": 95}))
    picture = decode(path)
    assert (picture.width, picture.height) == (64, 48)
    assert picture.rgb.dtype == np.uint8
    centres = picture.rgb[12::24, 16::32].astype(int)
    assert np.abs(centres - scene()[12::24, 16::32]).max() <= tolerance
    assert probe(path)[1:] == (64, 48)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(tmp_path: Path, orientation: int) -> None:
    undo = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
        8: lambda a: np.rot90(a, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / "a.png", np.ascontiguousarray(undo(scene())), exif=exif)
    picture = decode(path)
    assert picture.orientation == orientation
    assert np.array_equal(picture.rgb, scene())


def test_alpha_lies_over_white(tmp_path: Path) -> None:
    rgba = np.zeros((8, 8, 4), np.uint8)
    rgba[:, 4:] = (255, 0, 0, 255)
    rgba[:, :4] = (255, 0, 0, 128)
    picture = decode(save(tmp_path / "a.png", rgba))
    assert picture.had_alpha
    assert tuple(picture.rgb[0, 7]) == (255, 0, 0)
    assert tuple(picture.rgb[0, 0]) == (255, 127, 127)


def test_palette_with_transparency(tmp_path: Path) -> None:
    indexed = Image.fromarray(np.array([[0, 1], [1, 0]], np.uint8), "P")
    indexed.putpalette([10, 20, 30, 200, 100, 50])
    picture = decode(save(tmp_path / "a.png", indexed, transparency=0))
    assert (picture.mode, picture.had_alpha) == ("P", True)
    assert picture.rgb.tolist() == [
        [[255, 255, 255], [200, 100, 50]],
        [[200, 100, 50], [255, 255, 255]],
    ]


def test_sixteen_bit_grey_keeps_its_levels(tmp_path: Path) -> None:
    wide = (np.arange(256, dtype=np.uint16) * 257).reshape(16, 16)
    picture = decode(save(tmp_path / "a.png", Image.fromarray(wide)))
    assert picture.bits == 16
    assert np.array_equal(picture.rgb[..., 1].ravel(), np.arange(256))
    assert picture.is_grey


def test_sixteen_bit_colour_png(tmp_path: Path) -> None:
    row = b"\x00" + struct.pack(">3H", 65535, 32896, 0) * 4
    path = tmp_path / "a.png"
    path.write_bytes(png(4, 4, zlib.compress(row * 4), depth=16, kind=2))
    picture = decode(str(path))
    assert picture.bits == 16
    assert picture.rgb[2, 2].tolist() == [255, 128, 0]


def test_cmyk_jpeg(tmp_path: Path) -> None:
    picture = decode(save(tmp_path / "a.jpg", Image.new("CMYK", (16, 16), (0, 255, 255, 0))))
    assert picture.mode == "CMYK"
    red, green, blue = picture.rgb[8, 8]
    assert red > 240
    assert green < 15
    assert blue < 15


def test_profile_is_converted_to_srgb(tmp_path: Path) -> None:
    lab = Image.new("RGB", (8, 8), (128, 128, 128))
    linear = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = decode(save(tmp_path / "a.png", lab, icc_profile=linear))
    assert picture.icc == "converted"
    assert np.abs(picture.rgb.astype(int) - 128).max() <= 1
    broken = decode(save(tmp_path / "b.png", lab, icc_profile=b"\x00" * 300))
    assert broken.icc == "unreadable"
    assert np.array_equal(broken.rgb, np.asarray(lab))


def test_only_the_first_frame_counts(tmp_path: Path) -> None:
    first, second = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "blue")
    path = save(tmp_path / "a.gif", first, save_all=True, append_images=[second])
    picture = decode(path)
    assert picture.animated
    assert picture.rgb[0, 0].tolist() == [255, 0, 0]


def test_not_a_number_is_refused(tmp_path: Path) -> None:
    values = np.full((4, 4), 0.5, np.float32)
    assert decode(save(tmp_path / "a.tiff", Image.fromarray(values))).rgb[0, 0, 0] == 128
    values[1, 1] = np.nan
    with pytest.raises(ScoringError, match=r"^non_finite: "):
        decode(save(tmp_path / "b.tiff", Image.fromarray(values)))


def png(width: int, height: int, data: bytes, depth: int = 8, kind: int = 0) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


def bad_files(folder: Path) -> dict[str, tuple[str, str]]:
    whole = Path(
        save(folder / "whole.png", np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    )
    jpeg = Path(save(folder / "whole.jpg", scene(256, 256)))
    files = {
        "empty.png": (b"", "empty_file"),
        "text.png": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not_an_image"),
        "eps.png": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not_an_image"),
        "cut.png": (whole.read_bytes()[:2000], "truncated"),
        "cut.jpg": (jpeg.read_bytes()[:900], "truncated"),
        "bomb.png": (png(14_000, 14_286, zlib.compress(bytes(1000))), "image_too_large"),
        "medium.png": (png(10_000, 6_000, zlib.compress(bytes(1000))), "image_too_large"),
        "head.png": (whole.read_bytes()[:12], "not_an_image"),
        "noise.png": (png(8, 8, b"this is not deflate"), "damaged"),
    }
    for name, (content, _) in files.items():
        (folder / name).write_bytes(content)
    os.mkfifo(folder / "pipe.png")
    (folder / "link.png").symlink_to(whole)
    (folder / "folder.png").mkdir()
    codes = {name: code for name, (_, code) in files.items()}
    codes |= {"pipe.png": "not_a_file", "link.png": "not_a_file", "folder.png": "not_a_file"}
    codes |= {"gone.png": "missing", "nul\0.png": "not_a_file"}
    return {name: (str(folder / name), code) for name, code in codes.items()}


def test_every_bad_file_has_its_reason_and_takes_nobody_with_it(tmp_path: Path) -> None:
    good = save(tmp_path / "good.png", scene())
    bad = bad_files(tmp_path)
    inputs = [good, *[path for path, _ in bad.values()], good]
    values = Pixels().compute([FeatureInput(path, Request(id="r")) for path in inputs])
    assert [values[0].width, values[-1].width] == [64, 64]
    found = {
        name: str(value).partition(":")[0] for name, value in zip(bad, values[1:-1], strict=True)
    }
    assert found == {name: code for name, (_, code) in bad.items()}


def test_bytes_are_capped(tmp_path: Path) -> None:
    path = tmp_path / "big.png"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(ScoringError, match=r"^file_too_large: "), open_regular(str(path)):
        pass


@pytest.mark.parametrize(("width", "height"), [(1, 1), (20_000, 50), (50, 20_000)])
def test_odd_shapes(tmp_path: Path, width: int, height: int) -> None:
    picture = decode(save(tmp_path / "a.png", np.full((height, width, 3), 9, np.uint8)))
    small = picture.within(512)
    assert max(small.shape[:2]) == min(512, max(width, height))
    assert picture.within(512) is small
    assert picture.luminance.shape == (height, width)
