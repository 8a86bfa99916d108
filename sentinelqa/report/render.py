"""The render pass: from the values of a report to one HTML file.

Everything that comes from a run is escaped by Jinja2 or stands in a JSON block, which the page
writes as text only. The policy of the page lets nothing be loaded from elsewhere and runs only
its own script, by a nonce made from the content.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import cache, partial
from importlib.resources import files as resources
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from sentinelqa import __version__
from sentinelqa.report.charts import HEIGHT, WIDTH, bars, place, reach
from sentinelqa.report.comparison import Comparison
from sentinelqa.report.intervals import METHOD
from sentinelqa.report.labelling import Sheet
from sentinelqa.report.model import Report
from sentinelqa.report.words import FORMATS

FIRST = "report.html"
MOST_CHANGED = 200
_IN_MEMORY = 1 << 20
"""Bytes of a block that is not written to a file first."""
_AT_ONCE = 1 << 16
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


def render(report: Report, folder: Path) -> Iterator[bytes]:
    """The HTML of one page, piece by piece. Equal reports give equal bytes.

    Args:
        folder: on whose disk a large page may wait for its end.
    """
    blocks = {
        "payload": json_pieces(report.payload),
        "thumbnails": json_pieces(iter(report.thumbnails)),
    }
    names = [page_name(number) for number in range(1, report.pages + 1)]
    return _page("report.html.j2", _SCRIPTS, blocks, folder, report=report, page_names=names)


def page_name(number: int) -> str:
    """``report.html``, then ``report-2.html`` ..."""
    return FIRST if number == 1 else f"report-{number}.html"


def render_comparison(comparison: Comparison) -> bytes:
    """The HTML of a comparison. Equal comparisons give equal bytes."""
    blocks = {"payload": json_pieces(comparison.payload)}
    scripts = ("base.js", "comparison.js", "theme.js")
    pieces = _page(
        "comparison.html.j2",
        scripts,
        blocks,
        comparison=comparison,
        method=METHOD,
        most_changed=MOST_CHANGED,
        reach=reach(comparison),
    )
    return b"".join(pieces)


def render_sheet(sheet: Sheet) -> bytes:
    """The HTML of a labelling sheet. Equal sheets give equal bytes."""
    blocks = {"payload": json_pieces(sheet.payload)}
    scripts = ("base.js", "labelling.js", "theme.js")
    return b"".join(_page("labelling.html.j2", scripts, blocks, sheet=sheet))


def _page(
    template: str,
    scripts: Sequence[str],
    blocks: Mapping[str, Iterable[str]],
    folder: Path | None = None,
    **values: Any,
) -> Iterator[bytes]:
    """The nonce stands first and follows from all that comes after, so the blocks are written
    before anything else, and copied into their places."""
    digest = hashlib.sha256()
    where = None if folder is None else str(folder)
    with ExitStack() as stack:
        files: list[IO[bytes]] = []
        for block in blocks.values():
            if files:
                digest.update(b"\0")
            files.append(stack.enter_context(SpooledTemporaryFile(_IN_MEMORY, dir=where)))
            for piece in block:
                encoded = piece.encode()
                digest.update(encoded)
                files[-1].write(encoded)
        nonce = digest.hexdigest()[:32]
        html = (
            environment()
            .get_template(template)
            .render(
                blocks={name: f"{nonce}:{name}" for name in blocks},
                nonce=nonce,
                style=Markup(asset("report.css")),  # noqa: S704 - our own file
                script=Markup("\n".join(asset(n) for n in scripts)),  # noqa: S704 - our own files
                version=__version__,
                **values,
            )
        )
        for name, file in zip(blocks, files, strict=True):
            before, html = html.split(f"{nonce}:{name}")
            yield before.encode()
            file.seek(0)
            yield from iter(partial(file.read, _AT_ONCE), b"")
        yield html.encode()


def json_pieces(value: Any) -> Iterator[str]:
    """As :func:`as_json_block`, piece by piece: of mappings one value after the other, and of
    iterators one item after the other."""
    if isinstance(value, Mapping):
        for number, (name, item) in enumerate(value.items()):
            yield f"{',' if number else '{'}{as_json_block(name)}:"
            yield from json_pieces(item)
        yield "}" if value else "{}"
    elif isinstance(value, Iterator):
        yield "["
        for number, item in enumerate(value):
            yield f"{',' if number else ''}{as_json_block(item)}"
        yield "]"
    else:
        yield as_json_block(value)


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
    return resources("sentinelqa.report").joinpath("assets", name).read_text(encoding="utf-8")
