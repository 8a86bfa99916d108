"""The render pass: from the values of a report to one HTML file.

Everything that comes from a run is escaped by Jinja2 or stands in a JSON block, which the page
writes as text only. The policy of the page lets nothing be loaded from elsewhere and runs only
its own script, by a nonce made from the content.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from sentinelqa import __version__
from sentinelqa.report.building import short_stories
from sentinelqa.report.charts import HEIGHT, WIDTH, bars, place, reach
from sentinelqa.report.comparison import Comparison
from sentinelqa.report.intervals import METHOD
from sentinelqa.report.labelling import Sheet
from sentinelqa.report.model import Report
from sentinelqa.report.words import FORMATS

MOST_SHORT = 200
_SCRIPTS = (
    "base.js",
    "model.js",
    "whatif.js",
    "sheet.js",
    "layers.js",
    "dialog.js",
    "page.js",
    "theme.js",
)


def render(report: Report, template: str = "report.html.j2", **more: Any) -> str:
    """The HTML of one page. Equal reports give equal bytes."""
    short = short_stories(report.stories)
    blocks = {
        "payload": as_json_block(report.payload),
        "thumbnails": as_json_block(list(report.thumbnails)),
    }
    return _page(
        template, _SCRIPTS, blocks, report=report, short=short, most_short=MOST_SHORT, **more
    )


def render_comparison(comparison: Comparison) -> str:
    """The HTML of a comparison. Equal comparisons give equal bytes."""
    blocks = {"payload": as_json_block(comparison.payload)}
    scripts = ("base.js", "comparison.js", "theme.js")
    return _page(
        "comparison.html.j2",
        scripts,
        blocks,
        comparison=comparison,
        method=METHOD,
        most_changed=MOST_SHORT,
        reach=reach(comparison),
    )


def render_sheet(sheet: Sheet) -> str:
    """The HTML of a labelling sheet. Equal sheets give equal bytes."""
    blocks = {"payload": as_json_block(sheet.payload)}
    scripts = ("base.js", "labelling.js", "theme.js")
    return _page("labelling.html.j2", scripts, blocks, sheet=sheet)


def _page(
    template: str, scripts: Sequence[str], blocks: Mapping[str, Markup], **values: Any
) -> str:
    digest = hashlib.sha256("\0".join(blocks.values()).encode()).hexdigest()
    return (
        environment()
        .get_template(template)
        .render(
            blocks=blocks,
            nonce=digest[:32],
            style=Markup(asset("report.css")),  # noqa: S704 - our own file
            script=Markup("\n".join(asset(name) for name in scripts)),  # noqa: S704 - our own files
            version=__version__,
            **values,
        )
    )


def as_json_block(value: Any) -> Markup:
    """JSON that may stand in a script element: nothing in it can end the element."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&'\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 - escaped above


@cache
def environment() -> Environment:
    """The templates of the report."""
    made = Environment(
        loader=PackageLoader("sentinelqa.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters.update(FORMATS)
    made.globals.update(bars=bars, place=place, width=WIDTH, height=HEIGHT)
    return made


@cache
def asset(name: str) -> str:
    """The text of a file under ``assets``."""
    return files("sentinelqa.report").joinpath("assets", name).read_text(encoding="utf-8")
