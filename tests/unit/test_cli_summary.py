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


def test_what_told_pass_rates_apart_and_what_is_amiss_is_said(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", requests=4, pictures=False)
    assert "pass rates by" not in _said(run)
    assert "warning" not in _said(run)
    rates = [0.5, 0.92, 0.004, 0.3, 0.7, 0.6, 0.1, 0.2]
    values = [{"value": f"v{n}", "pass_rate": r, "requests": 9} for n, r in enumerate(rates)]
    pooling = {"column": "category", "explains": 0.613, "values": values}
    (run / "pooling.json").write_text(json.dumps(pooling))
    facts = json.loads((run / "facts.json").read_text())
    (run / "facts.json").write_text(json.dumps({**facts, "warnings": ["a row matches nothing"]}))

    said = " ".join(_said(run).split())

    assert (
        "pass rates by category, 61 % of the differences between requests: "
        "v1 92 %, v4 70 %, v5 60 %, …, v7 20 %, v6 10 %, v2 <1 %" in said
    )
    assert "warning a row matches nothing" in said
    assert Run(run).as_dict()["pooled_by"] == "category"


def test_values_that_strangers_wrote_are_plain_and_short(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", requests=4, pictures=False)
    texts = ["\x1b[2J\u202egone\nreport  elsewhere", "x" * 41, "y" * 40]
    values = [{"value": text, "pass_rate": 0.5, "requests": 9} for text in texts]
    pooling = {"column": "kind\x1b[1m", "explains": 0.6, "values": values}
    (run / "pooling.json").write_text(json.dumps(pooling))

    said = "".join(_said(run).split())

    assert (
        "passratesbykind\\x1b[1m,60%ofthedifferencesbetweenrequests:"
        f"\\x1b[2J\\u202egone\\nreportelsewhere50%,{'x' * 39}…50%,{'y' * 40}50%report" in said
    )


def test_scored_images_say_the_time_per_image(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", requests=4, per_request=1, pictures=False)
    (run / "job.yaml").write_text("score: [photos]\nrubric: studio\n")

    said = _said(run)

    assert "time  1.4 s per image, 5.5 s of computing in all" in said
    assert "images  4: " in said


@pytest.mark.parametrize(
    ("images", "finished", "found"),
    [
        (12, 9, "; it would have dropped 2 of the 12 images of requests finished as an audit"),
        (0, 9, "; 3 of 9 finished as an audit passed"),
        (0, 0, ""),
    ],
)
def test_what_was_dropped_half_way_and_how_often_that_was_wrong_is_said(
    tmp_path: Path, images: int, finished: int, found: str
) -> None:
    run = write_run(tmp_path / "run", requests=4, pictures=False)
    assert "half way" not in _said(run)
    assert Run(run).as_dict()["early_rejection"] is None
    audit = {"finished": finished, "passed": 3, "delivered": 2, "images": images}
    early = {"looked_at": 540, "dropped": 171, "steps_saved": 0.1904, "audit": audit}
    (run / "early_rejection.json").write_text(json.dumps(early))

    said = " ".join(_said(run).split())

    assert f"half way 171 of 540 candidates dropped, 19 % of all steps saved{found} report" in said
