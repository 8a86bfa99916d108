"""Tables of models, in at most 100 columns."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sentinelqa.weights.audit import Row
from sentinelqa.weights.fetching import Wanted

WIDTH = 100


def print_table(table: Table, *notes: str) -> None:
    """Print a table and sentences below it: 100 columns, or less where the terminal has less."""
    console = Console(highlight=False)
    if not console.is_terminal or console.width > WIDTH:
        console.width = WIDTH
    console.print(table)
    for note in notes:
        console.print(Text(note))


def model_table(rows: Sequence[Row]) -> Table:
    """What there is: id, task, whether it is here, size, licence, commercial use.

    A star marks what is unpinned.
    """
    table = _table("model", "task", "here", ">size", "licence", "commercial")
    for row in rows:
        name = row.id if row.pinned else f"{row.id}*"
        here = "yes" if row.here else "no"
        table.add_row(*_texts(name, row.task, here, size(row.size), row.licence, row.commercial))
    return table


def licence_table(rows: Sequence[Row]) -> Table:
    """The audit: what each licence allows, and where that is stated."""
    table = _table("model", "licence", "commercial", "stated at")
    for row in rows:
        table.add_row(*_texts(row.id, row.licence, row.commercial, _short(row.licence_source)))
    return table


def pull_table(wanted: Sequence[Wanted]) -> Table:
    """What a pull would fetch, before it does."""
    table = _table("model", "from", ">to fetch", "licence", "commercial")
    for item in wanted:
        amount = "here" if item.here else size(item.size)
        table.add_row(*_texts(item.name, item.source, amount, item.licence, item.commercial))
    return table


def size(count: int) -> str:
    """Bytes for people; ``?`` when not known."""
    if not count:
        return "?"
    for unit, scale in (("GB", 1e9), ("MB", 1e6)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count / 1e3:.0f} kB"


def _table(*columns: str) -> Table:
    """A table without frame; a name that starts with ``>`` is flush right."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in columns:
        table.add_column(
            name.removeprefix(">"),
            justify="right" if name.startswith(">") else "left",
            overflow="fold",
            no_wrap=name not in ("stated at", "from"),
        )
    return table


def _short(address: str) -> str:
    return address.removeprefix("https://")


def _texts(*cells: str) -> tuple[Text, ...]:
    return tuple(Text(cell) for cell in cells)
