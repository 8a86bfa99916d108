"""``{column}`` in a rule's texts: filled in from each request."""

from __future__ import annotations

import re

from sentinelqa.decide import request_value
from sentinelqa.types import Request

_COLUMN = re.compile(r"\{([A-Za-z_][A-Za-z_0-9]*)\}")


def columns_of(text: str) -> tuple[str, ...]:
    """The columns that ``text`` names."""
    return tuple(dict.fromkeys(_COLUMN.findall(text)))


def fill(text: str, request: Request) -> str | None:
    """``text`` with the request's values; ``None`` where the request lacks one of them."""
    values = {name: request_value(request, name) for name in columns_of(text)}
    if any(value is None or value == "" for value in values.values()):
        return None
    return _COLUMN.sub(lambda match: str(values[match[1]]), text)
