"""The index of known pictures, the command that fills it, and the dimension that asks it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from photographs import jpeg, photograph
from PIL import Image

from sentinelqa.cli import cli
from sentinelqa.dimensions.seen_before import SeenBefore
from sentinelqa.errors import ModelError
from sentinelqa.features.base import FeatureInput, Features
from sentinelqa.features.hashes import Hashes, hash_picture
from sentinelqa.features.known import INDEX, Known, Nearest, add_known, read_known
from sentinelqa.features.pixels import Picture
from sentinelqa.types import Measurement, Request


def save(folder: Path, *names: str) -> None:
    folder.mkdir(exist_ok=True)
    for name in names:
        Image.fromarray(photograph(name)).save(folder / f"{name}.png")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    save(tmp_path / "catalog", "coffee", "rocket")
    path = tmp_path / "known.index"
    done = CliRunner().invoke(cli, ["known", str(path), str(tmp_path / "catalog")])
    assert done.output == f"2 pictures in {path}\n"
    monkeypatch.setenv(INDEX, str(path))
    return path


def measured(rgb: np.ndarray) -> Measurement:
    feature = Known()
    feature.load("cpu")
    values = {"hashes": hash_picture(Picture(np.ascontiguousarray(rgb)))}
    found = feature.compute([FeatureInput("", Request(id="r"), values)])[0]
    assert isinstance(found, Nearest)
    return SeenBefore().measure(Features({"known": found}), Request(id="r"))


def test_copies_of_known_pictures_are_recognised(index: Path, tmp_path: Path) -> None:
    for rgb in (jpeg(photograph("coffee"), 40), photograph("coffee")[:, ::-1]):
        made = measured(rgb)
        assert made.score == 0.0
        assert made.metrics["known"] == str(tmp_path / "catalog" / "coffee.png")
        assert made.metrics["pictures"] == 2
    assert made.metrics["mirrored_distance"] <= 6 < made.metrics["distance"]
    assert made.models[0].sha256 == read_known(index).sha256


def test_other_pictures_are_new(index: Path) -> None:
    made = measured(photograph("chelsea"))
    assert made.score == 1.0
    assert made.metrics["known"] == ""


def test_later_runs_add_to_the_index(index: Path, tmp_path: Path) -> None:
    save(tmp_path / "delivered", "chelsea", "coffee")
    (tmp_path / "delivered" / "broken.png").write_bytes(b"nothing")
    done = CliRunner().invoke(cli, ["known", str(index), str(tmp_path / "delivered")])
    assert "4 pictures" in done.output
    assert "not added: not_an_image" in done.output
    assert measured(photograph("chelsea")).score == 0.0
    before = index.read_bytes()
    add_known(index, [str(tmp_path / "catalog" / "rocket.png")])
    assert index.read_bytes() == before


def test_an_empty_index_knows_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "empty.index"
    assert add_known(path, []) == (0, [])
    monkeypatch.setenv(INDEX, str(path))
    assert measured(photograph("coffee")).metrics["distance"] == 64


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"id,prompt\n1,a\n", b"\x89PNG"])
def test_another_file_is_no_index_and_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "catalog.csv"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="no index"):
        read_known(path)
    with pytest.raises(ModelError, match="no index"):
        add_known(path, [])
    assert path.read_bytes() == content


def test_hashes_of_another_version_are_not_compared(
    index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head, rest = index.read_text().split("\n", 1)
    assert head == f"sentinelqa known pictures 1\thashes {Hashes().version}"
    newer = dataclasses.replace(Hashes(), version="9")
    monkeypatch.setattr("sentinelqa.features.known.Hashes", lambda: newer)
    for call in (lambda: read_known(index), lambda: add_known(index, [])):
        with pytest.raises(ModelError, match=f"hashes of version {Hashes().version}, and") as error:
            call()
        assert "NEW-INDEX" in error.value.remedy
    index.write_text(f"sentinelqa known pictures 1\n{rest}")
    with pytest.raises(ModelError, match="hashes of version 1, and this release"):
        read_known(index)


def test_an_index_that_names_no_version_holds_the_first(
    index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = dataclasses.replace(Hashes(), version="1")
    monkeypatch.setattr("sentinelqa.features.known.Hashes", lambda: first)
    index.write_text("sentinelqa known pictures 1\n" + index.read_text().split("\n", 1)[1])

    assert len(read_known(index).names) == 2


def test_without_an_index_the_model_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(INDEX, raising=False)
    with pytest.raises(ModelError, match="no index of known pictures is named"):
        Known().load("cpu")
    monkeypatch.setenv(INDEX, str(tmp_path / "gone.index"))
    with pytest.raises(ModelError, match="cannot be read"):
        Known().load("cpu")
