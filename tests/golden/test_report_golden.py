"""The words and the structure of a report, as agreed. With ``SENTINELQA_GOLDEN=write`` the golden
file is written anew; look at the difference before it is committed."""

from __future__ import annotations

import os
import re
from pathlib import Path

from sentinelqa import __version__
from sentinelqa.report import write_report
from tests.report_run import write_run

GOLDEN = Path(__file__).parent / "report.html"


def _settled(text: str) -> str:
    """Without what is tested elsewhere (style, scripts, data) and what follows from it."""
    text = re.sub(r"(<(style|script)\b[^>]*>).*?(</\2>)", r"\1\3", text, flags=re.DOTALL)
    text = re.sub(r"nonce-[0-9a-f]{32}|nonce=\"[0-9a-f]{32}", "nonce", text)
    return text.replace(f"SentinelQA {__version__}", "SentinelQA VERSION")


def test_the_report_reads_as_agreed(tmp_path: Path) -> None:
    text = _settled(write_report(write_run(tmp_path / "run", requests=4)).read_text())
    if os.environ.get("SENTINELQA_GOLDEN") == "write":
        GOLDEN.write_text(text, encoding="utf-8")

    assert text == GOLDEN.read_text(encoding="utf-8")
