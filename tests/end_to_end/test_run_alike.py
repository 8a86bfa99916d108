"""A run whose requests pass by kind: it finds the column by itself, says so, and resumes alike."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

import sentinelqa as sq
from tests.finished import killed, table

pytestmark = pytest.mark.slow

RULE = """\
  custom:
    - name: mugs_or_sharp
      require: request.category == 'mug' || sharpness.score >= 0.975
      message: Only mugs may be soft.
"""


def test_the_column_that_tells_is_named_and_a_killed_run_expects_the_same(folder: Path) -> None:
    rows = [f"r{n},{('mug', 'vase')[n * n % 7 % 2]},{('red', 'blue')[n % 2]}" for n in range(80)]
    (folder / "requests.csv").write_text("\n".join(["id,category,colour", *rows]) + "\n")
    rubric = (folder / "rubric.yaml").read_text().replace("min: 0.955", "min: 0.9")
    (folder / "rubric.yaml").write_text(rubric.replace("rank:", f"{RULE}rank:"))
    (folder / "job.yaml").write_text(
        (folder / "job.yaml").read_text().replace("batch: 4", "batch: 16").replace("64", "48")
    )

    run = sq.run(folder / "job.yaml", out=folder / "out")
    killed(folder, [4.0, 5.0])

    pooling = json.loads((folder / "out/pooling.json").read_text())
    assert pooling["column"] == "category"
    assert {one["value"] for one in pooling["values"]} == {"mug", "vase"}
    assert run.as_dict()["pooled_by"] == "category"
    with sqlite3.connect(folder / "out/ledger.sqlite") as db:
        reasons = [why for (why,) in db.execute("SELECT why FROM round WHERE number = 1")]
    assert sum("where category is mug" in why for why in reasons) > 3
    assert not any("where colour" in why for why in reasons)
    assert "category" in (folder / "out/report.html").read_text()
    assert json.loads((folder / "killed/pooling.json").read_text()) == pooling
    for name in ("candidates", "requests"):
        assert table(folder / "killed", name).equals(table(folder / "out", name))
