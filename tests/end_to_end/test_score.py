"""``score``, as a user: existing images in, verdicts out, and bad files never end it."""

from __future__ import annotations

import html
import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import sentinelqa as sq
from sentinelqa.errors import JobError
from sentinelqa.generators.fake import draw
from sentinelqa.types import Candidate, Settings

KINDS = ("png", "jpg", "webp", "avif")


@pytest.fixture
def photos(folder: Path) -> Path:
    """Images of four formats, sharp ones and flat ones, and files that are no images."""
    photos = folder / "photos"
    photos.mkdir()
    settings = Settings(model="fake", width=96, height=96)
    for seed in range(8):
        picture = draw(Candidate(id="x", request_id="r", seed=seed, settings=settings))
        Image.fromarray(picture).save(photos / f"disc{seed}.{KINDS[seed % 4]}", quality=95)
    Image.fromarray(np.full((96, 96, 3), 128, np.uint8)).save(photos / "flat.png")
    return photos


def score(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sentinelqa", "score", *arguments, "--rubric", "rubric.yaml"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def test_every_image_gets_a_verdict_with_reasons(folder: Path, photos: Path) -> None:
    finished = score(folder, "photos", "--out", "out", "--junit", "verdicts.xml", "--json")

    table = pd.read_parquet(folder / "out/candidates.parquet").set_index("path")
    assert finished.returncode == 1, finished.stderr
    assert len(table) == 9
    assert table.loc["photos/flat.png", "outcome"] == "fail"
    assert json.loads(table.loc["photos/flat.png", "reasons"])
    assert (table["outcome"] == "pass").any()
    suite = ET.parse(folder / "verdicts.xml").getroot()
    assert suite.get("tests") == "9"
    assert int(suite.get("failures", "0")) == (table["outcome"] == "fail").sum()
    assert (folder / "out/report.html").is_file()
    assert not (folder / "out/images").exists()


def test_exit_code_is_0_when_everything_passed(folder: Path, photos: Path) -> None:
    table = sq.score([photos], rubric=str(folder / "rubric.yaml"), out=folder / "first")
    good = [
        str(folder / p) if not Path(p).is_absolute() else p
        for p in table["path"][table["outcome"] == "pass"]
    ]

    finished = score(folder, *good)

    assert finished.returncode == 0, finished.stdout + finished.stderr


def test_bad_files_are_reported_and_the_rest_is_scored(folder: Path, photos: Path) -> None:
    (photos / "empty.png").write_bytes(b"")
    whole = (photos / "disc0.png").read_bytes()
    (photos / "truncated.png").write_bytes(whole[: len(whole) // 2])
    (photos / "text.png").write_text("not an image")
    Image.new("1", (20_000, 10_000)).save(photos / "huge.png")

    table = sq.score([photos], rubric=str(folder / "rubric.yaml"), out=folder / "out")

    bad = table.set_index(table["path"].map(lambda p: Path(p).name))
    for name in ("empty.png", "truncated.png", "text.png", "huge.png"):
        assert bad.loc[name, "outcome"] == "error"
        assert json.loads(bad.loc[name, "reasons"])
    assert (table["outcome"] == "pass").any()
    assert len(table) == 13


def test_a_table_gives_prompts_and_metadata_by_file_name(folder: Path, photos: Path) -> None:
    rubric = folder / "coloured.yaml"
    rubric.write_text(
        "name: coloured\nversion: 1\ntiers:\n  generic:\n    sharpness: {min: 0.0}\n"
        "  custom:\n    - name: only_red\n      require: request.colour == 'red'\n"
        "      message: Only red ones.\n"
    )
    (folder / "requests.csv").write_text(
        "image,id,prompt,colour\ndisc0.png,a,a red disc,red\ndisc4.png,b,a blue disc,blue\n"
    )

    table = sq.score(
        [photos / "disc0.png", photos / "disc4.png"],
        rubric=str(rubric),
        requests=folder / "requests.csv",
        out=folder / "out",
    ).set_index("request_id")

    assert table.loc["a", "prompt"] == "a red disc"
    assert table.loc["a", "outcome"] == "pass"
    assert table.loc["b", "outcome"] == "fail"
    assert "Only red ones." in table.loc["b", "reasons"]


def test_two_images_with_one_id_are_refused_with_the_row(folder: Path, photos: Path) -> None:
    (folder / "requests.csv").write_text("image,id\ndisc0.png,a\ndisc4.png,a\n")

    with pytest.raises(JobError, match="'a' occurs twice") as caught:
        sq.score(
            [photos],
            rubric=str(folder / "rubric.yaml"),
            requests=folder / "requests.csv",
            out=folder / "out",
        )

    assert caught.value.where.endswith("requests.csv:3")
    assert not (folder / "out/ledger.sqlite").exists()


def test_rows_that_match_no_image_are_said_on_every_way_out(folder: Path, photos: Path) -> None:
    (folder / "requests.csv").write_text("image,prompt\ndisc0.png,a disc\ndisk4.png,a disc\n")

    options = ["--rubric", "rubric.yaml", "--requests", "requests.csv", "--out", "out", "--json"]

    finished = subprocess.run(
        [sys.executable, "-m", "sentinelqa", "score", str(photos / "disc0.png"), *options],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    said = "1 of 2 rows of requests.csv match no image: 'disk4.png' (requests.csv:3)"
    (warning,) = json.loads(finished.stdout.splitlines()[-1])["warnings"]
    assert warning.startswith(said)
    assert said in finished.stderr
    assert said in (folder / "out/run.log").read_text()
    assert said in html.unescape((folder / "out/report.html").read_text())


def test_scoring_again_into_the_same_directory_is_free_and_equal(
    folder: Path, photos: Path
) -> None:
    first = sq.score([photos], rubric=str(folder / "rubric.yaml"), out=folder / "out")
    second = sq.score([photos], rubric=str(folder / "rubric.yaml"), out=folder / "out")

    assert first.equals(second)


def test_early_exit_and_full_scoring_decide_alike(folder: Path, photos: Path) -> None:
    rubric = str(folder / "rubric.yaml")
    early = sq.score([photos], rubric=rubric, out=folder / "early")
    full = sq.score([photos], rubric=rubric, out=folder / "full", full=True)

    assert list(early["outcome"]) == list(full["outcome"])
    assert full["score.sharpness"].notna().sum() >= early["score.sharpness"].notna().sum()


def test_a_folder_without_images_is_refused(folder: Path) -> None:
    (folder / "photos").mkdir()

    with pytest.raises(JobError, match="no images"):
        sq.score([folder / "photos"], rubric=str(folder / "rubric.yaml"))
    assert not (folder / "runs").exists()
