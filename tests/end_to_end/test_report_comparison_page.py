"""The comparison of two runs in a browser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sentinelqa.report import write_comparison, write_report
from sentinelqa.report.comparing import compare
from tests.browser import NEEDS_BROWSER, opened, serious_in
from tests.report_run import write_run

pytestmark = [*NEEDS_BROWSER, pytest.mark.slow]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("comparison")
    first = write_run(folder / "before", requests=14, per_request=6, size=32)
    second = write_run(folder / "after", requests=14, per_request=6, seed=5, size=32)
    write_report(first)
    write_comparison(first, second)
    return first, second


def test_pairs_are_filtered_by_change_and_by_words(browser: Any, runs: tuple[Path, Path]) -> None:
    found = compare(*runs, runs[1])
    for page in opened(browser, runs[1] / "comparison.html"):
        assert page.locator(".pair").count() == 12
        page.get_by_role("button", name="Next", exact=True).click()
        assert page.locator(".pair").count() == 2
        for standing in ("worse", "better", "same"):
            button = page.locator(f'[data-standing="{standing}"]')
            button.click()
            assert page.locator(".pair").count() == min(12, found.standings[standing])
            button.click()
        page.locator("#find").fill("mug-003")
        assert page.locator(".pair h3").all_inner_texts() == ["mug-003"]
        sides = page.locator(".pair-side")
        assert [sides.nth(i).locator("img").count() for i in (0, 1)] == [3, 3]
        page.locator("#find").fill("no such request")
        assert "Nothing matches" in page.locator("#pairs").inner_text()


def test_it_leads_to_the_reports(browser: Any, runs: tuple[Path, Path]) -> None:
    for page in opened(browser, runs[1] / "comparison.html"):
        page.get_by_role("link", name="its report").first.click()
        page.wait_for_selector("#funnel")
        assert Path(page.url.removeprefix("file://")) == runs[0] / "report.html"


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_it_is_accessible_and_fits(
    browser: Any, runs: tuple[Path, Path], scheme: str, width: int
) -> None:
    options = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}
    for page in opened(browser, runs[1] / "comparison.html", bypass_csp=True, **options):
        assert not serious_in(page), json.dumps(serious_in(page), indent=1)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
