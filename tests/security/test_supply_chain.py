"""The SBOM command works, and the audit claims nothing that it did not look up."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

PROGRAM = Path(__file__).parents[2] / ".ci" / "supply_chain.py"


@pytest.fixture(scope="module")
def supply_chain() -> ModuleType:
    spec = importlib.util.spec_from_file_location("supply_chain", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_the_sbom_names_what_is_installed(supply_chain: ModuleType, tmp_path: Path) -> None:
    pytest.importorskip("cyclonedx_py", reason="cyclonedx-bom is not installed")
    target = tmp_path / "sbom.json"
    assert supply_chain.main(["sbom", str(target)]) == 0
    found = json.loads(target.read_text())
    assert (found["bomFormat"], found["metadata"]["component"]["name"]) == (
        "CycloneDX",
        "sentinelqa",
    )
    components = {c["name"].lower(): c for c in found["components"]}
    assert components["pillow"]["purl"].startswith("pkg:pypi/pillow@")
    assert {"click", "numpy", "pydantic"} <= set(components)
    assert f"{sys.prefix}/" not in target.read_text()


def package(name: str, **more: object) -> dict[str, object]:
    return {"name": name, "version": "1.0", **more}


def test_the_audit_claims_only_what_was_looked_up(supply_chain: ModuleType) -> None:
    hole = {"id": "PYSEC-1", "fix_versions": ["1.1"]}
    sound, skipped = package("a", vulns=[]), package("b", skip_reason="not found")
    holed, own = package("c", vulns=[hole]), package("sentinelqa", skip_reason="ours")

    text, code = supply_chain.verdict({"dependencies": [sound, own]})
    assert (code, text) == (0, "1 of 1 packages looked up, 0 known holes")
    text, code = supply_chain.verdict({"dependencies": [sound, skipped]})
    assert code == 3
    assert "nothing is claimed" in text
    text, code = supply_chain.verdict({"dependencies": [sound, skipped, holed]})
    assert code == 1
    assert text.startswith("c 1.0: PYSEC-1, mended in 1.1\n")
    assert supply_chain.verdict({"dependencies": []})[1] == 3
