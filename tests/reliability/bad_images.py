"""Images that nobody should trust: mutations of our own, bombs, foreign formats, known corpora."""

from __future__ import annotations

import io
import random
import shutil
import struct
import subprocess
import sys
import tarfile
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

READ = "read"
"""Not a reason code: the picture was decoded."""
PILLOW = "13.0.0"


def chunk(name: bytes, body: bytes) -> bytes:
    """One chunk of a PNG."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int, height: int, data: bytes, *more: bytes, depth: int = 8, kind: int = 0) -> bytes:
    """A PNG with any header: ``more`` stands between header and pixels."""
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    parts = (chunk(b"IHDR", header), *more, chunk(b"IDAT", data), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def own() -> list[bytes]:
    """Small sound images of every format and mode that is read, with metadata."""
    rng = np.random.default_rng(7)
    rgb = Image.fromarray(rng.integers(0, 255, (12, 16, 3), np.uint8)).resize((64, 48))
    alpha = rgb.copy()
    alpha.putalpha(rgb.getchannel(0))
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a label"
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    icc = made[:24] + bytes(12) + made[36:]  # without the moment at which it was made
    text = PngInfo()
    text.add_text("note", "plain")
    text.add_text("packed", "plain " * 40, zip=True)
    wide = Image.fromarray(np.asarray(rgb.getchannel(1), np.uint16) * 257)
    return [
        _saved(rgb, "PNG", pnginfo=text, exif=exif, icc_profile=icc),
        _saved(alpha, "PNG"),
        _saved(rgb.quantize(16), "PNG", transparency=3),
        _saved(wide, "PNG"),
        _saved(rgb, "PNG", save_all=True, append_images=[alpha.convert("RGB")]),
        _saved(rgb, "JPEG", quality=90, exif=exif, icc_profile=icc),
        _saved(rgb, "JPEG", progressive=True),
        _saved(rgb.convert("CMYK"), "JPEG"),
        _saved(rgb, "WEBP", exif=exif),
        _saved(alpha, "WEBP", lossless=True, save_all=True, append_images=[rgb]),
        _saved(rgb, "AVIF"),
        _saved(rgb, "TIFF", compression="tiff_lzw"),
        _saved(wide, "TIFF", compression="tiff_adobe_deflate"),
        _saved(rgb.quantize(16), "GIF", save_all=True, append_images=[rgb.quantize(4)]),
        _saved(rgb, "BMP"),
    ]


def mutations(count: int, seed: int = 20) -> Iterator[bytes]:
    """Our own images, damaged in one to three ways each. Equal seeds give equal bytes."""
    rng = random.Random(seed)
    sources = own()
    ways: tuple[Callable[[random.Random, bytearray], bytearray], ...] = (
        _cut,
        _flip,
        _overwrite,
        _remove,
        _repeat,
        _swap,
        _number,
    )
    for number in range(count):
        content = bytearray(sources[number % len(sources)])
        for _ in range(rng.randint(1, 3)):
            if len(content) > 8:
                content = rng.choice(ways)(rng, content)
        if rng.random() < 0.5 and content.startswith(b"\x89PNG"):
            content = _with_right_sums(content)
        yield bytes(content)


@cache
def bombs() -> dict[str, tuple[bytes, set[str]]]:
    """Small files that ask for much, and the answers that are right."""
    huge = {"image_too_large"}
    refused = {"image_too_large", "too_much_memory", "not_an_image", "damaged", "truncated"}
    small = {READ, *refused}
    zeros = _deflated(100 * 2**20)
    under = 4_000
    return {
        "png 30000x30000": (png(30_000, 30_000, zlib.compress(bytes(9)), depth=1), huge),
        "png 9400x9400": (png(9_400, 9_400, zlib.compress(bytes(9)), kind=2), huge),
        "png 2^31 wide": (png(2**31 - 1, 1, zlib.compress(bytes(9))), huge | {"not_an_image"}),
        "jpeg 65500x65500": (_jpeg_of(65_500, 65_500), huge),
        "webp canvas 2^24": (_webp_of(2**24 - 1, 255), refused),
        "webp under the cap": (_webp(6_000), {"too_much_memory"}),
        "avif 65535x65535": (_avif_of(65_535), refused),
        "gif 65535x65535": (_gif_of(65_535), huge),
        "tiff 100000x100000": (_tiff_of(100_000, 100_000), huge),
        "bmp 60000x60000": (_bmp_of(60_000), huge),
        "png of 16 bits under the cap": (
            png(under, under, _deflated(under * (under * 8 + 1)), depth=16, kind=6),
            {READ},
        ),
        "idat of 100 MB": (png(8, 8, zeros), small),
        "iccp of 100 MB": (png(8, 8, _rows(8), chunk(b"iCCP", b"x\0\0" + zeros)), small),
        "ztxt of 100 MB": (png(8, 8, _rows(8), chunk(b"zTXt", b"x\0\0" + zeros)), small),
        "itxt of 100 MB": (png(8, 8, _rows(8), chunk(b"iTXt", b"x\0\1\0\0\0" + zeros)), small),
        "70 texts of 1 MB": (
            png(8, 8, _rows(8), *[chunk(b"zTXt", b"x\0\0" + _deflated(2**20))] * 70),
            small,
        ),
        "gif of 20000 frames": (_gif_frames(20_000), small),
        "webp of 3000 frames": (_webp_frames(3_000), small),
        "apng of 4e9 frames": (
            png(8, 8, _rows(8), chunk(b"acTL", struct.pack(">II", 2**32 - 1, 0))),
            small,
        ),
        "exif with endless counts": (_exif_bomb(), small),
        "tiff that points to itself": (_tiff_of(8, 8, loop=True), small),
    }


def foreign() -> dict[str, bytes]:
    """Sound images of formats that are not read."""
    rgb = Image.new("RGB", (32, 32), "red")
    kinds = ("PPM", "ICO", "PCX", "SGI", "TGA", "DDS", "JPEG2000", "QOI")
    return {kind.lower(): _saved(rgb, kind) for kind in kinds}


def pillow_corpus(cache: Path) -> list[Path]:
    """The test images in Pillow's source distribution, fetched once.

    Raises:
        OSError, subprocess.SubprocessError: they cannot be had here.
    """
    folder = cache / f"pillow-{PILLOW}"
    if not folder.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        wanted = ("download", "-q", "--no-binary", ":all:", "--no-deps", f"pillow=={PILLOW}")
        subprocess.run([sys.executable, "-m", "pip", *wanted, "-d", cache], check=True, timeout=600)
        with tarfile.open(next(cache.glob("pillow-*.tar.gz"))) as archive:
            members = [m for m in archive if "/Tests/images/" in m.name and m.isfile()]
            archive.extractall(cache / "unpacked", members, filter="data")
        next((cache / "unpacked").iterdir()).rename(folder)
    return sorted(p for p in folder.rglob("*") if p.is_file())


def afl_corpus(cache: Path) -> list[Path]:
    """The seed images of Debian's ``afl++-doc``, fetched once.

    Raises:
        OSError, subprocess.SubprocessError: they cannot be had here.
    """
    folder = cache / "afl"
    if not folder.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        if shutil.which("apt-get") is None:
            raise OSError("there is no apt-get to fetch afl++-doc with")
        subprocess.run(["apt-get", "download", "afl++-doc"], cwd=cache, check=True, timeout=300)
        package = next(cache.glob("afl++-doc_*.deb"))
        subprocess.run(["dpkg-deb", "-x", package, folder], check=True, timeout=100)
    endings = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".tif", ".tiff", ".bmp", ".jp2", ".ico")
    return sorted(p for p in folder.rglob("*") if p.is_file() and p.name.endswith(endings))


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _deflated(size: int) -> bytes:
    """``size`` zeros, compressed without ever standing in memory."""
    packer, packed = zlib.compressobj(1), []
    block = bytes(2**20)
    for _ in range(size // len(block)):
        packed.append(packer.compress(block))
    packed += [packer.compress(bytes(size % len(block))), packer.flush()]
    return b"".join(packed)


def _rows(side: int) -> bytes:
    return zlib.compress(bytes(side * (side + 1)))


def _jpeg_of(width: int, height: int) -> bytes:
    content = _saved(Image.new("L", (8, 8)), "JPEG")
    at = content.index(b"\xff\xc0") + 5
    return content[:at] + struct.pack(">HH", height, width) + content[at + 4 :]


def _webp_of(width: int, height: int) -> bytes:
    body = _saved(Image.new("RGB", (8, 8)), "WEBP")[12:]
    sizes = struct.pack("<I", width)[:3] + struct.pack("<I", height)[:3]
    body = b"WEBP" + b"VP8X" + struct.pack("<I", 10) + bytes(4) + sizes + body
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _webp(side: int) -> bytes:
    return _saved(Image.new("RGB", (side, side)), "WEBP", lossless=True, quality=0, method=0)


def _avif_of(side: int) -> bytes:
    content = _saved(Image.new("RGB", (8, 8)), "AVIF")
    at = content.index(b"ispe") + 8
    return content[:at] + struct.pack(">II", side, side) + content[at + 8 :]


def _gif_of(side: int) -> bytes:
    content = _saved(Image.new("P", (8, 8)), "GIF")
    frame = content.index(b"\x2c\0\0\0\0")
    size = struct.pack("<HH", side, side)
    return content[:6] + size + content[10 : frame + 5] + size + content[frame + 9 :]


def _gif_frames(count: int) -> bytes:
    one = _saved(Image.new("P", (1, 1)), "GIF")
    start = one.index(b"\x2c\0\0\0\0")
    return one[:start] + one[start:-1] * count + b";"


def _webp_frames(count: int) -> bytes:
    content = _saved(
        Image.new("RGB", (16, 16)),
        "WEBP",
        save_all=True,
        append_images=[Image.new("RGB", (16, 16), "red")],
    )
    start = content.index(b"ANMF")
    body = content[8:start] + content[start:] * (count // 2)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _bmp_of(side: int) -> bytes:
    content = _saved(Image.new("P", (8, 8)), "BMP")
    return content[:18] + struct.pack("<ii", side, side) + content[26:]


def _tiff_of(width: int, height: int, *, loop: bool = False) -> bytes:
    tags = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, 1, 8),
        (277, 3, 1, 1),
        (278, 4, 1, height),
        (279, 4, 1, width * height % 2**32),
    ]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    directory = struct.pack("<H", len(tags)) + entries + struct.pack("<I", 8 if loop else 0)
    return b"II*\0" + struct.pack("<I", 8) + directory + bytes(64)


def _exif_bomb() -> bytes:
    entries = b"".join(struct.pack("<HHII", tag, 2, 2**32 - 1, 8) for tag in range(0x9000, 0x9080))
    orientation = struct.pack("<HHII", 0x0112, 3, 2**31, 8)
    directory = struct.pack("<H", 0x81) + orientation + entries + struct.pack("<I", 8)
    exif = b"Exif\0\0II*\0" + struct.pack("<I", 8) + directory
    content = _saved(Image.new("RGB", (8, 8)), "JPEG")
    return content[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + content[2:]


def _cut(rng: random.Random, content: bytearray) -> bytearray:
    return content[: rng.randrange(1, len(content))]


def _flip(rng: random.Random, content: bytearray) -> bytearray:
    for _ in range(rng.randint(1, 16)):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return content


def _overwrite(rng: random.Random, content: bytearray) -> bytearray:
    at = rng.randrange(len(content))
    length = min(rng.randint(1, 40), len(content) - at)
    content[at : at + length] = rng.choice((b"\0", b"\xff", b"\x7f")) * length
    return content


def _remove(rng: random.Random, content: bytearray) -> bytearray:
    at = rng.randrange(len(content))
    return content[:at] + content[at + rng.randint(1, 64) :]


def _repeat(rng: random.Random, content: bytearray) -> bytearray:
    at = rng.randrange(len(content))
    return content[:at] + content[at : at + rng.randint(1, 64)] * rng.randint(2, 50) + content[at:]


def _swap(rng: random.Random, content: bytearray) -> bytearray:
    a, b = sorted(rng.sample(range(len(content)), 2))
    return (
        content[b:] + content[a:b] + content[:a]
        if rng.random() < 0.1
        else (
            content[:a]
            + content[b : b + 32]
            + content[a + 32 : b]
            + content[a : a + 32]
            + content[b:]
        )
    )


def _number(rng: random.Random, content: bytearray) -> bytearray:
    """An extreme number somewhere: in a header it is a size, a count or an offset."""
    at = rng.randrange(min(len(content), 200))
    value = rng.choice((0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFF, 0x10000, 0xDEAD))
    content[at : at + 4] = struct.pack(rng.choice("<>") + "I", value)
    return content


def _with_right_sums(content: bytearray) -> bytearray:
    """The check sums of a PNG made right, so that the damage reaches the decoder."""
    at = 8
    while at + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, at)
        end = at + 8 + length
        if end + 4 > len(content):
            break
        content[end : end + 4] = struct.pack(">I", zlib.crc32(content[at + 4 : end]))
        at = end + 4
    return content
