"""Text of strangers on terminals and in logs: written out, nothing lost, nothing else changed."""

from __future__ import annotations

import logging

from hypothesis import given
from hypothesis import strategies as st

from sentinelqa.terminal import OneLine, one_line, plain


def test_what_is_harmless_stays() -> None:
    text = "café, 日本語 \U0001f600\tone\ntwo"
    assert plain(text) == text


def test_what_moves_a_cursor_or_turns_a_line_is_written_out() -> None:
    assert plain("\x1b[2J\r\x9b\u202e\u2028\udcff") == r"\x1b[2J\r\x9b\u202e\u2028\udcff"


@given(st.text())
def test_one_line_is_one_line(text: str) -> None:
    assert len(f"{one_line(text)}x".splitlines()) == 1
    assert one_line(text).encode().decode() == one_line(text)


def test_an_event_is_one_line_of_limited_length() -> None:
    record = logging.LogRecord("a", logging.INFO, "f", 1, "x\n" * 5000, (), None)
    line = OneLine("%(levelname)s %(message)s").format(record)
    assert len(line) == 2000
    assert line.startswith(r"INFO x\nx\n")
