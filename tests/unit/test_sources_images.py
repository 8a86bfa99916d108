"""Existing images: files, folders, globs and URLs, each once, in a stable order."""

from __future__ import annotations

import os
from pathlib import Path

import fsspec
import pytest

from sentinelqa.errors import JobError, ScoringError
from sentinelqa.features.pixels import decode
from sentinelqa.sources.images import fetch, find_images, listing_digest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.png", "a.jpg", "sub/c.webp", "sub/notes.txt", "z.AVIF"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path


def names(folder: Path, *paths: str) -> list[str]:
    return [str(Path(p).relative_to(folder)) for p in find_images(paths)]


def test_a_folder_is_searched_in_order_and_only_for_images(folder: Path) -> None:
    assert names(folder, str(folder)) == ["a.jpg", "b.png", "sub/c.webp", "z.AVIF"]


def test_an_image_named_twice_is_found_once(folder: Path) -> None:
    assert names(folder, str(folder / "b.png"), str(folder / "*.png")) == ["b.png"]


def test_a_file_named_outright_is_taken_whatever_its_suffix(folder: Path) -> None:
    assert names(folder, str(folder / "sub/notes.txt")) == ["sub/notes.txt"]


def test_links_to_folders_are_not_followed(folder: Path) -> None:
    (folder / "sub/loop").symlink_to(folder)

    assert names(folder, str(folder)) == ["a.jpg", "b.png", "sub/c.webp", "z.AVIF"]


@pytest.mark.parametrize("path", ["nowhere", "*.nothing", "http://example.com/a.png"])
def test_what_is_not_there_or_not_allowed_is_said(
    folder: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)

    with pytest.raises(JobError, match=r"there (is|are) no|not read from http"):
        list(find_images([path]))


def test_a_folder_without_images_is_said(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="no images"):
        list(find_images([str(tmp_path)]))


def test_images_behind_a_url_are_found_and_fetched(tmp_path: Path) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe("/shots/one.png", b"pixels")
    memory.pipe("/shots/readme.md", b"text")

    (url,) = find_images(["memory://shots"])

    assert fetch(url, tmp_path).read_bytes() == b"pixels"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("memory://shots?token=CANARY", "credentials"),
        ("s3://key:CANARY@bucket/a.png", "credentials"),
        ("file://CANARY.example/a.png", "this machine"),
        ("memory://a::http://CANARY.example/a.png", "inside another"),
        ("gopher://user:CANARY@example.com/a?token=CANARY", "not read from gopher"),
    ],
)
def test_addresses_that_hide_something_are_refused(address: str, said: str) -> None:
    with pytest.raises(JobError, match=said) as caught:
        list(find_images([address]))
    assert "CANARY" not in str(caught.value) or "CANARY.example" in address


def test_a_file_address_is_a_path(folder: Path) -> None:
    assert names(folder, f"file://{folder}/b.png") == ["b.png"]


def test_a_copy_has_a_limit_and_a_name_of_our_own(tmp_path: Path) -> None:
    fsspec.filesystem("memory").pipe("/large/..", b"x" * 2000)
    assert fetch("memory://large/..", tmp_path).parent == tmp_path
    with pytest.raises(OSError, match=r"^file_too_large: at most 1999 bytes"):
        fetch("memory://large/..", tmp_path, 1999)


def test_a_name_that_is_not_text_takes_no_other_image_along(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    (tmp_path / os.fsdecode(b"b\xff.png")).write_bytes(b"x")
    found = list(find_images([str(tmp_path)]))
    assert [Path(image).name for image in found] == ["a.png", "b\\xff.png"]
    with pytest.raises(ScoringError, match="not UTF-8 can be read: rename it"):
        decode(found[1])
    assert listing_digest([str(tmp_path)]) == listing_digest([str(tmp_path)])
