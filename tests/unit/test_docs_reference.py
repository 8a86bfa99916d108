"""The reference pages say what the code says, and the site holds every page."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from sentinelqa import registry
from sentinelqa.rubric.drafts import schema

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_page", DOCS / name)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["commands.md", "rubric.md"])
def test_a_reference_page_is_what_the_code_says(page: str) -> None:
    written = (DOCS / "reference" / page).read_text(encoding="utf-8")

    assert written == script("reference/make.py").PAGES[page](), (
        "run: python docs/reference/make.py"
    )


def test_every_key_of_the_language_says_what_it_is_for() -> None:
    whole = schema()
    models: dict[str, Any] = {"a rubric": whole, **whole["$defs"]}

    silent = [
        f"{name}.{key}"
        for name, model in models.items()
        for key, spec in model["properties"].items()
        if not spec.get("description")
    ]

    assert silent == []


def test_every_feature_is_offered_to_those_who_write_scorers() -> None:
    page = (DOCS / "write-a-scorer.md").read_text(encoding="utf-8")

    assert [name for name in registry.features if f"| `{name}` |" not in page] == []


def pages(nav: list[Any]) -> list[str]:
    found: list[str] = []
    for entry in nav:
        for target in entry.values():
            found.extend(pages(target) if isinstance(target, list) else [target])
    return found


def test_the_site_lists_every_page_once() -> None:
    nav = pages(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"])

    there = sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md"))
    assert sorted(nav) == there
