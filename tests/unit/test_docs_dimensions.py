from __future__ import annotations

import importlib.util
from pathlib import Path

from sentinelqa import registry

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "dimensions"


def written() -> str:
    spec = importlib.util.spec_from_file_location("make_dimensions", FOLDER / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return str(module.page())


def test_the_page_is_what_the_dimensions_say() -> None:
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert page == written(), "run: python docs/dimensions/make.py"
    for name in registry.dimensions:
        assert f"### {name}\n" in page
