"""The report is made in the run's own process, so it touches no file that workers failed at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sentinelqa.report import thumbnails, write_report
from tests.report_run import write_run


@pytest.mark.parametrize("readable", [True, False])
def test_only_what_a_worker_could_read_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, readable: bool
) -> None:
    run = write_run(tmp_path / "run", requests=1, per_request=1, pictures=False)
    picture = tmp_path / "strange.png"
    picture.write_bytes(b"what kills a decoder")
    table = pd.read_parquet(run / "candidates.parquet")
    table["path"] = str(picture)
    table["sha256"] = "ab" * 32 if readable else ""
    table.to_parquet(run / "candidates.parquet")
    decoded: list[str] = []

    def decode(path: str) -> Any:
        decoded.append(path)
        raise OSError("a worker died of this")

    monkeypatch.setattr(thumbnails, "decode", decode)
    write_report(run)
    assert set(decoded) == ({str(picture)} if readable else set())
