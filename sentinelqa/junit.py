"""JUnit XML of a scoring-only run, for CI systems: one test case per image."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

from sentinelqa.files import write_atomically
from sentinelqa.results import Run

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_junit(path: Path, run: Run) -> None:
    """Write one ``testcase`` per image: ``failure`` for fail and review, ``error`` for error."""
    candidates = run.candidates
    suite = ET.Element(
        "testsuite",
        name="sentinelqa",
        tests=str(len(candidates)),
        failures=str(int(candidates["outcome"].isin(["fail", "review"]).sum())),
        errors=str(int((candidates["outcome"] == "error").sum())),
    )
    for row in candidates.to_dict("records"):
        case = ET.SubElement(
            suite,
            "testcase",
            classname=_clean(str(row["request_id"])),
            name=_clean(str(row["path"])),
            time=f"{row['score_seconds'] or 0:.3f}",
        )
        if row["outcome"] != "pass":
            reasons = [_clean(r) for r in json.loads(str(row["reasons"] or "[]"))]
            kind = "error" if row["outcome"] == "error" else "failure"
            node = ET.SubElement(case, kind, message="; ".join(reasons), type=str(row["outcome"]))
            node.text = "\n".join(reasons)
    write_atomically(path, ET.tostring(suite, encoding="utf-8", xml_declaration=True))


def _clean(text: str) -> str:
    """XML 1.0 has no place for most control characters, not even escaped."""
    return _NOT_XML.sub("�", text)
