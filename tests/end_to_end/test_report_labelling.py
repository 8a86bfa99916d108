"""Labelling in a browser, and what calibration makes of the labels: the whole loop."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sentinelqa.job import load_job
from sentinelqa.pipeline import run as run_job
from sentinelqa.report import write_labelling_sheet
from tests.browser import NEEDS_BROWSER, opened, serious_in
from tests.report_run import write_run

pytestmark = [*NEEDS_BROWSER, pytest.mark.slow]


@pytest.fixture(scope="module")
def sheet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = write_run(tmp_path_factory.mktemp("labels") / "a run, with #1 'odd' name", size=32)
    return write_labelling_sheet(run, 24)


def test_keys_label_and_move_on(browser: Any, sheet: Path) -> None:
    for page in opened(browser, sheet):
        for key in ("g", "b", "u", "ArrowLeft", "g", "ArrowRight"):
            page.keyboard.press(key)
        said = page.locator("#progress").inner_text()
        assert said == "Picture 5 of 24: 3 labelled, 2 good, 1 bad, 0 unsure"
        assert page.evaluate("document.getElementById('picture').naturalWidth") == 32
        page.get_by_role("button", name="Unsure").click()
        assert "1 unsure" in page.locator("#progress").inner_text()


def test_progress_is_kept_when_the_page_is_opened_again(browser: Any, sheet: Path) -> None:
    for page in opened(browser, sheet):
        for key in "gbbu":
            page.keyboard.press(key)
        page.reload()
        assert page.locator("#progress").inner_text().startswith("Picture 5 of 24: 4 labelled")
        assert page.locator("#trouble").is_hidden()
        page.locator("#thumbs button").nth(1).click()
        assert page.locator('[data-label="bad"]').get_attribute("aria-pressed") == "true"


def test_without_storage_the_page_says_so_and_still_exports(browser: Any, sheet: Path) -> None:
    for page in opened(browser, sheet):
        page.evaluate("() => { Storage.prototype.setItem = () => { throw new Error(); }; }")
        page.keyboard.press("g")
        assert page.locator("#trouble").is_visible()
        assert len(_exported(page)) == 1


@pytest.mark.parametrize("width", [360, 1280])
def test_the_sheet_is_accessible_and_fits(browser: Any, sheet: Path, width: int) -> None:
    size = {"width": width, "height": 800}
    for page in opened(browser, sheet, bypass_csp=True, viewport=size):
        page.keyboard.press("g")
        assert not serious_in(page), json.dumps(serious_in(page), indent=1)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def _exported(page: Any) -> list[dict[str, str]]:
    with page.expect_download() as waiting:
        page.locator("#export").click()
    with Path(waiting.value.path()).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_labels_calibrate_the_rubric(browser: Any, folder: Path, tmp_path: Path) -> None:
    """Sample a real run, label by what one score says, calibrate, and find that score's cut."""
    from sentinelqa.rubric.calibrate import calibrate, read_labels

    run = tmp_path / "run #1"
    run_job(load_job(folder / "job.yaml"), out=run, full=True)
    table = pd.read_parquet(run / "candidates.parquet").set_index("candidate_id")
    cut = float(table["score.sharpness"].median())
    labels = tmp_path / "elsewhere" / "labels.csv"
    labels.parent.mkdir()
    for page in opened(browser, write_labelling_sheet(run, 200)):
        items = json.loads(page.locator("#payload").text_content())["items"]
        for number, item in enumerate(items):
            good = float(table.loc[item["id"], "score.sharpness"]) >= cut
            page.keyboard.press("u" if number == 0 else "g" if good else "b")
        with page.expect_download() as waiting:
            page.locator("#export").click()
        waiting.value.save_as(labels)

    labelled = read_labels(labels)
    fitted = calibrate(folder / "rubric.yaml", labelled, goal=0.02)

    assert len(labelled.good) + len(labelled.bad) == len(items) - 1
    assert {request.prompt for _, request in labelled.good} <= set(table["prompt"])
    assert dict(labelled.good[0][1].metadata)["colour"] in ("red", "blue", "green")
    assert fitted.separations["sharpness"].auc == 1.0
    assert fitted.thresholds["sharpness"] == pytest.approx(cut, abs=0.02)
