"""Pictures of a run's report for the README and the docs.

    python docs/images/make.py runs/example-catalog

Needs Playwright and a Chromium (``--chromium`` names one that is installed already).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
SECTIONS = {"funnel": "#funnel", "thresholds": "#thresholds", "contact-sheet": "#pictures"}
WIDTH = 1100
TALLEST = {"contact-sheet": 1400, "thresholds": 872}
"""Pixels; what is longer is cut here."""

UNSTICK = """for (const e of document.querySelectorAll("*")) {
  if (["sticky", "fixed"].includes(getComputedStyle(e).position)) e.style.position = "static";
}"""
"""Bars that stay in view would lie across a picture that is taller than the window."""


def main() -> None:
    """Write one PNG per section beside this file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    arguments = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=arguments.chromium,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = browser.new_page(
            viewport={"width": WIDTH, "height": 1400},
            color_scheme="light",
            device_scale_factor=1,
        )
        page.goto((arguments.run / "report.html").resolve().as_uri())
        page.keyboard.press("r")
        page.evaluate(UNSTICK)
        for name, selector in SECTIONS.items():
            section = page.locator(selector)
            section.scroll_into_view_if_needed()
            page.wait_for_timeout(500)
            box = section.bounding_box()
            if box is None:
                raise SystemExit(f"the report has no section {selector}")
            page.screenshot(
                path=HERE / f"{name}.png",
                full_page=True,
                clip={
                    "x": 0,
                    "y": box["y"] + page.evaluate("window.scrollY"),
                    "width": WIDTH,
                    "height": min(box["height"], TALLEST.get(name, 1400)),
                },
            )
            print(HERE / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    main()
