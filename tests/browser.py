"""Pages in Debian's Chromium, without a screen and watched."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium")
NEEDS_BROWSER = [
    pytest.mark.skipif(CHROMIUM is None, reason="Debian's chromium is not installed"),
    pytest.mark.skipif(find_spec("playwright") is None, reason="playwright is not installed"),
    pytest.mark.skipif(find_spec("axe_playwright_python") is None, reason="axe is missing"),
]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def started() -> Iterator[Any]:
    """A browser, for as long as a fixture lives."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def opened(browser: Any, path: Path, **context: Any) -> Iterator[Any]:
    """A page whose console and network are watched: no error, nothing from elsewhere."""
    made = browser.new_context(**context)
    page = made.new_page()
    troubles: list[str] = []
    asked: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda m: troubles.append(m.text) if m.type == "error" else None)
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    yield page
    made.close()
    assert not troubles
    assert all(url.startswith(("file:", "data:", "blob:file:")) for url in asked)


def serious_in(page: Any) -> list[Any]:
    """What axe-core finds on a page that is serious or worse."""
    from axe_playwright_python.sync_playwright import Axe

    return [
        (found["id"], [node["html"][:200] for node in found["nodes"][:3]])
        for found in Axe().run(page).response["violations"]
        if found["impact"] in ("serious", "critical")
    ]
