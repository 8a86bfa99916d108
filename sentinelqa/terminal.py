"""Text that strangers wrote, on its way to a terminal or into a line of a log."""

from __future__ import annotations

import logging
import re

_HARMFUL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_BREAKING = re.compile("[\t\n]")


def plain(text: str) -> str:
    r"""``text`` with control characters written out (``\x1b``), so that no file name or prompt
    moves the cursor, colours, hides or turns around what is printed. Line breaks stay."""
    return _HARMFUL.sub(_written_out, text)


def one_line(text: str) -> str:
    """As :func:`plain`, with line breaks and tabs written out as well."""
    return _BREAKING.sub(_written_out, plain(text))


class OneLine(logging.Formatter):
    """One event, one line, at most ``longest`` characters."""

    def __init__(self, layout: str, longest: int = 2000) -> None:
        super().__init__(layout)
        self._longest = longest

    def format(self, record: logging.LogRecord) -> str:
        return one_line(super().format(record))[: self._longest]


def _written_out(match: re.Match[str]) -> str:
    return match.group().encode("unicode_escape").decode()
