"""What a run prints when it ends."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from sentinelqa.cli.summary import summary_table
from sentinelqa.results import Run
from tests.report_run import write_run


def _said(run: Path) -> str:
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(summary_table(Run(run)))
    return console.export_text()


def _priced(run: Path, currency: str) -> Path:
    facts = json.loads((run / "facts.json").read_text())
    (run / "facts.json").write_text(json.dumps({**facts, "currency": currency}))
    return run


def test_a_run_without_a_price_says_its_time(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", requests=6, pictures=False)
    headline = Run(run).as_dict()

    said = _said(run)

    each = headline["seconds"] / headline["delivered"]
    assert f"time  {each:.1f} s per image delivered, 1 min 39 s of computing in all" in said
    assert f"delivered  {headline['delivered']} of 18 images" in said
    assert " cost " not in said


def test_a_price_is_named_in_its_currency(tmp_path: Path) -> None:
    run = _priced(write_run(tmp_path / "run", requests=6, pictures=False), "EUR")

    said = _said(run)

    each = 72 * 1.375 / Run(run).as_dict()["delivered"]
    assert f"cost  {each:.3g} EUR per image delivered, 99 EUR in all" in said


def test_nothing_delivered_has_no_price_per_image(tmp_path: Path) -> None:
    run = _priced(write_run(tmp_path / "run", requests=3, shift=-1.0, pictures=False), "EUR")

    said = _said(run)

    assert "0 of 9 images" in said
    assert "49.5 EUR" in said
    assert "per image" not in said


@pytest.mark.parametrize("folder", ["run", "/".join(["a folder with a long name"] * 8)])
def test_the_summary_fits_a_hundred_columns(tmp_path: Path, folder: str) -> None:
    run = _priced(write_run(tmp_path / folder, requests=4, pictures=False), "currency " * 4)

    assert max(len(line.rstrip()) for line in _said(run).splitlines()) <= 100


def test_scored_images_say_the_time_per_image(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", requests=4, per_request=1, pictures=False)
    (run / "job.yaml").write_text("score: [photos]\nrubric: studio\n")

    said = _said(run)

    assert "time  1.4 s per image, 5.5 s of computing in all" in said
    assert "images  4: " in said
