"""Row 11: what strangers write comes out as text. ``figures`` gives what was reached."""

from __future__ import annotations

import csv
import io
import json
import logging
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import html5lib
import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import sentinelqa as sq
from sentinelqa.cli import main
from sentinelqa.junit import write_junit
from sentinelqa.report import write_report
from sentinelqa.rundir import log_to
from tests.report_run import write_run
from tests.security.payloads import LINES, PAYLOADS

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_NO_NAME = re.compile("[/\0]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_RUBRIC = """\
name: any
version: 1
tiers:
  generic:
    sharpness: {{min: 0.99}}
  custom:
    - name: labelled
      require: request.column == 'x'
      message: {message}
"""


def elements(page: Path) -> Counter[str]:
    """Every element, and every attribute with its element, as a browser's parser sees them."""
    tree = html5lib.parse(page.read_text(encoding="utf-8"), namespaceHTMLElements=False)
    found: Counter[str] = Counter()
    for element in tree.iter():
        name = element.tag if isinstance(element.tag, str) else "comment"
        found[name] += 1
        found.update(f"{name} {attribute}" for attribute in element.attrib)
    return found


def figures(folder: Path) -> dict[str, int]:
    """Payloads tried everywhere, and what became more than text."""
    generated = generated_report(folder / "generated")
    existing = existing_images(folder / "existing")
    return {
        "payloads": len(PAYLOADS),
        "new elements": generated + existing["new elements"],
        "formula cells": existing["formula cells"],
        "lost rows": existing["lost rows"],
        "forged lines": log_lines(folder / "run.log") + existing["forged lines"],
        "control characters": terminal_characters(folder / "generated" / "hostile"),
    }


def violations(found: dict[str, int]) -> list[str]:
    """The goals that are missed."""
    return [name for name, count in found.items() if name != "payloads" and count]


def difference(hostile: Path, benign: Path) -> int:
    """How many elements and attributes one page has and the other has not."""
    one, other = elements(hostile), elements(benign)
    return (one - other).total() + (other - one).total()


def generated_report(folder: Path) -> int:
    """Prompts and request ids in the report of a run that generated."""
    calm = [f"text {i}" for i in range(len(PAYLOADS))]
    pages = [
        write_report(
            write_run(
                folder / name,
                requests=len(texts),
                per_request=2,
                names=[f"{i:03} {t}" for i, t in enumerate(texts)],
                prompts=texts,
                pictures=False,
            )
        )
        for name, texts in (("hostile", PAYLOADS), ("benign", calm))
    ]
    return difference(*pages)


def existing_images(folder: Path) -> dict[str, int]:
    """Prompts, columns, file names, metadata inside files and a rule's message, really scored."""
    hostile, files = _scored(folder / "hostile", PAYLOADS)
    benign, _ = _scored(folder / "benign", [f"text {i}" for i in range(len(PAYLOADS))])
    ET.parse(hostile / "junit.xml")
    tables = [cells(hostile / f"{name}.csv") for name in ("candidates", "requests")]
    log = (hostile / "run.log").read_text(encoding="utf-8")
    return {
        "new elements": difference(hostile / "report.html", benign / "report.html"),
        "formula cells": sum(is_formula(cell) for t in tables for row in t for cell in row),
        "lost rows": sum(abs(len(t) - 1 - files) for t in tables),
        "forged lines": sum(not re.match(r"\d{4}-", line) for line in log.splitlines()),
    }


def _scored(folder: Path, texts: Sequence[str]) -> tuple[Path, int]:
    images = folder / "images"
    images.mkdir(parents=True)
    rows = []
    for number, text in enumerate(texts):
        name = f"{number:03} {_NO_NAME.sub('_', text)}"[:60] + ".png"
        _picture(images / name, text)
        rows.append({"id": f"r{number}", "image": name, "prompt": text, "column": text})
    table = folder / "requests.jsonl"
    table.write_text("".join(json.dumps(row) + "\n" for row in rows))
    rubric = folder / "rubric.yaml"
    rubric.write_text(_RUBRIC.format(message=json.dumps(texts[2])))
    out = folder / "out"
    run: Any = sq.score([images], rubric=str(rubric), requests=table, out=out)
    assert len(run) == len(texts)
    write_junit(out / "junit.xml", sq.load_run(out))
    return out, len(texts)


def _picture(path: Path, text: str) -> None:
    info = PngInfo()
    info.add_itxt("Comment", text.replace("\0", ""))
    exif = Image.Exif()
    exif[0x010E] = text
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(path, pnginfo=info, exif=exif)


def cells(path: Path) -> list[list[str]]:
    """A csv as a spreadsheet reads it."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def is_formula(cell: str) -> bool:
    """Whether some spreadsheet would run it: a sign at the start, behind what nobody sees."""
    visible = cell.lstrip("".join(c for c in set(cell) if unicodedata.category(c)[0] in "CZ"))
    return visible.startswith(tuple("=+-@＝＋－＠")) and not _NUMBER.fullmatch(cell)


def log_lines(path: Path) -> int:
    """How far the lines of a run's log are from the events, and characters that should not be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with log_to(path):
        logger = logging.getLogger("sentinelqa.test")
        for payload in PAYLOADS:
            logger.warning("about %s", payload)
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    return abs(len(lines) - len(PAYLOADS)) + len(_CONTROL.findall(text))


def terminal_characters(run: Path) -> int:
    """Characters that the command line printed and that would move a cursor or hide something."""
    printed = io.StringIO()
    with redirect_stdout(printed), redirect_stderr(printed):
        for request in load_requests(run):
            for arguments in (["show", str(run), request], ["show", str(run), f"no {request}"]):
                with suppress(SystemExit):
                    main(arguments)
    return len(_CONTROL.findall(printed.getvalue()))


def load_requests(run: Path) -> list[str]:
    """The ids in a run that hold the payloads for terminals."""
    wanted = [f"{PAYLOADS.index(text):03} {text}" for text in LINES]
    return [row[0] for row in cells(run / "requests.csv") if row[0] in wanted]
